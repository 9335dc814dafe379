"""Puts the labels of `by` into the outermost aggregation, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import promql_parser as pp

from slo.promql.labels import is_scalar, result_labels
from slo.promql.syntax import PromqlError, compact, parse

# What these return has the labels of their aggregation, and no others.
_REDUCING: Final = frozenset({"sum", "count", "avg", "min", "max", "group"})
# Element by element: the labels of the argument are the labels of the result.
_ELEMENTWISE: Final = frozenset(
    {"abs", "ceil", "clamp", "clamp_max", "clamp_min", "floor", "round", "sort", "sort_desc"}
)


def grouped(expr: pp.Expr, by: Sequence[str]) -> pp.Expr:
    """The expression whose result carries exactly the labels `by`.

    Raises:
        PromqlError: There is no outermost aggregation, or it keeps other labels.
    """
    wanted = sorted(set(by))
    result = parse(_merge(expr, wanted))
    labels = result_labels(result)
    if labels == frozenset(wanted):
        return result
    if labels is None:
        msg = f"parts of {_short(expr)} carry different labels"
        raise PromqlError(msg, hint=_part_hint(expr))
    extra = sorted(labels - set(wanted))
    if extra:
        msg = f"the result carries {_list(extra)}, which by does not name"
        raise PromqlError(msg, hint=f"add {_list(extra)} to by, or take it out of the aggregation")
    missing = sorted(set(wanted) - labels)
    msg = f"the result does not carry {_list(missing)}, which by names"
    raise PromqlError(msg, hint="every part of the expression must be aggregated")


def _merge(expr: pp.Expr, by: list[str]) -> str:
    if is_scalar(expr):
        return compact(expr)
    if isinstance(expr, pp.ParenExpr):
        return f"({_merge(expr.expr, by)})"
    if isinstance(expr, pp.UnaryExpr):
        return f"-{_merge(expr.expr, by)}"
    if isinstance(expr, pp.AggregateExpr):
        return _aggregate(expr, by)
    if isinstance(expr, pp.BinaryExpr):
        return f"{_merge(expr.lhs, by)} {_operator(expr)} {_merge(expr.rhs, by)}"
    if isinstance(expr, pp.Call):
        return _call(expr, by)
    raise _not_aggregated(expr)


def _call(expr: pp.Call, by: list[str]) -> str:
    if expr.func.name in _ELEMENTWISE:
        return f"{expr.func.name}({', '.join(_merge(arg, by) for arg in expr.args)})"
    if expr.func.name == "vector":
        return compact(expr)
    raise _not_aggregated(expr)


def _not_aggregated(expr: pp.Expr) -> PromqlError:
    msg = f"{_short(expr)} is not aggregated"
    return PromqlError(msg, hint=f"write sum({_short(expr)})")


def _aggregate(expr: pp.AggregateExpr, by: list[str]) -> str:
    operator = str(expr.op)
    if operator not in _REDUCING:
        msg = f"the outermost aggregation must be one of {_list(sorted(_REDUCING))}, got {operator}"
        raise PromqlError(msg, hint="use sum for events")
    modifier = expr.modifier
    if modifier is not None and modifier.type == pp.AggModifierType.Without:
        msg = f"the outermost aggregation must use by, got without ({', '.join(modifier.labels)})"
        raise PromqlError(msg, hint="leave the clause out and name the labels in spec.by")
    labels = sorted(set(modifier.labels if modifier else ()) | set(by))
    clause = f" by ({', '.join(labels)}) " if labels else ""
    return f"{operator}{clause}({compact(expr.expr)})"


def _operator(expr: pp.BinaryExpr) -> str:
    """The operator with its modifiers, as it is written between the two sides."""
    words = [str(expr.op)]
    modifier = expr.modifier
    if modifier is None:
        return words[0]
    if modifier.return_bool:
        words.append("bool")
    matching = modifier.matching
    if matching is not None:
        included = matching.type == pp.LabelModifierType.Include
        words.append(f"{'on' if included else 'ignoring'} ({', '.join(matching.labels)})")
    grouping = ", ".join(modifier.group_labels or ())
    if modifier.card == pp.VectorMatchCardinality.ManyToOne:
        words.append(f"group_left ({grouping})")
    elif modifier.card == pp.VectorMatchCardinality.OneToMany:
        words.append(f"group_right ({grouping})")
    return " ".join(words)


def _part_hint(expr: pp.Expr) -> str:
    if "vector(" in compact(expr):
        return "leave vector() out; bad events that are missing count as zero already"
    return "aggregate every part"


def _short(expr: pp.Expr) -> str:
    text = compact(expr)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
