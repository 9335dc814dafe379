"""Sound OTLP requests of every signal, small or as large as wanted, always the same."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Batch, Context, Signal

START_NS: Final = 1_700_000_000_000_000_000
"""Unix time at which the samples happen."""

_SECOND: Final = 1_000_000_000


def text(key: str, value: str) -> KeyValue:
    """A text attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def resource(service: str = "sample") -> Resource:
    """A resource with a name, an instance and a version."""
    return Resource(
        attributes=[
            text("service.name", service),
            text("service.instance.id", f"{service}-1"),
            text("service.version", "1.2.3"),
        ]
    )


def traces_request(spans: int = 3, *, seed: int = 0) -> ExportTraceServiceRequest:
    """A request of `spans` spans; another `seed` gives other ids."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(resource=resource())
    scope = resource_spans.scope_spans.add(scope=InstrumentationScope(name="sample"))
    for index in range(spans):
        number = seed * 1_000_000 + index + 1
        scope.spans.append(
            Span(
                trace_id=number.to_bytes(16, "big"),
                span_id=number.to_bytes(8, "big"),
                name=f"step {index}",
                start_time_unix_nano=START_NS + index,
                end_time_unix_nano=START_NS + index + _SECOND,
                attributes=[text("item.id", str(number))],
            )
        )
    return request


def logs_request(records: int = 3, *, seed: int = 0) -> ExportLogsServiceRequest:
    """A request of `records` log records."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add(resource=resource())
    scope = resource_logs.scope_logs.add(scope=InstrumentationScope(name="sample"))
    for index in range(records):
        number = seed * 1_000_000 + index + 1
        scope.log_records.append(
            LogRecord(
                time_unix_nano=START_NS + index,
                body=AnyValue(string_value=f"message {number}"),
                attributes=[text("item.id", str(number))],
            )
        )
    return request


def metrics_request(points: int = 3, *, seed: int = 0) -> ExportMetricsServiceRequest:
    """A request with one counter of `points` series; a later `seed` is a later collection."""
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add(resource=resource())
    scope = resource_metrics.scope_metrics.add(scope=InstrumentationScope(name="sample"))
    data = [
        NumberDataPoint(
            attributes=[text("series", str(index))],
            start_time_unix_nano=START_NS,
            time_unix_nano=START_NS + (seed + 1) * _SECOND,
            as_int=(seed + 1) * 10 + index,
        )
        for index in range(points)
    ]
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    total = Sum(data_points=data, is_monotonic=True, aggregation_temporality=cumulative)
    scope.metrics.append(Metric(name="sample.things", unit="{thing}", sum=total))
    return request


def request(signal: Signal, items: int = 3, *, seed: int = 0) -> Message:
    """A request of `signal` with `items` items."""
    if signal is Signal.TRACES:
        return traces_request(items, seed=seed)
    if signal is Signal.METRICS:
        return metrics_request(items, seed=seed)
    return logs_request(items, seed=seed)


def batch(signal: Signal, items: int = 3, *, seed: int = 0) -> Batch:
    """A batch of `signal`; a later `seed` is a second later."""
    return Batch(
        signal=signal,
        payload=request(signal, items, seed=seed).SerializeToString(),
        items=items,
        context=Context(peer="127.0.0.1:1", transport="test"),
        steady_ns=(seed + 1) * _SECOND,
        wall_ns=START_NS + seed * _SECOND,
    )
