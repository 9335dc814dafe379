"""OTLP's message types as one table that both scanners walk by.

Made from the descriptors of the installed `opentelemetry-proto`, so that a field that the
protocol gains is checked as soon as the library knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from collectors.component import Signal
from collectors.wire.kernel import Shorts
from collectors.wire.parse import request_type

FIELDS: Final = 32
"""Room per message type; OTLP's highest field number is 16."""

MESSAGE: Final = 16
"""Codes from here on name a message type: its row in the table, plus this."""

VARINT, FIXED64, BYTES, STRING, FIXED32 = 1, 2, 3, 4, 5
PACKED: Final = {VARINT: 6, FIXED64: 7, FIXED32: 8}

_CODES: Final = {
    FieldDescriptor.TYPE_DOUBLE: FIXED64,
    FieldDescriptor.TYPE_FIXED64: FIXED64,
    FieldDescriptor.TYPE_SFIXED64: FIXED64,
    FieldDescriptor.TYPE_FLOAT: FIXED32,
    FieldDescriptor.TYPE_FIXED32: FIXED32,
    FieldDescriptor.TYPE_SFIXED32: FIXED32,
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BYTES: BYTES,
}
_ITEMS: Final = {
    Signal.TRACES: ("Span",),
    Signal.LOGS: ("LogRecord",),
    Signal.METRICS: (
        "NumberDataPoint",
        "HistogramDataPoint",
        "ExponentialHistogramDataPoint",
        "SummaryDataPoint",
    ),
}
_LEVELS: Final = {
    Signal.TRACES: ("ResourceSpans", "ScopeSpans", "Span"),
    Signal.LOGS: ("ResourceLogs", "ScopeLogs", "LogRecord"),
    Signal.METRICS: ("ResourceMetrics", "ScopeMetrics", "Metric"),
}
_WITHIN: Final = ("Event", "Link", "Exemplar", "ValueAtQuantile")
"""What an item may have any number of, beside attributes."""

_VALUES: Final = ("KeyValue", "AnyValue")


@dataclass(frozen=True, slots=True)
class Schema:
    """The message types below one signal's request; row 0 is the request.

    Attributes:
        table: Code of field f of type k at ``k * FIELDS + f``; 0 where there is no field.
        kinds: How many types there are.
        items: Rows of the types that count as items.
        levels: Rows of the resource, scope and entry types.
        parts: Rows of these, and of what items have any number of.
        values: Rows of attributes and their values.
    """

    table: Shorts
    kinds: int
    items: tuple[int, ...]
    levels: tuple[int, int, int]
    parts: frozenset[int]
    values: tuple[int, ...]


@cache
def schema(signal: Signal) -> Schema:
    """The table of a signal."""
    types: list[Descriptor] = [request_type(signal).DESCRIPTOR]
    rows = {types[0].full_name: 0}
    table: list[int] = []
    for message in types:  # grows while it is walked
        codes = [0] * FIELDS
        for field in message.fields:
            codes[field.number] = _code(field, types, rows)
        table += codes
    names = {message.name: rows[message.full_name] for message in types}
    resource, scope, entry = (names[name] for name in _LEVELS[signal])
    items = tuple(names[name] for name in _ITEMS[signal])
    within = {names[name] for name in _WITHIN if name in names}
    return Schema(
        np.array(table, np.int16),
        len(types),
        items,
        (resource, scope, entry),
        frozenset({resource, scope, entry, *items, *within}),
        tuple(names[name] for name in _VALUES),
    )


def _code(field: FieldDescriptor, types: list[Descriptor], rows: dict[str, int]) -> int:
    inner = field.message_type
    if inner is not None:
        if inner.full_name not in rows:
            rows[inner.full_name] = len(types)
            types.append(inner)
        return MESSAGE + rows[inner.full_name]
    code = _CODES.get(field.type, VARINT)
    return PACKED.get(code, code) if field.is_repeated else code
