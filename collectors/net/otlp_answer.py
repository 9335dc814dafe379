"""Reads what an OTLP server says about a request that it has taken.

Source: OpenTelemetry, "OTLP Specification", partial success.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collectors.component import Delivery, Signal

_RESPONSES: Final = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
}


def partial_success(signal: Signal, answer: bytes, *, is_json: bool) -> Delivery:
    """What of the batch the far end will never take. An unreadable answer is a plain yes."""
    message = _RESPONSES[signal]()
    try:
        if is_json:
            Parse(answer or b"{}", message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(answer)
    except (ParseError, DecodeError, ValueError):
        return Delivery()
    said = message.partial_success
    if isinstance(message, ExportTraceServiceResponse):
        rejected = message.partial_success.rejected_spans
    elif isinstance(message, ExportMetricsServiceResponse):
        rejected = message.partial_success.rejected_data_points
    else:
        rejected = message.partial_success.rejected_log_records
    return Delivery(max(rejected, 0), said.error_message)
