"""Makes an expression a rate per second, whatever the window.

Rules of different windows are divided by each other and added up, so both sides must be
in events per second. `increase(x[$window])` is `rate(x[$window])` times the window: it is
rewritten where that factor only scales the result, and refused where it would not.
"""

from __future__ import annotations

from typing import Final

import promql_parser as pp

from slo.promql.labels import children, is_scalar
from slo.promql.syntax import WINDOW, PromqlError, compact, parse

# Their result grows with the window. Source: Prometheus, "Query functions".
_GROWING: Final = {
    "changes": "count the changes in a counter and use rate",
    "count_over_time": "use sli.gauge, which counts time slices",
    "delta": "use sli.gauge for a gauge",
    "resets": "count the resets in a counter and use rate",
    "sum_over_time": "use sli.gauge, which counts time slices",
}
_UNSTEADY: Final = {
    "idelta": "use rate, which looks at the whole window",
    "irate": "use rate, which looks at the whole window",
}
_COUNTING: Final = frozenset({"count", "group"})
_LINEAR_AGGREGATES: Final = frozenset({"sum", "avg", "min", "max"})
_LINEAR_OPERATORS: Final = frozenset({"+", "-", "or", "and", "unless"})


def per_second(expr: pp.Expr) -> pp.Expr:
    """`expr` with every `increase` over the window made a `rate`.

    Raises:
        PromqlError: A function's result grows with the window, rates are made a yes or a
            number of series, or an `increase` is used where a factor would change the meaning.
    """
    _check(expr, scales=True)
    if "@" in compact(expr) and _stands_still(expr):
        msg = "@ makes the expression stand still at one moment, and tells its events for ever"
        raise PromqlError(msg, hint="take it out")
    if what := _no_rate(expr):
        msg = f"{what} over $window makes 0, 1 or a number of series of it, not events per second"
        raise PromqlError(msg, hint="use sli.gauge, which counts time slices")
    return pp.transform(expr, post_visit=_as_rate)


def _stands_still(expr: pp.Expr) -> bool:
    """Whether something in `expr` is read at a fixed time."""
    found: list[bool] = []

    def visit(node: pp.Expr) -> None:
        selector = node.vector_selector if isinstance(node, pp.MatrixSelector) else node
        if isinstance(selector, pp.VectorSelector | pp.SubqueryExpr):
            found.append(selector.at is not None)

    pp.walk(expr, visit)
    return any(found)


def adds_rates(expr: pp.Expr) -> bool:
    """Whether `expr` does nothing with rates over the window but add and subtract them.

    Then events of one window are those of its parts, and a part is the difference of two
    windows. Averages, comparisons and quotients are not of this kind.
    """
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr):
        return adds_rates(expr.expr)
    if isinstance(expr, pp.AggregateExpr):
        return str(expr.op) == "sum" and adds_rates(expr.expr)
    if isinstance(expr, pp.BinaryExpr):
        return _adds(expr)
    return isinstance(expr, pp.Call) and _rate_of_window(expr)


def without_zero(expr: pp.Expr) -> pp.Expr:
    """`expr` without ``or vector(0)`` at its end, for whoever fills in a zero where nothing is."""
    if isinstance(expr, pp.ParenExpr):
        inner = without_zero(expr.expr)
        return expr if inner is expr.expr else inner
    if not isinstance(expr, pp.BinaryExpr) or str(expr.op) != "or" or not _is_zero(expr.rhs):
        return expr
    matching = expr.modifier.matching if expr.modifier is not None else None
    on_nothing = matching is None or (
        matching.type == pp.LabelModifierType.Include and not matching.labels
    )
    return without_zero(expr.lhs) if on_nothing else expr


def unguarded(expr: pp.Expr) -> pp.Expr:
    """`expr` without ``> 0`` at its end, for whoever guards every division by it.

    A total that vanishes while nothing happens looks like one whose series are gone.
    """
    if isinstance(expr, pp.ParenExpr):
        inner = unguarded(expr.expr)
        return expr if inner is expr.expr else inner
    if not isinstance(expr, pp.BinaryExpr) or str(expr.op) not in {">", "!="}:
        return expr
    if expr.modifier is not None and expr.modifier.return_bool:
        return expr
    bound = expr.rhs
    if isinstance(bound, pp.NumberLiteral) and bound.val == 0:
        return unguarded(expr.lhs)
    return expr


