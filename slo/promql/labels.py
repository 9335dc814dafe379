"""Which labels an expression's result carries, as far as its text decides that.

`None` stands for "whatever the series have": a bare selector decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import promql_parser as pp

Labels = frozenset[str] | None

_NONE: Final[frozenset[str]] = frozenset()
_SET_OPERATORS: Final = frozenset({"and", "unless"})
_SOURCES: Final = {"label_replace": slice(3, 4), "label_join": slice(3, None)}
"""Arguments that name labels to read."""

_LABELS_KEPT_BY_CHOICE: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})


def result_labels(expr: pp.Expr) -> Labels:
    """The labels of the result, or None where the data decide."""
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr | pp.SubqueryExpr):
        return result_labels(expr.expr)
    if isinstance(expr, pp.NumberLiteral | pp.StringLiteral):
        return _NONE
    if isinstance(expr, pp.AggregateExpr):
        return _of_aggregate(expr)
    if isinstance(expr, pp.BinaryExpr):
        return _of_binary(expr)
    if isinstance(expr, pp.Call):
        return _of_call(expr)
    return None


def children(expr: pp.Expr) -> Iterator[pp.Expr]:
    """The expressions directly below `expr`."""
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr | pp.SubqueryExpr | pp.AggregateExpr):
        yield expr.expr
    elif isinstance(expr, pp.BinaryExpr):
        yield expr.lhs
        yield expr.rhs
    elif isinstance(expr, pp.Call):
        yield from expr.args
    elif isinstance(expr, pp.MatrixSelector):
        yield expr.vector_selector


def selected_metrics(expr: pp.Expr) -> frozenset[str]:
    """The names of all metrics that `expr` selects by name."""
    if isinstance(expr, pp.VectorSelector):
        return frozenset({expr.name}) if expr.name else _NONE
    return frozenset[str]().union(*(selected_metrics(child) for child in children(expr)))


def read_labels(expr: pp.Expr) -> frozenset[str]:
    """The labels that `expr` names: without one of them its result could be another.

    Those of matchers, of `by`, `on`, `group_left` and `group_right`, and the sources of
    `label_replace` and `label_join`. What `without` and `ignoring` name is not needed.
    """
    below = frozenset[str]().union(*(read_labels(child) for child in children(expr)))
    return below | frozenset(_named(expr))


def _named(expr: pp.Expr) -> Iterator[str]:
    if isinstance(expr, pp.VectorSelector):
        for either in (expr.matchers.matchers, *expr.matchers.or_matchers):
            yield from (matcher.name for matcher in either)
    elif isinstance(expr, pp.AggregateExpr):
        modifier = expr.modifier
        if modifier is not None and modifier.type == pp.AggModifierType.By:
            yield from modifier.labels
    elif isinstance(expr, pp.BinaryExpr) and expr.modifier is not None:
        matching = expr.modifier.matching
        if matching is not None and matching.type == pp.LabelModifierType.Include:
            yield from matching.labels
        yield from expr.modifier.group_labels or ()
    elif isinstance(expr, pp.Call) and expr.func.name in _SOURCES:
        sources = expr.args[_SOURCES[expr.func.name]]
        yield from (of.val for of in sources if isinstance(of, pp.StringLiteral))


def selects(expr: pp.Expr, metric: str, label: str, value: str) -> bool:
    """Whether `expr` reads series called `metric` whose `label` may be `value`.

    Of patterns plain alternatives are understood, ``a|b``; any other may match anything.
    """
    if isinstance(expr, pp.VectorSelector):
        asked = [each for each in expr.matchers.matchers if each.name == label]
        return expr.name == metric and all(_may_be(matcher, value) for matcher in asked)
    return any(selects(child, metric, label, value) for child in children(expr))


def groups_by(expr: pp.Expr) -> Iterator[str]:
    """Every label that a sum, or another aggregation, of `expr` keeps or takes away."""
    if isinstance(expr, pp.AggregateExpr) and expr.modifier is not None:
        yield from expr.modifier.labels
    for child in children(expr):
        yield from groups_by(child)


def selectors(expr: pp.Expr) -> Iterator[pp.VectorSelector]:
    """Every selector of `expr`."""
    if isinstance(expr, pp.VectorSelector):
        yield expr
    for child in children(expr):
        yield from selectors(child)


def chooses(selector: pp.VectorSelector, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes the series with this `name` and exactly these `labels`."""
    if selector.name not in {None, name}:
        return False
    whole = {**labels, "__name__": name}
    return all(_is(each, whole.get(each.name, "")) for each in selector.matchers.matchers)


