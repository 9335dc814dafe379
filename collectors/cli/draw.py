"""Draws problems where they stand in the user's file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slo.diagnostic import Diagnostic


def draw(problem: Diagnostic, texts: Mapping[str, str]) -> str:
    """One problem in a few lines.

    Args:
        problem: What is wrong.
        texts: The files by the name that places use.
    """
    lines = [f"{problem.level}[{problem.code}]: {problem.text}"]
    place = problem.place
    if place is not None:
        lines.append(f" --> {place.file}:{place.line}:{place.column}")
        written = texts.get(place.file, "").split("\n")
        if 0 < place.line <= len(written):
            margin = f"{place.line} | "
            marks = "^" * max(place.end_column - place.column, 1)
            lines.append(margin + written[place.line - 1])
            lines.append(" " * (len(margin) + place.column - 1) + marks)
    if problem.help:
        lines.append(f"help: {problem.help}")
    return "\n".join(lines)


def draw_all(problems: Iterable[Diagnostic], texts: Mapping[str, str]) -> str:
    """All problems, a blank line between two."""
    return "\n\n".join(draw(problem, texts) for problem in problems)
