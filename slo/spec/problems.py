"""Where problems are collected: every check adds to one list, none of them stops."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from slo.diagnostic import Diagnostic, Level, Span
from slo.promql import PromqlError
from slo.source import Scalar, inside

_LISTED: Final = 8


class Problems:
    """The problems of one run, in the order in which they were found."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._errors = 0

    def error(self, code: str, text: str, place: Span | None, hint: str = "") -> None:
        """Add something that stops the run."""
        self._errors += 1
        self.add(Diagnostic(code, Level.ERROR, text, place, hint))

    def warning(self, code: str, text: str, place: Span | None, hint: str = "") -> None:
        """Add something the user should know."""
        self.add(Diagnostic(code, Level.WARNING, text, place, hint))

    def notice(self, code: str, text: str, place: Span | None, hint: str = "") -> None:
        """Add something that is as it should be, but may surprise."""
        self.add(Diagnostic(code, Level.NOTICE, text, place, hint))

    def promql(self, error: PromqlError, scalar: Scalar, code: str = "SLO050") -> None:
        """Add a fault in an expression, at its place inside the scalar."""
        end = error.end or _first_line(scalar.text)
        place = inside(scalar, error.start, end)
        self.error(code, str(error), place, error.help)

    def lint(self, found: Iterable[tuple[str, str, str]], place: Span) -> None:
        """Add what a check of `slo.spec.lint` found: code, text and way out of each."""
        for code, text, hint in found:
            self.warning(code, text, place, hint)

    def add(self, problem: Diagnostic) -> None:
        """Add a problem that is already described; the same one twice is one."""
        self._found[problem] = None

    def extend(self, problems: Iterable[Diagnostic]) -> None:
        """Add problems of a stage before."""
        for problem in problems:
            self._errors += problem.level is Level.ERROR
            self.add(problem)

    @property
    def errors(self) -> int:
        """How many errors were added so far, repetitions included: it only grows."""
        return self._errors

    def sorted(self) -> list[Diagnostic]:
        """All problems by place; those without one come last."""
        return sorted(
            self._found,
            key=lambda problem: (
                problem.place is None,
                (problem.place.file, problem.place.line, problem.place.column)
                if problem.place
                else ("", 0, 0),
                problem.code,
            ),
        )


def closest(word: str, known: Iterable[str]) -> str:
    """The way out for a misspelt word; empty where none of `known` is near."""
    close = get_close_matches(word, sorted(known), 1, 0.6)
    return f"did you mean {close[0]}?" if close else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The way out for a word that is not known: the nearest one, else all of them."""
    words = sorted(known)
    near = closest(word, words)
    if near or not words:
        return near
    listed = ", ".join(words[:_LISTED])
    more = len(words) - _LISTED
    return f"known are {listed}" + (f" and {more} more" if more > 0 else "")


def _first_line(text: str) -> int:
    stripped = text.lstrip()
    return len(text) - len(stripped) + max(len(stripped.partition("\n")[0].rstrip()), 1)
