"""From series to one OTLP request: a metric stands once on each resource that has series of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.counting.counts import Spread
from collectors.counting.keys import attributes_of
from collectors.counting.resources import Resources
from collectors.counting.table import Series

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA

_Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint


class Shape(Enum):
    """What of a series is told."""

    CALLS = auto()
    """How often something came, as a sum of whole numbers."""

    TOTAL = auto()
    """What was added up, as a sum."""

    HISTOGRAM = auto()
    """Buckets, with bounds or exponential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric, but for its points.

    Attributes:
        dimensions: The names of what the keys of its series hold.
        scale: Of what the series count, such as nanoseconds, in one unit of the metric.
        bounds: Of explicit buckets, in units of the metric.
    """

    name: str
    unit: str = ""
    description: str = ""
    shape: Shape = Shape.CALLS
    temporality: AggregationTemporality.ValueType = CUMULATIVE
    dimensions: Sequence[str]
    scale: int = 1
    bounds: Sequence[float] = ()


class Writing:
    """One request under way.

    Attributes:
        request: What is written so far.
        points: How many data points that is.
    """

    def __init__(self, scope: str, resources: Resources, wall_ns: int) -> None:
        """Begin with nothing.

        Args:
            scope: Name of the instrumentation scope.
            resources: Those that the series stand on.
            wall_ns: Time of all points.
        """
        self.request = ExportMetricsServiceRequest()
        self.points = 0
        self._scope = scope
        self._resources = resources
        self._wall_ns = wall_ns
        self._scopes: dict[int, ScopeMetrics] = {}

    def add(self, family: Family, series: Iterable[Series]) -> None:
        """Write a metric with all of its series; none at all where there are none."""
        metrics: dict[int, Metric] = {}
        for of in series:
            metric = metrics.get(of.resource)
            if metric is None:
                metric = metrics[of.resource] = self._begin(family, of)
            self._finish(_point(metric, family, of), family, of)
            self.points += 1

    def _begin(self, family: Family, of: Series) -> Metric:
        scope = self._scopes.get(of.resource)
        if scope is None:
            whole = Resource.FromString(self._resources.whole(of.resource))
            scope = self.request.resource_metrics.add(resource=whole).scope_metrics.add()
            scope.scope.name = self._scope
            self._scopes[of.resource] = scope
        metric = scope.metrics.add(
            name=family.name, unit=family.unit, description=family.description
        )
        if family.shape is not Shape.HISTOGRAM:
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = family.temporality
        elif of.spread is None:
            metric.histogram.aggregation_temporality = family.temporality
        else:
            metric.exponential_histogram.aggregation_temporality = family.temporality
        return metric

    def _finish(self, point: _Point, family: Family, of: Series) -> None:
        """Write what all points have."""
        point.attributes.extend(attributes_of(family.dimensions, of.key))
        point.start_time_unix_nano, point.time_unix_nano = of.began_ns, self._wall_ns
        for took, end_ns, trace_id, span_id in of.exemplars:
            point.exemplars.add(
                time_unix_nano=end_ns,
                as_double=took / family.scale,
                trace_id=trace_id,
                span_id=span_id,
            )


def _point(metric: Metric, family: Family, of: Series) -> _Point:
    """A point with the values of a series, and nothing else yet."""
    if family.shape is Shape.CALLS:
        return metric.sum.data_points.add(as_int=of.calls)
    total = of.total_ns / family.scale
    if family.shape is Shape.TOTAL:
        return metric.sum.data_points.add(as_double=total)
    if of.spread is None:
        return metric.histogram.data_points.add(
            count=of.calls, sum=total, bucket_counts=of.buckets, explicit_bounds=family.bounds
        )
    point = metric.exponential_histogram.data_points.add(count=of.calls, sum=total)
    _fill(point, of.spread, family.scale)
    return point


def _fill(point: ExponentialHistogramDataPoint, spread: Spread, scale: int) -> None:
    point.scale, point.zero_count = spread.scale, spread.zeros
    point.min, point.max = spread.least_ns / scale, spread.most_ns / scale
    point.positive.offset = spread.offset
    point.positive.bucket_counts[:] = spread.counts
