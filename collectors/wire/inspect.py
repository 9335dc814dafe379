"""Look at a request once, in the receiver: is it sound, how many items, from when.

The work per item is the parser's; Python loops over scopes, and for metrics over metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.component import Signal
from collectors.wire.parse import Malformed, parse

__all__ = ["Inspected", "Malformed", "inspect"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a request holds.

    Attributes:
        items: Spans, metric data points or log records.
        oldest_ns: Unix time of the oldest item looked at, 0 where none carries a time.
            Exporters send in order of time, so the first and the last item of each scope
            are looked at and those between are not.
        newest_ns: Unix time of the newest item looked at, 0 where none carries a time.
    """

    items: int
    oldest_ns: int
    newest_ns: int

    @property
    def emitted_ns(self) -> tuple[int, int] | None:
        """Oldest and newest, as `Intake.submit` takes them; None where no item has a time."""
        return (self.oldest_ns, self.newest_ns) if self.newest_ns else None


class _Timed(Protocol):
    """A data point: all kinds have a time."""

    @property
    def time_unix_nano(self) -> int: ...


class _Points(Protocol):
    """The data points of one metric, in the message that holds them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> _Timed: ...

    def __delitem__(self, index: slice, /) -> None: ...


@dataclass(frozen=True, slots=True)
class _Part:
    """One scope's items, or one metric's: how many, and the times of the first and last."""

    items: int
    first_ns: int
    last_ns: int


def inspect(signal: Signal, payload: bytes) -> Inspected:
    """Validate `payload` and count what is in it.

    Raises:
        Malformed: It is not a request of that signal.
    """
    items = 0
    newest = 0
    oldest = 0
    for part in _parts(signal, payload):
        items += part.items
        newest = max(newest, part.first_ns, part.last_ns)
        for time_ns in (part.first_ns, part.last_ns):
            if time_ns and (not oldest or time_ns < oldest):
                oldest = time_ns
    return Inspected(items, oldest, newest)


def _parts(signal: Signal, payload: bytes) -> Iterator[_Part]:
    request = parse(signal, payload)
    if isinstance(request, ExportTraceServiceRequest):
        return _spans(request)
    if isinstance(request, ExportMetricsServiceRequest):
        return _points(request)
    return _records(request)


def _spans(request: ExportTraceServiceRequest) -> Iterator[_Part]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            if spans := scope.spans:
                yield _Part(len(spans), spans[0].end_time_unix_nano, spans[-1].end_time_unix_nano)


def _records(request: ExportLogsServiceRequest) -> Iterator[_Part]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            if records := scope.log_records:
                first, last = records[0], records[-1]
                yield _Part(
                    len(records),
                    first.time_unix_nano or first.observed_time_unix_nano,
                    last.time_unix_nano or last.observed_time_unix_nano,
                )


def _points(request: ExportMetricsServiceRequest) -> Iterator[_Part]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if points := data_points(metric):
                    yield _Part(len(points), points[0].time_unix_nano, points[-1].time_unix_nano)


def data_points(metric: Metric) -> _Points:
    """The data points of a metric, whatever its kind, not copied; empty if it has no data."""
    match metric.WhichOneof("data"):
        case "gauge":
            return metric.gauge.data_points
        case "sum":
            return metric.sum.data_points
        case "histogram":
            return metric.histogram.data_points
        case "exponential_histogram":
            return metric.exponential_histogram.data_points
        case "summary":
            return metric.summary.data_points
        case _:
            return list[_Timed]()
