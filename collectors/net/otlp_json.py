"""OTLP between protobuf and JSON, as the OTLP specification defines it.

It differs from protobuf's own JSON mapping in two places: trace and span ids are
hexadecimal, and enums are numbers. Unknown fields are ignored.

Source: OpenTelemetry, "OTLP Specification", JSON Protobuf Encoding.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Signal

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_Convert: TypeAlias = Callable[[str, str], str]

_REQUESTS: Final[dict[Signal, type[Message]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
}
_IDS: Final = frozenset(
    {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
)
_MAX_DEPTH: Final = 64
"""Nesting of JSON. OTLP itself needs 12; the rest is for attribute values."""

_MOST_PARTS: Final = 1 << 22
"""Maps and lists of a request: each is a few bytes of it, and two hundred as Python objects."""

_FIELDS: Final = re.compile(r"(?:Failed to parse \w+ field: )+")
_FIELD: Final = re.compile(r"Failed to parse (\w+) field: ")


class NotOtlpError(Exception):
    """The text is not an OTLP request; the message says where it stops being one.

    It quotes nothing of the text, which may be secret or long: the message goes into a log.
    """


def to_protobuf(signal: Signal, text: bytes) -> bytes:
    """The protobuf bytes of a JSON request.

    Raises:
        NotOtlpError: Not JSON, not a request of this signal, or one of too many maps and lists.
    """
    parts = text.count(b"{") + text.count(b"[")
    if parts > _MOST_PARTS:
        msg = f"{parts:,} maps and lists, at most {_MOST_PARTS:,} in one request: send several"
        raise NotOtlpError(msg)
    try:
        value: Json = json.loads(text)
        if not isinstance(value, dict):
            msg = f"a request must be an object, got {type(value).__name__}"
            raise NotOtlpError(msg)
        message = ParseDict(
            cast("dict[str, Json]", _ids(value, _to_base64, 0)),
            _REQUESTS[signal](),
            ignore_unknown_fields=True,
        )
        return message.SerializeToString()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotOtlpError(str(error)) from error
    except (ParseError, ValueError, TypeError, AttributeError) as error:
        raise NotOtlpError(_where(str(error))) from error


def _where(message: str) -> str:
    """The field that protobuf's `message` is about, without the value that it quotes."""
    led = _FIELDS.match(message)
    path = ".".join(_FIELD.findall(led.group())) if led else ""
    return f"{path or 'a number'} has a value that is not allowed there"


def to_json(signal: Signal, payload: bytes) -> str:
    """One line of OTLP JSON for a serialized request; the same bytes give the same text.

    Raises:
        NotOtlpError: `payload` is not a request of this signal.
    """
    message = _REQUESTS[signal]()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise NotOtlpError(str(error)) from error
    return message_to_json(message)


def message_to_json(message: Message) -> str:
    """One line of JSON for any OTLP message."""
    value: Json = MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(_ids(value, _to_hex, 0), separators=(",", ":"), ensure_ascii=False)


def _ids(value: Json, convert: _Convert, depth: int) -> Json:
    """`value` with every id converted; OTLP has no map whose keys a user chooses."""
    if depth > _MAX_DEPTH * 2:
        msg = f"nested more than {_MAX_DEPTH} deep"
        raise NotOtlpError(msg)
    if isinstance(value, dict):
        return {
            key: convert(key, item)
            if key in _IDS and isinstance(item, str)
            else _ids(item, convert, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_ids(item, convert, depth + 1) for item in value]
    return value


def _to_base64(key: str, value: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(value)).decode()
    except ValueError as error:
        msg = f"{key} must be hexadecimal, got {len(value)} characters that are not"
        raise NotOtlpError(msg) from error


def _to_hex(key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).hex()
    except binascii.Error as error:
        msg = f"{key} is not base64, got {value[:40]!r}"
        raise NotOtlpError(msg) from error
