"""Cut a request in two, for a destination that takes less or chokes on one item of it.

Nothing is lost and nothing doubled: the items of the halves are the items of the whole,
in their order, under their resource and scope.
"""

from __future__ import annotations

from typing import Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.component import Signal
from collectors.wire.parse import parse


class _Points(Protocol):
    """The data points of one metric, in the message that holds them."""

    def __len__(self) -> int: ...

    def __delitem__(self, index: slice, /) -> None: ...


def split(signal: Signal, payload: bytes) -> tuple[bytes, bytes] | None:
    """Cut `payload` into two requests; None where nothing is left to cut.

    A half may hold no item, where a resource, scope or metric is empty.

    The cut goes between resources where there are several, else between scopes, else
    between metrics, else between items.

    Raises:
        Malformed: It is not a request of that signal.
    """
    left = parse(signal, payload)
    right = parse(signal, payload)
    if isinstance(left, ExportTraceServiceRequest) and isinstance(right, ExportTraceServiceRequest):
        cut = _cut_traces(left, right)
    elif isinstance(left, ExportMetricsServiceRequest) and isinstance(
        right, ExportMetricsServiceRequest
    ):
        cut = _cut_metrics(left, right)
    elif isinstance(left, ExportLogsServiceRequest) and isinstance(right, ExportLogsServiceRequest):
        cut = _cut_logs(left, right)
    else:  # pragma: no cover - both come from one parse
        cut = False
    return (left.SerializeToString(), right.SerializeToString()) if cut else None


def _cut_traces(left: ExportTraceServiceRequest, right: ExportTraceServiceRequest) -> bool:
    if (half := len(left.resource_spans) // 2) > 0:
        del left.resource_spans[half:]
        del right.resource_spans[:half]
        return True
    if not left.resource_spans:
        return False
    scopes, others = left.resource_spans[0].scope_spans, right.resource_spans[0].scope_spans
    if (half := len(scopes) // 2) > 0:
        del scopes[half:]
        del others[:half]
        return True
    if not scopes or (half := len(scopes[0].spans) // 2) == 0:
        return False
    del scopes[0].spans[half:]
    del others[0].spans[:half]
    return True


def _cut_logs(left: ExportLogsServiceRequest, right: ExportLogsServiceRequest) -> bool:
    if (half := len(left.resource_logs) // 2) > 0:
        del left.resource_logs[half:]
        del right.resource_logs[:half]
        return True
    if not left.resource_logs:
        return False
    scopes, others = left.resource_logs[0].scope_logs, right.resource_logs[0].scope_logs
    if (half := len(scopes) // 2) > 0:
        del scopes[half:]
        del others[:half]
        return True
    if not scopes or (half := len(scopes[0].log_records) // 2) == 0:
        return False
    del scopes[0].log_records[half:]
    del others[0].log_records[:half]
    return True


def _cut_metrics(left: ExportMetricsServiceRequest, right: ExportMetricsServiceRequest) -> bool:
    if (half := len(left.resource_metrics) // 2) > 0:
        del left.resource_metrics[half:]
        del right.resource_metrics[:half]
        return True
    if not left.resource_metrics:
        return False
    scopes, others = left.resource_metrics[0].scope_metrics, right.resource_metrics[0].scope_metrics
    if (half := len(scopes) // 2) > 0:
        del scopes[half:]
        del others[:half]
        return True
    if not scopes:
        return False
    metrics, rest = scopes[0].metrics, others[0].metrics
    if (half := len(metrics) // 2) > 0:
        del metrics[half:]
        del rest[:half]
        return True
    return bool(metrics) and _cut_points(metrics[0], rest[0])


def _cut_points(left: Metric, right: Metric) -> bool:
    if (half := len(_data_points(left)) // 2) == 0:
        return False
    kept, other = _data_points(left), _data_points(right)
    del kept[half:]
    del other[:half]
    return True


def _data_points(metric: Metric) -> _Points:
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
            return list[object]()
