"""Expressions of the user's files: parsed, judged, and made what the rules need."""

from __future__ import annotations

from collections.abc import Sequence

import promql_parser as pp

from slo.promql import (
    PromqlError,
    compact,
    grouped,
    is_vector,
    per_second,
    result_labels,
    uses_window,
    written,
)
from slo.source import Scalar
from slo.spec.lint import known, types
from slo.spec.problems import Problems

_PER_WINDOW = "write $window in place of the duration: rate(x[$window])"


def rate_template(scalar: Scalar, by: Sequence[str], problems: Problems) -> str | None:
    """Events per second over ``$window``, with exactly the labels `by`.

    Returns:
        The expression on one line; None after its problem was reported.
    """
    expr = _parsed(scalar, problems)
    if expr is None or not has_window(scalar, problems):
        return None
    try:
        steady = per_second(expr)
    except PromqlError as error:
        problems.promql(error, scalar, "SLO054")
        return None
    try:
        return compact(grouped(steady, by))
    except PromqlError as error:
        problems.promql(error, scalar, "SLO053")
        return None


def instant_vector(scalar: Scalar, problems: Problems) -> pp.Expr | None:
    """An expression for now, without ``$window``; None after its problem was reported."""
    expr = _parsed(scalar, problems)
    if expr is None:
        return None
    if uses_window(scalar.text):
        start = scalar.text.index("$window")
        text = "$window has no meaning here: this expression is evaluated as it stands"
        problems.promql(PromqlError(text, start, start + 7, "write a duration"), scalar, "SLO051")
        return None
    return expr


def carried_labels(
    expr: pp.Expr, scalar: Scalar, by: Sequence[str], problems: Problems
) -> tuple[str, ...]:
    """The labels of an alert's result: those stated, else those the expression fixes."""
    covers(expr, scalar, by, problems)
    known = result_labels(expr)
    return tuple(sorted(by if known is None else known))


def covers(expr: pp.Expr, scalar: Scalar, by: Sequence[str], problems: Problems) -> bool:
    """Whether the result can be grouped by `by`, as far as the expression tells."""
    known = result_labels(expr)
    missing = [] if known is None else sorted(set(by) - known)
    if missing:
        text = f"the result does not carry {', '.join(missing)}, which by names"
        problems.promql(PromqlError(text, 0, 0, "add it to the aggregation"), scalar, "SLO053")
    return not missing


def has_window(scalar: Scalar, problems: Problems) -> bool:
    """Whether ``$window`` occurs; reported where it does not."""
    if uses_window(scalar.text):
        return True
    error = PromqlError("$window does not occur, every rule would see the same", hint=_PER_WINDOW)
    problems.promql(error, scalar, "SLO051")
    return False


def _parsed(scalar: Scalar, problems: Problems) -> pp.Expr | None:
    try:
        expr = written(scalar.text)
    except PromqlError as error:
        problems.promql(error, scalar)
        return None
    if not is_vector(expr):
        hint = "a range in brackets needs a function around it" if "[" in scalar.text else ""
        fault = PromqlError("an instant vector is needed, got another type", hint=hint)
        problems.promql(fault, scalar, "SLO052")
        return None
    problems.lint(types(expr), scalar.span)
    problems.lint(known(expr), scalar.span)
    return expr
