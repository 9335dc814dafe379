"""From numbers that a receiver has read to an OTLP request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

Scalar = str | int | bool


class Shape(StrEnum):
    """What a number is: counted up, counted up and down, or measured."""

    COUNTER = "counter"
    UP_DOWN = "up_down"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Reading:
    """One number.

    Attributes:
        name: Of the metric, as OpenTelemetry calls it.
        unit: UCUM.
    """

    name: str
    unit: str
    shape: Shape
    value: int | float
    attributes: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])


@dataclass(frozen=True, slots=True)
class Group:
    """Readings of one resource.

    Attributes:
        start_ns: Unix time from which on counters count; 0 where it is not known.
    """

    resource: Mapping[str, Scalar]
    readings: Iterable[Reading]
    start_ns: int = 0


def request(groups: Iterable[Group], scope: str, time_ns: int) -> ExportMetricsServiceRequest:
    """A request that holds every group; readings of one name are one metric."""
    message = ExportMetricsServiceRequest()
    for group in groups:
        resource_metrics = message.resource_metrics.add(
            resource=Resource(attributes=pairs(group.resource))
        )
        scope_metrics = resource_metrics.scope_metrics.add(scope=InstrumentationScope(name=scope))
        metrics: dict[str, Metric] = {}
        for reading in group.readings:
            metric = metrics.get(reading.name)
            if metric is None:
                metric = metrics[reading.name] = scope_metrics.metrics.add(
                    name=reading.name, unit=reading.unit
                )
            point = _add(metric, reading)
            point.time_unix_nano = time_ns
            if reading.shape is not Shape.GAUGE:
                point.start_time_unix_nano = group.start_ns
    return message


def count(message: ExportMetricsServiceRequest) -> int:
    """Data points in a request of gauges and sums."""
    return sum(
        len(metric.gauge.data_points) + len(metric.sum.data_points)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def pairs(attributes: Mapping[str, Scalar]) -> list[KeyValue]:
    """Attributes in protobuf, sorted by key."""
    return [KeyValue(key=key, value=_value(attributes[key])) for key in sorted(attributes)]


def _add(metric: Metric, reading: Reading) -> NumberDataPoint:
    if reading.shape is Shape.GAUGE:
        point = metric.gauge.data_points.add()
    else:
        metric.sum.is_monotonic = reading.shape is Shape.COUNTER
        metric.sum.aggregation_temporality = CUMULATIVE
        point = metric.sum.data_points.add()
    if isinstance(reading.value, int):
        point.as_int = reading.value
    else:
        point.as_double = reading.value
    point.attributes.extend(pairs(reading.attributes))
    return point


def _value(value: Scalar) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=value)
