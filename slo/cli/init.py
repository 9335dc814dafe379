"""`sloctl init`: starter files that a user keeps and edits."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from slo.cli.plugins import starters
from slo.cli.state import FINE, Fault, State
from slo.cli.writing import put
from slo.spec.shapes import API_VERSION

# Not a document of ours, but what every set-up needs beside them.
_COLLECTOR = "collector.yaml"
_SETTINGS = "settings.yaml"
_BASE = f"""\
  # Your collector: edit it, and generate puts in what SLOs on spans need. Likewise prometheus:
  # and alertmanager: for configurations that you have already.
  base: {{collector: {_COLLECTOR}}}
"""


@click.command("init")
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def init(state: State, directory: Path) -> int:
    """Write starter files into DIRECTORY: SLOs, alerts with runbooks, teams, collector.

    They are the built-in catalogue; edit them as you like. Nothing is overwritten.
    """
    found = _with_base(starter_files())
    taken = sorted(path for path in found if (directory / path).exists())
    if taken:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        verb = "exist" if more else "exists"
        msg = (
            f"{directory / taken[0]}{more} {verb} already, and init overwrites nothing; "
            "name another DIRECTORY"
        )
        raise Fault(msg)
    for path in sorted(found):
        put(directory / path, found[path])
        state.detail(f"written {directory / path}")
    state.say(f"{len(found)} files in {directory}; next: sloctl generate {directory} --out DIR")
    return FINE


def _with_base(found: dict[str, str]) -> dict[str, str]:
    """The starter files, with settings that make edits of the starter's collector count."""
    settings = found.get(_SETTINGS, "")
    if _COLLECTOR not in found or "\nspec:\n" not in settings:
        return found
    based = settings.replace("\nspec:\n", f"\nspec:\n{_BASE}", 1)
    return {**found, _SETTINGS: based}


def starter_files() -> dict[str, str]:
    """The texts of all starter documents by their paths, with forward slashes.

    Raises:
        Fault: Two plug-ins bring the same path.
    """
    found: dict[str, str] = {}
    for folder in starters():
        for path, text in _below(folder, ""):
            if path in found:
                msg = f"two starter packages hold {path}"
                raise Fault(msg)
            found[path] = text
    return found


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    """Documents below `folder`; other YAML is data of the package itself."""
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        path = f"{prefix}{item.name}"
        if item.is_dir():
            yield from _below(item, f"{path}/")
        elif item.name.endswith((".yaml", ".yml")):
            text = item.read_text(encoding="utf-8")
            if path == _COLLECTOR or f"apiVersion: {API_VERSION}" in text:
                yield path, text


COMMAND = init
