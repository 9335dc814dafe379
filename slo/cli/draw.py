"""Draws a diagnostic at its place in the user's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from unicodedata import east_asian_width

import click

from slo.diagnostic import Diagnostic, Level, Span
from slo.plural import plural

WIDTH: Final = 120
"""Columns of a source line that are shown; of a longer one the part around the mark."""
_COLOURS: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTICE: "cyan"}


def draw(problem: Diagnostic, sources: Mapping[str, str], *, colour: bool = False) -> str:
    """The lines that tell of `problem`, without a line break at the end.

    Args:
        problem: What is wrong, where, and the way out.
        sources: Texts of the files by their names; a file that is not there shows no line.
        colour: Mark level and place with ANSI colours.
    """
    head = f"{problem.level}[{problem.code}]"
    if colour:
        head = click.style(head, fg=_COLOURS[problem.level], bold=True)
    lines = [f"{head}: {_printable(problem.text)}"]
    if problem.place is not None:
        place = problem.place
        lines.append(f" --> {_printable(place.file)}:{place.line}:{place.column}")
        lines.extend(_excerpt(problem, place, sources, colour=colour))
    if problem.help:
        lines.append(f"help: {_printable(problem.help)}")
    return "\n".join(lines)


def summary(problems: Sequence[Diagnostic]) -> str:
    """``2 errors and 1 warning``; notices are not counted. Empty where there is none."""
    counts = [
        (sum(problem.level is level for problem in problems), level.value)
        for level in (Level.ERROR, Level.WARNING)
    ]
    return " and ".join(plural(n, word) for n, word in counts if n)


def _excerpt(
    problem: Diagnostic, place: Span, sources: Mapping[str, str], *, colour: bool
) -> list[str]:
    lines = _lines(sources.get(place.file, ""))
    if not 1 <= place.line <= len(lines) or not lines[place.line - 1].strip():
        return []
    source = _printable(lines[place.line - 1].rstrip("\r"))
    start = min(max(place.column - 1, 0), len(source))
    end = min(max(place.end_column - 1, start + 1), max(len(source), start + 1))
    source, start, end = _narrowed(source, start, end)
    gutter = f"{place.line} | "
    mark = "^" * max(_columns(source[start:end]), 1)
    if colour:
        mark = click.style(mark, fg=_COLOURS[problem.level], bold=True)
    return [f"{gutter}{source}", " " * (len(gutter) + _columns(source[:start])) + mark]


@lru_cache(maxsize=4)
def _lines(text: str) -> list[str]:
    """The lines of a file; one with many problems is taken apart once."""
    return text.removeprefix("\ufeff").split("\n")


def _narrowed(source: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around the mark, with the mark's place in it."""
    if len(source) <= WIDTH:
        return source, start, end
    end = min(end, start + WIDTH - 6)
    first = max(min(start - WIDTH // 3, len(source) - WIDTH + 6), 0)
    last = min(first + WIDTH - 6, len(source))
    before = "..." if first else ""
    after = "..." if last < len(source) else ""
    shift = len(before) - first
    return before + source[first:last] + after, start + shift, min(end, last) + shift


def _columns(text: str) -> int:
    """Columns on a terminal: wide characters take two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _printable(text: str) -> str:
    """`text` without what could steer a terminal; a tab is one space, as it is one column."""
    return "".join(char if char.isprintable() else " " for char in text)