def _is(matcher: pp.Matcher, value: str) -> bool:
    if matcher.op in (pp.MatchOp.Equal, pp.MatchOp.NotEqual):
        return bool((matcher.value == value) == (matcher.op == pp.MatchOp.Equal))
    return bool(bool(re.fullmatch(matcher.value, value)) == (matcher.op == pp.MatchOp.Re))


def _may_be(matcher: pp.Matcher, value: str) -> bool:
    if matcher.op == pp.MatchOp.Equal:
        return matcher.value == value
    if matcher.op == pp.MatchOp.Re and re.fullmatch(r"[-\w|]*", matcher.value):
        return value in matcher.value.split("|")
    return True


def is_scalar(expr: pp.Expr) -> bool:
    """Whether the result is a number without labels."""
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr):
        return is_scalar(expr.expr)
    if isinstance(expr, pp.BinaryExpr):
        return is_scalar(expr.lhs) and is_scalar(expr.rhs)
    if isinstance(expr, pp.Call):
        return bool(expr.func.return_type == pp.ValueType.Scalar)
    return isinstance(expr, pp.NumberLiteral)


def _of_aggregate(expr: pp.AggregateExpr) -> Labels:
    operator = str(expr.op)
    if operator in _LABELS_KEPT_BY_CHOICE:
        return result_labels(expr.expr)
    modifier = expr.modifier
    if modifier is None:
        kept: Labels = _NONE
    elif modifier.type == pp.AggModifierType.By:
        kept = frozenset(modifier.labels)
    else:
        inner = result_labels(expr.expr)
        kept = None if inner is None else inner - frozenset(modifier.labels)
    if operator == "count_values" and isinstance(expr.param, pp.StringLiteral):
        return None if kept is None else kept | {expr.param.val}
    return kept


def _of_binary(expr: pp.BinaryExpr) -> Labels:
    if is_scalar(expr.lhs):
        return result_labels(expr.rhs)
    left = result_labels(expr.lhs)
    if is_scalar(expr.rhs) or str(expr.op) in _SET_OPERATORS:
        return left
    right = result_labels(expr.rhs)
    if str(expr.op) == "or":
        return left if left == right else None
    return _matched(expr, left, right)


def _matched(expr: pp.BinaryExpr, left: Labels, right: Labels) -> Labels:
    """The labels after vector matching. Source: Prometheus, "Operators", vector matching."""
    modifier = expr.modifier
    if modifier is None:
        return left if left is not None else right
    extra = frozenset(modifier.group_labels or ())
    if modifier.card == pp.VectorMatchCardinality.ManyToOne:
        return None if left is None else left | extra
    if modifier.card == pp.VectorMatchCardinality.OneToMany:
        return None if right is None else right | extra
    matching = modifier.matching
    if matching is None:
        return left if left is not None else right
    if matching.type == pp.LabelModifierType.Include:
        return frozenset(matching.labels)
    return None if left is None else left - frozenset(matching.labels)


def _of_call(expr: pp.Call) -> Labels:
    name = expr.func.name
    if name in {"vector", "time", "scalar", "pi", "absent", "absent_over_time"}:
        return _absent(expr) if name.startswith("absent") else _NONE
    vectors = [arg for arg in expr.args if not is_scalar(arg) and not _is_string(arg)]
    if not vectors:
        return _NONE
    labels = result_labels(vectors[0])
    if labels is None:
        return None
    if name in {"label_replace", "label_join"} and isinstance(expr.args[1], pp.StringLiteral):
        return labels | {expr.args[1].val}
    return labels - {"le"} if name == "histogram_quantile" else labels


def _absent(expr: pp.Call) -> Labels:
    """The labels that `absent` makes up: those that its selector fixes by equality."""
    selector = expr.args[0]
    if isinstance(selector, pp.MatrixSelector):
        selector = selector.vector_selector
    if not isinstance(selector, pp.VectorSelector):
        return _NONE
    return frozenset(
        matcher.name for matcher in selector.matchers.matchers if matcher.op == pp.MatchOp.Equal
    )


def _is_string(expr: pp.Expr) -> bool:
    return isinstance(expr, pp.StringLiteral)
