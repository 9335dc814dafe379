"""What a metric is to Prometheus: its type, its points, and the names on its series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from collectors.prom import values
from collectors.prom.values import Value
from slo.catalog.naming import Instrument

_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA

Point: TypeAlias = (
    NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint
)


class Kind(StrEnum):
    """The types of Prometheus's text format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Described:
    """What a metric is, whatever kind of message holds it.

    Attributes:
        instrument: Decides on the suffixes of the name.
        delta: Its points are to be added up.
    """

    kind: Kind
    instrument: Instrument
    points: Sequence[Point]
    delta: bool = False


def describe(metric: Metric) -> Described | None:
    """The kind, points and temporality of `metric`; None where it has no data."""
    points: Sequence[Point]
    match metric.WhichOneof("data"):
        case "gauge":
            return Described(Kind.GAUGE, Instrument.GAUGE, metric.gauge.data_points)
        case "sum":
            monotonic, points = metric.sum.is_monotonic, metric.sum.data_points
            kind = Kind.COUNTER if monotonic else Kind.GAUGE
            instrument = Instrument.COUNTER if monotonic else Instrument.UP_DOWN_COUNTER
            delta = metric.sum.aggregation_temporality == _DELTA
            return Described(kind, instrument, points, delta)
        case "histogram":
            points = metric.histogram.data_points
            delta = metric.histogram.aggregation_temporality == _DELTA
            return Described(Kind.HISTOGRAM, Instrument.HISTOGRAM, points, delta)
        case "exponential_histogram":
            points = metric.exponential_histogram.data_points
            delta = metric.exponential_histogram.aggregation_temporality == _DELTA
            return Described(Kind.HISTOGRAM, Instrument.HISTOGRAM, points, delta)
        case "summary":
            points = metric.summary.data_points
            return Described(Kind.SUMMARY, Instrument.HISTOGRAM, points)
        case _:
            return None


def series_names(name: str, kind: Kind) -> tuple[str, ...]:
    """Every name that a family of this kind puts on series, and its own."""
    if kind is Kind.HISTOGRAM:
        return (name, f"{name}_bucket", f"{name}_count", f"{name}_sum")
    if kind is Kind.SUMMARY:
        return (name, f"{name}_count", f"{name}_sum")
    return (name,)


def value_of(point: Point) -> Value | None:
    """The value of a point; None where it contradicts itself or cannot be shown."""
    if isinstance(point, NumberDataPoint):
        return values.number(point)
    if isinstance(point, HistogramDataPoint):
        return values.histogram(point)
    if isinstance(point, ExponentialHistogramDataPoint):
        return values.exponential(point)
    return values.summary(point)
