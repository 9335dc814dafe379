"""From series to OTLP metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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

from collectors.connectors.spanmetrics.config import CUMULATIVE, UNITS_NS, SpanMetricsConfig
from collectors.counting import Exponents, Resources, Series, Spread, attributes_of

SCOPE: Final = "spanmetricsconnector"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric's series and the names of their dimensions."""

    series: Sequence[Series]
    dimensions: Sequence[str]


class Emitter:
    """Knows the names, units and bounds of the metrics."""

    def __init__(self, config: SpanMetricsConfig) -> None:
        prefix = f"{config.namespace}." if config.namespace else ""
        self._calls, self._duration = f"{prefix}calls", f"{prefix}duration"
        self._unit = config.histogram.unit
        self._unit_ns = UNITS_NS[config.histogram.unit]
        buckets = config.histogram.buckets
        bounds = () if isinstance(buckets, Exponents) else buckets
        self._bounds = [bound / self._unit_ns for bound in bounds]
        self._temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            if config.aggregation_temporality == CUMULATIVE
            else AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        )

    def request(
        self, calls: Family, durations: Family, resources: Resources, wall_ns: int
    ) -> ExportMetricsServiceRequest:
        """All series at `wall_ns`, by resource."""
        request = ExportMetricsServiceRequest()
        scopes: dict[int, ScopeMetrics] = {}
        for number in sorted({of.resource for of in (*calls.series, *durations.series)}):
            whole = Resource.FromString(resources.whole(number))
            scope = request.resource_metrics.add(resource=whole).scope_metrics.add()
            scope.scope.name = SCOPE
            scopes[number] = scope
        self._add_calls(calls, scopes, wall_ns)
        self._add_durations(durations, scopes, wall_ns)
        return request

    def _add_calls(self, family: Family, scopes: dict[int, ScopeMetrics], wall_ns: int) -> None:
        metrics: dict[int, Metric] = {}
        for of in family.series:
            metric = metrics.get(of.resource)
            if metric is None:
                metric = metrics[of.resource] = scopes[of.resource].metrics.add(name=self._calls)
                metric.sum.is_monotonic = True
                metric.sum.aggregation_temporality = self._temporality
            metric.sum.data_points.append(
                NumberDataPoint(
                    attributes=attributes_of(family.dimensions, of.key),
                    start_time_unix_nano=of.began_ns,
                    time_unix_nano=wall_ns,
                    as_int=of.calls,
                )
            )

    def _add_durations(self, family: Family, scopes: dict[int, ScopeMetrics], wall_ns: int) -> None:
        metrics: dict[int, Metric] = {}
        for of in family.series:
            metric = metrics.get(of.resource)
            if metric is None:
                metric = metrics[of.resource] = scopes[of.resource].metrics.add(
                    name=self._duration, unit=self._unit
                )
                kind = metric.histogram if of.spread is None else metric.exponential_histogram
                kind.aggregation_temporality = self._temporality
            attributes = attributes_of(family.dimensions, of.key)
            if of.spread is None:
                explicit = metric.histogram.data_points.add(attributes=attributes)
                explicit.bucket_counts[:] = of.buckets
                explicit.explicit_bounds[:] = self._bounds
                self._finish(explicit, of, wall_ns)
            else:
                point = metric.exponential_histogram.data_points.add(attributes=attributes)
                self._fill(point, of.spread)
                self._finish(point, of, wall_ns)

    def _fill(self, point: ExponentialHistogramDataPoint, spread: Spread) -> None:
        point.scale, point.zero_count = spread.scale, spread.zeros
        point.min, point.max = spread.least_ns / self._unit_ns, spread.most_ns / self._unit_ns
        point.positive.offset = spread.offset
        point.positive.bucket_counts[:] = spread.counts

    def _finish(
        self, point: HistogramDataPoint | ExponentialHistogramDataPoint, of: Series, wall_ns: int
    ) -> None:
        """Write what all histograms have."""
        point.start_time_unix_nano, point.time_unix_nano = of.began_ns, wall_ns
        point.count, point.sum = of.calls, of.total_ns / self._unit_ns
        for took_ns, end_ns, trace_id, span_id in of.exemplars:
            point.exemplars.add(
                time_unix_nano=end_ns,
                as_double=took_ns / self._unit_ns,
                trace_id=trace_id,
                span_id=span_id,
            )
