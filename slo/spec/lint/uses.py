"""How an expression uses the metrics that it names: as counters, as they stand, or as presence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import promql_parser as pp

from slo.promql.labels import children


class Use(StrEnum):
    """What is made of a metric."""

    RATED = "rated"
    VALUE = "value"
    PRESENCE = "presence"


@dataclass(frozen=True, slots=True)
class Read:
    """One selector of an expression."""

    selector: pp.VectorSelector
    use: Use

    @property
    def metric(self) -> str:
        """The name; empty where the selector has none."""
        return self.selector.name or ""


_RATES: Final = frozenset({"rate", "increase", "irate", "resets"})
_PRESENCE: Final = frozenset(
    {"absent", "absent_over_time", "present_over_time", "count_over_time", "timestamp", "changes"}
)
_COUNTING: Final = frozenset({"count", "group"})


def uses(expr: pp.Expr, use: Use = Use.VALUE) -> Iterator[Read]:
    """Every selector of `expr`, with what is made of it."""
    if isinstance(expr, pp.VectorSelector):
        yield Read(expr, use)
        return
    if isinstance(expr, pp.Call):
        if expr.func.name in _RATES:
            use = Use.RATED
        elif expr.func.name in _PRESENCE:
            use = Use.PRESENCE
    elif isinstance(expr, pp.AggregateExpr) and str(expr.op) in _COUNTING:
        use = Use.PRESENCE if use is Use.VALUE else use
    elif isinstance(expr, pp.BinaryExpr) and str(expr.op) in {"and", "unless"}:
        yield from uses(expr.lhs, use)
        yield from uses(expr.rhs, Use.PRESENCE if use is Use.VALUE else use)
        return
    for child in children(expr):
        yield from uses(child, use)
