"""SLO062: one metric, used as a counter here and as a gauge there. One of the two is wrong.

Metrics whose name says what they are need no second opinion: see `slo.spec.lint.types`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from slo.diagnostic import Diagnostic, Level, Span
from slo.promql import form
from slo.spec.lint.types import told_by_name
from slo.spec.lint.uses import Use, uses

CODE: Final = "SLO062"


def conflicts(expressions: Iterable[tuple[str, Span]]) -> Iterator[Diagnostic]:
    """A warning for each metric whose uses disagree, at the second use.

    Args:
        expressions: What the documents read, each with the place of its document.
    """
    first: dict[str, tuple[Use, Span]] = {}
    told: set[str] = set()
    for text, place in expressions:
        for read in uses(form(text)):
            name = read.metric
            if read.use is Use.PRESENCE or not name or name in told or told_by_name(name):
                continue
            use, where = first.setdefault(name, (read.use, place))
            if use is not read.use:
                told.add(name)
                yield _told(name, read.use, place, where)


def _told(name: str, use: Use, place: Span, first: Span) -> Diagnostic:
    other = "as a gauge" if use is Use.RATED else "as a counter"
    here = "as a counter" if use is Use.RATED else "as a gauge"
    text = f"{name} is read {here}, and {other} in {first.file} line {first.line}"
    hint = "a counter is read with rate, a gauge is not"
    return Diagnostic(CODE, Level.WARNING, text, place, hint)
