"""What an SLI makes of series that grow evenly: the part of PromQL that adds and subtracts rates.

Given slopes, every `rate` is a number, and bad and total events per second follow without a
server. What is not of this kind raises `UnsupportedError`, and the test is fed one level up.
"""

from __future__ import annotations

import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import promql_parser as pp

Labels: TypeAlias = frozenset[tuple[str, str]]
Vector: TypeAlias = dict[Labels, float]

_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_REDUCE: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
    "group": lambda _values: 1.0,
}


class UnsupportedError(ValueError):
    """The expression does more with its series than this evaluator knows."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw series: its metric and its labels, none of them empty."""

    metric: str
    labels: Labels

    def matches(self, selector: pp.VectorSelector) -> bool:
        """Whether `selector` picks this series."""
        if selector.name and selector.name != self.metric:
            return False
        values = dict(self.labels) | {"__name__": self.metric}
        return all(
            accepts(matcher, values.get(matcher.name, "")) for matcher in selector.matchers.matchers
        )


def accepts(matcher: pp.Matcher, value: str) -> bool:
    """Whether a label of this value, empty for none, passes `matcher`."""
    if matcher.op == pp.MatchOp.Equal:
        return value == matcher.value
    if matcher.op == pp.MatchOp.NotEqual:
        return value != matcher.value
    found = matches(matcher.value, value)
    return found if matcher.op == pp.MatchOp.Re else not found


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool:
    """Whether a label matcher's `pattern` matches all of `text`.

    Raises:
        UnsupportedError: The pattern is RE2's, and Python does not read it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.fullmatch(pattern, text) is not None
    except (re.error, FutureWarning) as error:
        msg = f"a pattern that only RE2 knows: {pattern}"
        raise UnsupportedError(msg) from error


def evaluate(expr: pp.Expr, slopes: Mapping[Raw, float]) -> Vector | float:
    """The result for counters that grow by `slopes` per second, or gauges that stand there.

    Raises:
        UnsupportedError: A part of `expr` is not linear in rates.
    """
    if isinstance(expr, pp.NumberLiteral):
        return expr.val
    if isinstance(expr, pp.ParenExpr):
        return evaluate(expr.expr, slopes)
    if isinstance(expr, pp.Call):
        return _call(expr, slopes)
    if isinstance(expr, pp.VectorSelector):
        return _selected(expr, slopes)
    if isinstance(expr, pp.AggregateExpr):
        return _aggregate(expr, slopes)
    if isinstance(expr, pp.BinaryExpr):
        return _binary(expr, slopes)
    msg = f"not linear in rates: {type(expr).__name__}"
    raise UnsupportedError(msg)


def _call(expr: pp.Call, slopes: Mapping[Raw, float]) -> Vector:
    first = expr.args[0] if expr.args else None
    name = expr.func.name
    if name == "vector" and isinstance(first, pp.NumberLiteral):
        return {frozenset(): first.val}
    if name not in {"rate", "increase"} or not isinstance(first, pp.MatrixSelector):
        msg = f"not linear in rates: {name}"
        raise UnsupportedError(msg)
    factor = first.range.total_seconds() if name == "increase" else 1.0
    selected = _selected(first.vector_selector, slopes)
    return {labels: slope * factor for labels, slope in selected.items()}


def _selected(selector: pp.VectorSelector, slopes: Mapping[Raw, float]) -> Vector:
    if selector.offset is not None or selector.at is not None:
        msg = "not linear in rates: another time"
        raise UnsupportedError(msg)
    return {raw.labels: slope for raw, slope in slopes.items() if raw.matches(selector)}


def _aggregate(expr: pp.AggregateExpr, slopes: Mapping[Raw, float]) -> Vector:
    name = str(expr.op)
    inner = evaluate(expr.expr, slopes)
    if name not in _REDUCE or not isinstance(inner, dict):
        msg = f"not linear in rates: {name}"
        raise UnsupportedError(msg)
    groups: dict[Labels, list[float]] = {}
    for labels, value in inner.items():
        groups.setdefault(_kept(labels, expr.modifier), []).append(value)
    return {labels: _REDUCE[name](values) for labels, values in groups.items()}


def _kept(labels: Labels, modifier: pp.AggModifier | None) -> Labels:
    if modifier is None:
        return frozenset()
    by = modifier.type == pp.AggModifierType.By
    return frozenset(pair for pair in labels if (pair[0] in modifier.labels) == by)


def _binary(expr: pp.BinaryExpr, slopes: Mapping[Raw, float]) -> Vector | float:
    left, right = evaluate(expr.lhs, slopes), evaluate(expr.rhs, slopes)
    sign = str(expr.op)
    if isinstance(left, dict) and isinstance(right, dict):
        return _vectors(expr, left, right)
    if isinstance(left, dict) and not isinstance(right, dict):
        return _each(expr, left, lambda value: _apply(sign, value, right))
    if isinstance(right, dict) and not isinstance(left, dict):
        return _each(expr, right, lambda value: _apply(sign, left, value))
    assert not isinstance(left, dict)
    assert not isinstance(right, dict)
    return _apply(sign, left, right)


def _each(expr: pp.BinaryExpr, vector: Vector, change: Callable[[float], float]) -> Vector:
    if str(expr.op) not in _COMPARISONS:
        return {labels: change(value) for labels, value in vector.items()}
    if expr.modifier is not None and expr.modifier.return_bool:
        return {labels: change(value) for labels, value in vector.items()}
    return {labels: value for labels, value in vector.items() if change(value)}


def _vectors(expr: pp.BinaryExpr, left: Vector, right: Vector) -> Vector:
    sign = str(expr.op)
    matching = expr.modifier.matching if expr.modifier is not None else None
    if sign in {"and", "unless"}:
        there = {_matched(labels, matching) for labels in right}
        wanted = sign == "and"
        return {
            labels: value
            for labels, value in left.items()
            if (_matched(labels, matching) in there) == wanted
        }
    if sign == "or":
        there = {_matched(labels, matching) for labels in left}
        more = {labels: v for labels, v in right.items() if _matched(labels, matching) not in there}
        return {**more, **left}
    if matching is not None:
        msg = "not linear in rates: matching with on or ignoring"
        raise UnsupportedError(msg)
    if sign in _COMPARISONS:
        msg = "not linear in rates: a comparison of series"
        raise UnsupportedError(msg)
    return {
        labels: _apply(sign, value, right[labels])
        for labels, value in left.items()
        if labels in right
    }


def _matched(labels: Labels, matching: pp.LabelModifier | None) -> Labels:
    """The part of `labels` that two sides are matched on."""
    if matching is None:
        return labels
    included = matching.type == pp.LabelModifierType.Include
    return frozenset(pair for pair in labels if (pair[0] in matching.labels) == included)


def _apply(sign: str, left: float, right: float) -> float:
    if sign in _ARITHMETIC:
        return _ARITHMETIC[sign](left, right)
    if sign in _COMPARISONS:
        return float(_COMPARISONS[sign](left, right))
    if sign == "/":
        return left / right if right else left * math.inf
    msg = f"not linear in rates: {sign}"
    raise UnsupportedError(msg)
