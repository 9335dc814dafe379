"""What the compiler says about a file, and where.

A check never prints and never raises: it returns `Diagnostic` values. The CLI draws
them. So one run reports every problem, and a test compares values, not text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. An error stops the run, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a user's file.

    Attributes:
        file: As the user named it.
        line: From 1.
        column: From 1.
        end_column: Exclusive, on the same line.
    """

    file: str
    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what, where, and the way out.

    Attributes:
        code: Stable, ``SLO012``; `sloctl explain CODE` documents it.
        text: Lower case, no full stop: *what, got, allowed*.
        place: Where it stands; None for a problem of the whole run.
        help: The way out; empty when the text says it.
    """

    code: str
    level: Level
    text: str
    place: Span | None = None
    help: str = ""


def has_errors(problems: list[Diagnostic]) -> bool:
    """Whether any of `problems` stops the run."""
    return any(problem.level is Level.ERROR for problem in problems)