def _is_zero(expr: pp.Expr) -> bool:
    if isinstance(expr, pp.ParenExpr):
        return _is_zero(expr.expr)
    if not isinstance(expr, pp.Call) or expr.func.name != "vector":
        return False
    number = expr.args[0]
    return isinstance(number, pp.NumberLiteral) and number.val == 0


def _adds(expr: pp.BinaryExpr) -> bool:
    operator, left, right = str(expr.op), expr.lhs, expr.rhs
    if operator in {"+", "-", "or"}:
        return adds_rates(left) and adds_rates(right)
    if operator == "*":
        return (is_scalar(left) and adds_rates(right)) or (is_scalar(right) and adds_rates(left))
    return operator == "/" and is_scalar(right) and adds_rates(left)


def _rate_of_window(call: pp.Call) -> bool:
    first = call.args[0] if call.args else None
    if call.func.name in {"label_replace", "label_join"} and first is not None:
        return adds_rates(first)
    return (
        call.func.name == "rate"
        and isinstance(first, pp.MatrixSelector)
        and f"[{WINDOW}]" in compact(first)
        and first.vector_selector.offset is None
        and first.vector_selector.at is None
    )


def _as_rate(expr: pp.Expr) -> pp.Expr | None:
    if isinstance(expr, pp.Call) and expr.func.name == "increase":
        return parse(f"rate({compact(expr.args[0])})")
    return None


def _check(expr: pp.Expr, *, scales: bool) -> None:
    if isinstance(expr, pp.Call):
        _check_call(expr, scales=scales)
    for child in children(expr):
        _check(child, scales=scales and _keeps_scale(expr))


def _check_call(expr: pp.Call, *, scales: bool) -> None:
    name = expr.func.name
    over_window = bool(expr.args) and WINDOW in compact(expr.args[0])
    if name in _UNSTEADY:
        msg = f"{name} looks at two samples only and misses events"
        raise PromqlError(msg, hint=_UNSTEADY[name])
    if name in _GROWING and over_window:
        msg = f"{name} over $window grows with the window, events per second are needed"
        raise PromqlError(msg, hint=_GROWING[name])
    if name == "increase" and not (over_window and scales):
        msg = "increase cannot be turned into a rate here without changing the meaning"
        raise PromqlError(msg, hint="write rate(...[$window]) instead")


def _no_rate(expr: pp.Expr) -> str:
    """What makes rates over the window a yes or a number of series; empty where they stay rates.

    One bad event would be told for as long as the window is, and no longer weigh one. A factor
    of 0 or 1 beside a rate is no harm.
    """
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr):
        return _no_rate(expr.expr)
    if isinstance(expr, pp.AggregateExpr):
        counts = str(expr.op) in _COUNTING and WINDOW in compact(expr)
        return str(expr.op) if counts else _no_rate(expr.expr)
    return _no_rate_of_two(expr) if isinstance(expr, pp.BinaryExpr) else ""


def _no_rate_of_two(expr: pp.BinaryExpr) -> str:
    operator = str(expr.op)
    if expr.modifier is not None and expr.modifier.return_bool:
        return f"{operator} bool" if WINDOW in compact(expr) else ""
    left, right = _no_rate(expr.lhs), _no_rate(expr.rhs)
    if operator in {"+", "-", "or"}:
        return left or right
    if operator == "*":
        scales = is_scalar(expr.lhs) or is_scalar(expr.rhs)
        return left or right if scales or (left and right) else ""
    return left


def _keeps_scale(expr: pp.Expr) -> bool:
    """Whether a factor in the parts is the same factor in the whole."""
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr):
        return True
    if isinstance(expr, pp.AggregateExpr):
        return str(expr.op) in _LINEAR_AGGREGATES
    if isinstance(expr, pp.BinaryExpr):
        operator = str(expr.op)
        if operator in _LINEAR_OPERATORS:
            return not (is_scalar(expr.lhs) or is_scalar(expr.rhs))
        if operator == "*":
            return is_scalar(expr.lhs) or is_scalar(expr.rhs)
        return operator == "/" and is_scalar(expr.rhs)
    return isinstance(expr, pp.Call) and expr.func.name in {"label_replace", "label_join"}
