"""Where the servers and their tools are.

On PATH, under the name that Debian or upstream gives them; else in the folder that
`make servers` fills: ``$FLEETSLO_SERVERS/bin``, else ``.servers/bin`` in the working
directory or in the checkout that this file belongs to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OTHER_NAMES: Final = {"alertmanager": "prometheus-alertmanager"}
_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = {"amtool": "prometheus-alertmanager", "alertmanager": "prometheus-alertmanager"}
"""The package of Debian and Ubuntu that holds a tool; prometheus where none is named."""


class MissingToolError(RuntimeError):
    """A server or tool is not to be had; the message names it and the way out."""


def find(tool: str) -> Path | None:
    """The executable of `tool` (prometheus, promtool, alertmanager, amtool), or None."""
    for name in dict.fromkeys((tool, _OTHER_NAMES.get(tool, tool))):
        on_path = shutil.which(name)
        if on_path is not None:
            return Path(on_path)
        for folder in _folders():
            candidate = folder / "bin" / name
            if os.access(candidate, os.X_OK):
                return candidate
    return None


def require(tool: str) -> Path:
    """As `find`.

    Raises:
        MissingToolError: It is not to be had.
    """
    found = find(tool)
    if found is None:
        msg = f"{tool} is not on PATH: {way_out(tool)}"
        raise MissingToolError(msg)
    return found


def way_out(tool: str) -> str:
    """How to get `tool`: by make in a checkout of this project, else by a package."""
    if (_CHECKOUT / ".ci" / "servers").is_file():
        return "run `make servers`, or put it on PATH"
    package = _PACKAGES.get(tool, "prometheus")
    return f"install the package {package}, or put the tool on PATH"


def _folders() -> Iterator[Path]:
    chosen = os.environ.get("FLEETSLO_SERVERS")
    if chosen:
        yield Path(chosen)
        return
    yield Path.cwd() / ".servers"
    yield _CHECKOUT / ".servers"
