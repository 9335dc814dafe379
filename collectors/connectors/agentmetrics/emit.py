"""From series to OTLP metrics, under the catalogue's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.connectors.agentmetrics.measures import Measure
from collectors.counting import Resources, Series, attributes_of
from slo.catalog import Instrument

SCOPE: Final = "fleetslo.collector.agentmetrics"
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def request(
    measures: Iterable[Measure], resources: Resources, wall_ns: int
) -> tuple[ExportMetricsServiceRequest, int]:
    """All series at `wall_ns`, by resource, and how many points they are."""
    made = ExportMetricsServiceRequest()
    scopes: dict[int, ScopeMetrics] = {}
    points = 0
    for measure in measures:
        metrics: dict[int, Metric] = {}
        for of in measure.table.series():
            metric = metrics.get(of.resource)
            if metric is None:
                scope = scopes.get(of.resource)
                if scope is None:
                    scope = scopes[of.resource] = _scope(made, resources.whole(of.resource))
                metric = metrics[of.resource] = _metric(scope, measure)
            _add(metric, measure, of, wall_ns)
            points += 1
    return made, points


def _scope(made: ExportMetricsServiceRequest, resource: bytes) -> ScopeMetrics:
    scope = made.resource_metrics.add(resource=Resource.FromString(resource)).scope_metrics.add()
    scope.scope.name = SCOPE
    return scope


def _metric(scope: ScopeMetrics, measure: Measure) -> Metric:
    of = measure.metric
    metric = scope.metrics.add(name=of.name, unit=of.unit, description=of.meaning)
    if of.instrument is Instrument.HISTOGRAM:
        metric.histogram.aggregation_temporality = _CUMULATIVE
    else:
        metric.sum.aggregation_temporality = _CUMULATIVE
        metric.sum.is_monotonic = True
    return metric


def _add(metric: Metric, measure: Measure, of: Series, wall_ns: int) -> None:
    attributes = attributes_of(measure.dimensions, of.key)
    if measure.metric.instrument is Instrument.HISTOGRAM:
        metric.histogram.data_points.append(
            HistogramDataPoint(
                attributes=attributes,
                start_time_unix_nano=of.began_ns,
                time_unix_nano=wall_ns,
                count=of.calls,
                sum=of.total_ns / measure.scale,
                bucket_counts=of.buckets,
                explicit_bounds=measure.metric.buckets,
            )
        )
        return
    point = NumberDataPoint(
        attributes=attributes, start_time_unix_nano=of.began_ns, time_unix_nano=wall_ns
    )
    if measure.scale == 1:
        point.as_int = of.calls
    else:
        point.as_double = of.total_ns / measure.scale
    metric.sum.data_points.append(point)
