"""Parse a request with protobuf's own parser (upb, in C), and nothing else.

A message is parsed where it must be looked into, never on the way through.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Signal

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest


class Malformed(ValueError):  # noqa: N818 - said of a payload, as `Refused` and `Rejected` are
    """A payload that is no request of its signal; the text says why."""


def request_type(signal: Signal) -> type[Request]:
    """The message class of a signal's requests."""
    match signal:
        case Signal.TRACES:
            return ExportTraceServiceRequest
        case Signal.METRICS:
            return ExportMetricsServiceRequest
        case Signal.LOGS:
            return ExportLogsServiceRequest


def parse(signal: Signal, payload: bytes) -> Request:
    """Read `payload`; an empty one is an empty request.

    Raises:
        Malformed: It is not protobuf of that message.
    """
    request = request_type(signal)()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        msg = f"malformed {signal} request of {len(payload)} bytes: {error}"
        raise Malformed(msg) from error
    return request
