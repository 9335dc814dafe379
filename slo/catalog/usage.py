"""What an expression says of our metrics that the catalogue does not know.

Serves the lint of rules, alerts and dashboards: a renamed metric, a label that no series
has, a value that never occurs. Series of others (`up`, recorded ones, a user's own) are
not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import promql_parser as pp

from slo.catalog.load import Attribute, Metric, MetricCatalog, metrics

OURS: Final = re.compile(r"(mas|gen_ai|messaging|process|fleetslo)_")
"""Names that the catalogue must know."""

_SCRAPE_LABELS: Final = frozenset({"job", "instance", "le", "otel_metric_overflow"})
_ALTERNATIVES: Final = re.compile(r"[A-Za-z0-9_]*(\|[A-Za-z0-9_]*)*")


_REGEX: Final = (pp.MatchOp.Re, pp.MatchOp.NotRe)


@dataclass(frozen=True, slots=True)
class Match:
    """What a selector asks of one label; whether it is asked to be so or not does not matter."""

    label: str
    is_regex: bool
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One selection of series in an expression; `name` is empty where only labels select."""

    name: str
    matchers: tuple[Match, ...]


def selectors(expr: pp.Expr) -> Iterator[Selector]:
    """Every selector in `expr`, in the order of the text."""
    if isinstance(expr, pp.VectorSelector):
        matchers = tuple(
            Match(each.name, each.op in _REGEX, each.value) for each in expr.matchers.matchers
        )
        yield Selector(expr.name or "", matchers)
        return
    if isinstance(expr, pp.MatrixSelector):
        yield from selectors(expr.vector_selector)
        return
    for child in _children(expr):
        yield from selectors(child)


def unknown(text: str, catalog: MetricCatalog | None = None) -> list[str]:
    """What the catalogue does not know, each as *what, got, allowed*; empty when all is well.

    Args:
        text: PromQL without ``$window``.
        catalog: The built-in one by default.

    Raises:
        ValueError: `text` does not parse.
    """
    known = catalog or metrics()
    by_series = known.by_series()
    resource = {attribute.label for attribute in known.resource}
    problems: list[str] = []
    for selector in selectors(pp.parse(text)):
        metric = by_series.get(selector.name)
        if metric is not None:
            problems += _of_selector(selector, metric, resource)
        elif OURS.match(selector.name):
            problems.append(f"the catalogue has no series {selector.name}")
    return problems


def _of_selector(selector: Selector, metric: Metric, resource: set[str]) -> Iterator[str]:
    """What is wrong with the matchers of a selector of `metric`."""
    labels = metric.labels
    for match in selector.matchers:
        if match.label in labels:
            yield from _of_value(selector.name, labels[match.label], match)
        elif match.label == "le" and metric.buckets:
            yield from _of_bucket(selector.name, metric, match)
        elif match.label not in resource | _SCRAPE_LABELS:
            yield f"{selector.name} has no label {match.label}, only {sorted(labels)}"


def _of_value(name: str, attribute: Attribute, match: Match) -> Iterator[str]:
    """Values that a closed attribute never has. A regex is judged where it is a plain choice."""
    if not attribute.values:
        return
    if match.is_regex and not _ALTERNATIVES.fullmatch(match.value):
        if not any(re.fullmatch(match.value, each) for each in attribute.values):
            yield f"{name}: no value of {attribute.label} matches {match.value!r}"
        return
    for each in match.value.split("|") if match.is_regex else [match.value]:
        if each not in ("", *attribute.values):
            yield f"{name}: {attribute.label} is never {each!r}, only {list(attribute.values)}"


def _of_bucket(name: str, metric: Metric, match: Match) -> Iterator[str]:
    """A bucket that the histogram does not have."""
    spellings = {f"{edge:g}" for edge in metric.buckets} | {str(edge) for edge in metric.buckets}
    spellings |= {"+Inf"}
    wanted = match.value if match.is_regex else re.escape(match.value)
    if not any(re.fullmatch(wanted, each) for each in spellings):
        yield f"{name} has no bucket {match.value}, only {list(metric.buckets)}"


def _children(expr: pp.Expr) -> Iterator[pp.Expr]:
    """The expressions directly below `expr`."""
    if isinstance(expr, pp.BinaryExpr):
        yield expr.lhs
        yield expr.rhs
    elif isinstance(expr, pp.Call):
        yield from expr.args
    elif isinstance(expr, pp.ParenExpr | pp.UnaryExpr | pp.SubqueryExpr | pp.AggregateExpr):
        yield expr.expr
