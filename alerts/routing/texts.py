"""The notification templates that we bring."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

_DEFINED: Final = re.compile(r'\{\{-?\s*define\s+"([^"]+)"')


def template() -> str:
    """The text of the file."""
    return files("alerts.routing").joinpath("fleetslo.tmpl").read_text("utf-8")


def defined() -> frozenset[str]:
    """The names that a destination's own texts may use."""
    return frozenset(_DEFINED.findall(template()))
