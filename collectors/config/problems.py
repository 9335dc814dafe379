"""What can be wrong with a configuration: the codes, and how a pydantic error is put in words.

A check returns `Diagnostic` values, all of a run at once, each at its place in the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum

from slo.diagnostic import Diagnostic, Level, Span


class Code(StrEnum):
    """Stable codes; the README of this room documents each."""

    FILE = "COL001"
    SYNTAX = "COL002"
    SUBSTITUTION = "COL003"
    UNKNOWN_KEY = "COL004"
    VALUE = "COL005"
    UNKNOWN_COMPONENT = "COL006"
    UNDEFINED = "COL007"
    WRONG_SIGNAL = "COL008"
    UNUSED = "COL009"
    PLUGIN = "COL010"
    PIPELINE = "COL011"
    CYCLE = "COL012"
    ADMISSION = "COL013"
    STORAGE = "COL014"
    CLASH = "COL015"


def error(code: Code, text: str, place: Span | None, way_out: str = "") -> Diagnostic:
    """A problem that stops the run."""
    return Diagnostic(code.value, Level.ERROR, text, place, way_out)


def warning(code: Code, text: str, place: Span | None, way_out: str = "") -> Diagnostic:
    """A problem that is told and survived."""
    return Diagnostic(code.value, Level.WARNING, text, place, way_out)


def nearest(word: str, known: Iterable[str]) -> str:
    """The way out of a misspelling: the nearest of `known`, else all of them; may be empty."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"allowed: {', '.join(choices)}" if choices else ""
