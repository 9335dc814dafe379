"""Queries of other formats, made templates of ours: ``$window`` stands for the duration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import promql_parser as pp

from slo.exact import Duration
from slo.importers.native import scalar
from slo.importers.report import Report
from slo.promql import (
    WINDOW,
    PromqlError,
    bind,
    compact,
    operand,
    parse,
    result_labels,
    uses_window,
)
from slo.source import Scalar

_PLACEHOLDER: Final = re.compile(
    r"\{\{-?\s*\.?[wW]indow\s*-?\}\}|\$\{window\}|\$__rate_interval|\$__interval|\$__range"
)
_RANGE: Final = re.compile(r"\[\s*(?:[0-9]+(?:ms|[smhdwy]))+\s*\]")


def windowed(given: Scalar) -> Scalar:
    """`given` with ``$window`` in place of the placeholders of sloth and Grafana.

    The raw text keeps its width, so that a fault is still drawn at its column.
    """
    raw = _PLACEHOLDER.sub(lambda found: WINDOW.ljust(len(found.group())), given.raw)
    return replace(given, text=_PLACEHOLDER.sub(WINDOW, given.text), raw=raw)


def grouping(queries: Iterable[Scalar]) -> tuple[Scalar, ...]:
    """The labels that all of `queries` keep: there is one SLO for each combination."""
    found: list[frozenset[str] | None] = []
    given = tuple(queries)
    for query in given:
        try:
            found.append(result_labels(parse(query.text)))
        except PromqlError:
            return ()
    first = found[0]
    if first is None or any(labels != first for labels in found):
        return ()
    return tuple(scalar(label, given[0].span) for label in sorted(first))


def selector(given: Scalar, report: Report) -> pp.VectorSelector | None:
    """The series that `given` names, as pyrra wants it: a metric and matchers, no function."""
    try:
        expr = parse(given.text)
    except PromqlError as error:
        report.malformed(f"metric cannot be parsed: {error}", given.span, error.help)
        return None
    if isinstance(expr, pp.VectorSelector):
        return expr
    text = f"metric must be a series selector, got {compact(expr)}"
    report.malformed(text, given.span, 'write name{label="value"}, without a function')
    return None


def events(given: Scalar, report: Report, *, counter: bool, total: bool = True) -> Scalar:
    """Events per second over ``$window``, one number whatever the labels; or their share.

    A query that names no window gets one: a fixed range is replaced, a bare series is
    wrapped by what `counter` says it is. What does not parse is left to the checker.
    """
    query = windowed(given)
    try:
        expr = parse(query.text)
        if not uses_window(query.text):
            query = _ranged(query, expr, report, "rate" if counter else "avg_over_time")
            expr = parse(query.text)
        if result_labels(expr) == frozenset():
            return query
        what = "sum" if total else "avg"
        report.changed(f"the {what} over all series is taken", given.span)
        return replace(query, text=f"{what}({compact(expr)})", raw="")
    except PromqlError:
        return query


def _ranged(query: Scalar, expr: pp.Expr, report: Report, function: str) -> Scalar:
    if _RANGE.search(query.text):
        report.changed("the fixed range of the query becomes that of each window", query.span)
        return replace(query, text=_RANGE.sub(f"[{WINDOW}]", query.text), raw="")
    report.changed(f"each series is wrapped: {function}(...[{WINDOW}])", query.span)

    def wrapped(found: pp.Expr) -> pp.Expr | None:
        if isinstance(found, pp.VectorSelector):
            return parse(f"{function}({compact(found)}[{WINDOW}])")
        return None

    try:
        return replace(query, text=compact(pp.transform(expr, post_visit=wrapped)), raw="")
    except ValueError:
        return query


def now(given: Scalar, length: Duration, report: Report) -> Scalar:
    """`given` as it is evaluated at one moment: a placeholder becomes `length`."""
    query = windowed(given)
    if not uses_window(query.text):
        return query
    report.changed(f"the window of the query becomes {length.promql()}", given.span)
    return replace(query, text=bind(query.text, length), raw="")


def over(query: str, length: Duration) -> str:
    """`query` with its window bound, as one side of an operator."""
    return operand(bind(query, length))
