"""Indicators of OpenSLO under each budgeting method, as SLIs of ours.

Occurrences count events; Timeslices count slices that reach a share of good; RatioTimeslices
take the mean of the slices' shares. Our rules look every half minute, so that slices slide
and do not stand side by side: their share is the same, only smoother.

Source: OpenSLO specification, "SLI", "Ratio Metric" and "Objectives".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from slo.exact import Duration, decimal
from slo.importers.native import mapping, scalar, share
from slo.importers.openslo.sources import query
from slo.importers.openslo.windows import length_of
from slo.importers.openslo.world import World
from slo.importers.part import Part
from slo.importers.queries import events, now, over
from slo.promql import PromqlError, operand, uses_window
from slo.source import Mapping, Scalar

METHODS: Final = ("Occurrences", "Timeslices", "RatioTimeslices")
_MINUTE: Final = Duration.parse("1m")
_LOOK: Final = Duration.parse("30s")
_WHEN_BAD: Final = {"lte": ">", "lt": ">=", "gte": "<", "gt": "<="}
_GOOD: Final = {"lte": "<=", "lt": "<", "gte": ">=", "gt": ">"}


@dataclass(frozen=True, slots=True)
class Slices:
    """How an objective counts.

    Attributes:
        method: One of `METHODS`.
        length: Of a slice.
        share: Good events of a slice from which it is good, for Timeslices.
    """

    method: str
    length: Duration = _MINUTE
    share: Fraction = Fraction(1)


def slices(method: str, objective: Part, world: World) -> Slices | None:
    """How `objective` counts; None after it was reported."""
    if method == "Occurrences":
        for key in ("timeSliceTarget", "timeSliceWindow"):
            objective.lose(key, "Occurrences have no slices")
        return Slices(method)
    length: Duration | None = _MINUTE
    given = objective.scalar("timeSliceWindow")
    if given is None:
        text = f"{method} without timeSliceWindow takes slices of a minute"
        world.report.changed(text, objective.span)
    else:
        length = length_of(given, world.report)
    if method == "RatioTimeslices":
        objective.lose("timeSliceTarget", "RatioTimeslices take the mean of the slices")
        return None if length is None else Slices(method, length)
    reached = share(objective.needed("timeSliceTarget"), world.report)
    if length is None or reached is None:
        return None
    if not 0 < reached <= 1:
        text = f"timeSliceTarget must be above 0 and at most 1, got {decimal(reached)}"
        world.report.malformed(text, objective.place("timeSliceTarget"))
        return None
    return Slices(method, length, reached)


def indicator(spec: Part, objective: Part, how: Slices, world: World) -> Mapping | None:
    """The SLI of ours for an SLI's spec and one objective; None after it was reported."""
    given = [key for key in ("thresholdMetric", "ratioMetric", "ratioMetrics") if spec.has(key)]
    if len(given) != 1:
        text = "an SLI needs exactly one of thresholdMetric and ratioMetric"
        world.report.malformed(text, spec.span)
        return None
    metric = spec.child(given[0])
    if metric is None:
        return None
    try:
        if given[0] == "thresholdMetric":
            return _threshold(metric, objective, how, world)
        for key in ("op", "value"):
            objective.take(key)
        if metric.has("raw"):
            return _raw(metric, how, world)
        return _ratio(metric, how, world)
    except PromqlError as error:
        world.report.malformed(f"a query cannot be parsed: {error}", metric.span, error.help)
        return None


def _threshold(metric: Part, objective: Part, how: Slices, world: World) -> Mapping | None:
    op, value = objective.needed("op"), share(objective.needed("value"), world.report)
    found = query(metric, world)
    if op is None or value is None or found is None:
        return None
    if op.text not in _GOOD:
        text = f"op must be one of {', '.join(_GOOD)}, got {op.text!r}"
        world.report.malformed(text, op.span)
        return None
    expr = now(found, how.length, world.report)
    at = metric.span
    bound = decimal(value)
    if how.method == "Occurrences":
        return _gauge(expr, f"{_WHEN_BAD[op.text]} {bound}", metric)
    good = f"({operand(expr.text)} {_GOOD[op.text]} bool {bound})"
    if how.method == "Timeslices":
        step = min(_LOOK, how.length).promql()
        inner = scalar(f"avg_over_time({good}[{how.length.promql()}:{step}])", found.span)
        return _gauge(inner, f"< {decimal(how.share)}", metric)
    mean = scalar(f"avg(avg_over_time({good}[$window:{_step(how)}]))", found.span)
    return mapping(at, {"ratio": mapping(at, {"good": mean})})


def _ratio(metric: Part, how: Slices, world: World) -> Mapping | None:
    at = metric.span
    counted = metric.scalar("incremental") or metric.scalar("counter")
    counter = counted is None or counted.text.lower() == "true"
    side = "bad" if metric.has("bad") else "good"
    if metric.has("bad") and metric.has("good"):
        world.report.malformed("ratioMetric takes one of good and bad", metric.place("bad"))
        return None
    parts = [_part(metric, key, world, counter=counter) for key in (side, "total")]
    part, total = parts
    if part is None or total is None:
        return None
    if how.method == "Occurrences":
        return mapping(at, {"events": mapping(at, {side: part, "total": total})})
    bound, whole = over(part.text, how.length), over(total.text, how.length)
    counts = f"({bound} or 0 * {whole})"
    good = counts if side == "good" else f"({whole} - {counts})"
    return _shares(scalar(f"{good} / ({whole} > 0)", part.span), how, metric)


def _raw(metric: Part, how: Slices, world: World) -> Mapping | None:
    at = metric.span
    metric.take("counter")
    kind = metric.needed("rawType")
    source = metric.child("raw")
    found = None if source is None else query(source, world)
    if kind is None or found is None:
        return None
    if kind.text not in {"success", "failure"}:
        text = f"rawType must be success or failure, got {kind.text!r}"
        world.report.malformed(text, kind.span)
        return None
    if how.method == "Occurrences":
        given = events(found, world.report, counter=False, total=False)
        if not uses_window(given.text):
            given = found
        side = "good" if kind.text == "success" else "bad"
        return mapping(at, {"ratio": mapping(at, {side: given})})
    expr = now(found, how.length, world.report)
    good = operand(expr.text)
    if kind.text == "failure":
        good = f"1 - {good}"
    return _shares(scalar(good, found.span), how, metric)


def _shares(good: Scalar, how: Slices, metric: Part) -> Mapping:
    """Slices of a share of good events: those that reach it, or their mean."""
    at = metric.span
    if how.method == "Timeslices":
        return _gauge(good, f"< {decimal(how.share)}", metric)
    mean = scalar(f"avg(avg_over_time(({good.text})[$window:{_step(how)}]))", good.span)
    return mapping(at, {"ratio": mapping(at, {"good": mean})})


def _gauge(expr: Scalar, bad_when: str, metric: Part) -> Mapping:
    at = metric.span
    return mapping(at, {"gauge": mapping(at, {"expr": expr, "bad_when": scalar(bad_when, at)})})


def _step(how: Slices) -> str:
    """How often a slice is looked at: it must fit into the shortest window of the rules."""
    return min(_MINUTE, how.length).promql()


def _part(metric: Part, key: str, world: World, *, counter: bool) -> Scalar | None:
    source = metric.child(key)
    if source is None:
        if not metric.has(key):
            world.report.malformed(f"ratioMetric needs {key}, or raw", metric.span)
        return None
    found = query(source, world)
    return None if found is None else events(found, world.report, counter=counter)
