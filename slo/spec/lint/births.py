"""SLO066 and SLO067: a total that is always there, and good events that are born later than it.

A total with a zero of its own never goes missing, so nobody is told when its metric does. Of
two metrics the good one often begins with the first success: what it holds when it is first
seen is not counted, and good events that are not counted are bad ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import promql_parser as pp

from slo.promql import compact
from slo.spec.lint.uses import uses

LASTING: Final = "SLO066"
LATER: Final = "SLO067"
_OF_HISTOGRAM: Final = re.compile("_(bucket|count)$")


def falls_back(total: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out where a part of `total` is a number when its series are gone."""
    parts: list[pp.BinaryExpr] = []

    def visit(node: pp.Expr) -> None:
        if isinstance(node, pp.BinaryExpr) and str(node.op) == "or" and _is_constant(node.rhs):
            parts.append(node)

    pp.walk(total, visit)
    for part in parts:
        text = (
            f"the total falls back to {compact(part.rhs)}, so that it is there when its series are "
            "not, and SLOSignalLost cannot tell"
        )
        yield LASTING, text, "take it out, and let each part of the total be one selector's"


def born_later(good: pp.Expr, total: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Likewise where good events are counted by another metric than all events."""
    theirs, ours = _counted(total), _counted(good)
    other = sorted(ours - theirs)
    if other and theirs:
        text = (
            f"{', '.join(other)} counts good events, {', '.join(sorted(theirs))} all: what the "
            "first holds when it is first seen counts as bad"
        )
        yield LATER, text, "let it begin at zero, or state the bad events by a label of the total"


def _counted(expr: pp.Expr) -> set[str]:
    """The metrics that `expr` counts; the series of a histogram are born together."""
    return {_OF_HISTOGRAM.sub("", read.metric) for read in uses(expr)}


def _is_constant(expr: pp.Expr) -> bool:
    if isinstance(expr, pp.ParenExpr):
        return _is_constant(expr.expr)
    return isinstance(expr, pp.Call) and expr.func.name == "vector"
