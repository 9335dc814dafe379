"""Scan a request once: validate it, count it, and find where everything stands.

What comes back are arrays: one row per resource, scope and entry (a span, a log record, or
a metric, whose data points are found by `points`). Columns are read when somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from collectors.component import Signal
from collectors.wire.kernel import Codes, Kernel, Longs, Octets, Shorts, Words, compiled, twin
from collectors.wire.parse import Malformed
from collectors.wire.schema import FIELDS, schema

KERNEL: Final[Kernel] = compiled() or twin()
IS_COMPILED: Final = compiled() is not None

_POINT_KINDS: Final = {5: "gauge", 7: "sum", 9: "histogram", 10: "exponential", 11: "summary"}
_POINT_ATTRIBUTES: Final = {5: 7, 7: 7, 9: 9, 10: 1, 11: 7}
_DATA_POINTS: Final = 1
_VALUES_PER_PART: Final = 8
_RESOURCE_ITEMS: Final = 1  # Export...ServiceRequest.resource_spans, likewise in the others
_CHILDREN: Final = 2  # ResourceSpans.scope_spans and ScopeSpans.spans, likewise in the others


@dataclass(frozen=True, slots=True)
class Scan:
    """A validated request and where its parts stand.

    Attributes:
        items: Spans, metric data points or log records.
        resources: Rows of (tag offset, body start, body end, -1).
        scopes: Rows of (tag offset, body start, body end, resource row).
        entries: Rows of (tag offset, body start, body end, scope row): spans, log records,
            or metrics.
    """

    signal: Signal
    payload: bytes
    items: int
    resources: Longs
    scopes: Longs
    entries: Longs
    kernel: Kernel


@dataclass(frozen=True, slots=True)
class Coded:
    """One attribute over all rows: `codes[row]` indexes `values`, -1 where it is absent.

    Attributes:
        values: Each distinct value once: the bytes of its serialized `AnyValue`.
    """

    codes: Codes
    values: tuple[bytes, ...]


def scan(signal: Signal, payload: bytes, kernel: Kernel = KERNEL, most: int | None = None) -> Scan:
    """Validate `payload` and find its parts.

    Args:
        signal: What it must be.
        payload: From whom ever.
        kernel: The scanner.
        most: Parts that it may have: resources, scopes, entries, data points, and the events,
            links, exemplars and quantiles in them. An empty span takes two bytes on the wire,
            and seventy times that in the columns; an empty link that is copied as much.
            There may be eight times as many attributes and values.

    Raises:
        Malformed: It is not a request of that signal, and says at which byte; or of more parts.
    """
    known = schema(signal)
    counts = np.zeros(known.kinds, np.int64)
    bad = kernel.validate(payload, known.table, 0, counts)
    if bad >= 0:
        msg = f"malformed {signal} request of {len(payload)} bytes: unsound at byte {bad}"
        raise Malformed(msg)
    if most is not None:
        _check(signal, "parts", int(sum(counts[kind] for kind in known.parts)), most)
        values = int(sum(counts[kind] for kind in known.values))
        _check(signal, "attributes and values", values, _VALUES_PER_PART * most)
    resources, scopes, entries = (np.empty((int(counts[k]), 4), np.int64) for k in known.levels)
    if not kernel.locate(
        payload, len(resources), len(scopes), len(entries), resources, scopes, entries
    ):
        msg = f"malformed {signal} request of {len(payload)} bytes: its parts do not add up"
        raise Malformed(msg)
    items = sum(int(counts[kind]) for kind in known.items)
    return Scan(signal, payload, items, resources, scopes, entries, kernel)


def _check(signal: Signal, of: str, count: int, most: int) -> None:
    if count > most:
        msg = f"{signal} request of {count:,} {of}, at most {most:,} in one: send it in several"
        raise Malformed(msg)


def locate(signal: Signal, payload: bytes, items: int, kernel: Kernel = KERNEL) -> Scan:
    """Find the parts of a request that was validated before; ten times faster than `scan`.

    Of a request that was not, parts may be missing. Nothing beyond its end is read.

    Args:
        signal: What `payload` is.
        payload: What a receiver took, or a component made.
        items: As the batch counts them.
        kernel: The scanner.
    """
    empty = np.empty((0, 4), np.int64)
    found = Scan(signal, payload, items, empty, empty, empty, kernel)
    whole = np.array([[0, 0, len(payload), -1]], np.int64)
    resources = _children(found, whole, _LOOKED_FOR[_RESOURCE_ITEMS], 1)
    scopes = _children(found, resources, _LOOKED_FOR[_CHILDREN], len(resources))
    entries = _children(found, scopes, _LOOKED_FOR[_CHILDREN], items)
    levels = [np.ascontiguousarray(rows[:, :4]) for rows in (resources, scopes, entries)]
    levels[0][:, 3] = -1
    return Scan(signal, payload, items, levels[0], levels[1], levels[2], kernel)


@dataclass(frozen=True, slots=True)
class Points:
    """The data points of all metrics of a request.

    Attributes:
        at: Rows of (tag offset, body start, body end, row in `data`, field).
        data: Rows of (tag offset, body start, body end, metric row, field): the `Gauge`, `Sum`,
            `Histogram`, `ExponentialHistogram` or `Summary` messages.
        kinds: Field of the data message for each point: 5 gauge, 7 sum, 9 histogram,
            10 exponential histogram, 11 summary.
        attributes: Number of the attributes field of each point.
    """

    at: Longs
    data: Longs
    kinds: Shorts
    attributes: Shorts


def points(scanned: Scan) -> Points:
    """Find the data points of a metrics request.

    Raises:
        Malformed: A metric carries two kinds of data, and readers would disagree on which.
    """
    data = _children(scanned, scanned.entries, _DATA, len(scanned.entries))
    if len(np.unique(data[:, 3])) != len(data):
        msg = "malformed metrics request: a metric carries data more than once"
        raise Malformed(msg)
    at = _children(scanned, data, _LOOKED_FOR[_DATA_POINTS], scanned.items)
    fields = data[at[:, 3], 4].astype(np.int16)
    return Points(at, data, fields, _ATTRIBUTES_OF[fields])


def children(scanned: Scan, parents: Longs, field: int) -> Longs:
    """The messages in `field` of those at `parents`: (tag, body, end, row of the parent, field)."""
    return _children(scanned, parents, _LOOKED_FOR[field], len(parents))


def numbers(scanned: Scan, at: Longs, fields: Sequence[int]) -> Words:
    """Scalar fields of the messages at rows `at`: shape (fields, rows), 0 where absent."""
    return columns(scanned, at, fields, ())[0]


def slices(scanned: Scan, at: Longs, fields: Sequence[int]) -> Longs:
    """Length-delimited fields: shape (fields, rows, 2), (0, 0) where absent."""
    return columns(scanned, at, (), fields)[1]


def columns(
    scanned: Scan, at: Longs, scalars: Sequence[int], delimited: Sequence[int]
) -> tuple[Words, Longs]:
    """See `numbers` and `slices`, in one walk over the messages."""
    values = np.zeros((len(scalars), len(at)), np.uint64)
    spots = np.zeros((len(delimited), len(at), 2), np.int64)
    places = _numbered(tuple(scalars)), _numbered(tuple(delimited))
    scanned.kernel.columns(scanned.payload, at, places[0], values, places[1], spots)
    return values, spots


def identifiers(scanned: Scan, spots: Longs, width: int) -> Octets:
    """Ids of `width` bytes at `spots` (rows, 2): shape (rows, width), zeros where invalid."""
    out = np.zeros((len(spots), width), np.uint8)
    if len(spots):
        scanned.kernel.identifiers(scanned.payload, np.ascontiguousarray(spots), out)
    return out


def attributes(
    scanned: Scan, at: Longs, field_of: Shorts, keys: Sequence[str]
) -> Mapping[str, Coded]:
    """The values of `keys` on the messages at rows `at`, dictionary-coded.

    Args:
        scanned: The request.
        at: Rows of the messages that carry attributes.
        field_of: For each row, the number of its attributes field.
        keys: Attribute keys.
    """
    spots = attribute_spots(scanned, at, field_of, keys)
    return {key: _coded(scanned, spots[index]) for index, key in enumerate(keys)}


def attribute_spots(scanned: Scan, at: Longs, field_of: Shorts, keys: Sequence[str]) -> Longs:
    """Where the values of `keys` stand: shape (keys, rows, 2), (-1, -1) where absent.

    For the arguments see `attributes`.
    """
    spots = np.full((len(keys), len(at), 2), -1, np.int64)
    if keys and len(at):
        wanted = tuple(key.encode() for key in keys)
        scanned.kernel.attributes(scanned.payload, at, field_of, wanted, spots)
    return spots


def texts(scanned: Scan, spots: Longs) -> Coded:
    """Strings at `spots` (rows, 2), such as names, dictionary-coded."""
    return _coded(scanned, np.ascontiguousarray(spots))


def _coded(scanned: Scan, spots: Longs) -> Coded:
    code = np.empty(len(spots), np.int32)
    first = np.empty(len(spots), np.int64)
    distinct = scanned.kernel.codes(scanned.payload, spots, code, first) if len(spots) else 0
    places: list[tuple[int, int]] = spots[first[:distinct]].tolist()
    values = tuple(scanned.payload[start:end] for start, end in places)
    return Coded(code, values)


def _children(scanned: Scan, parents: Longs, wanted: Shorts, room: int) -> Longs:
    found = np.empty((room, 5), np.int64)
    count = scanned.kernel.children(scanned.payload, parents, wanted, found)
    if count <= room:
        return found[:count]
    found = np.empty((count, 5), np.int64)
    scanned.kernel.children(scanned.payload, parents, wanted, found)
    return found


def _column(values: Mapping[int, int]) -> Shorts:
    column = np.zeros(FIELDS, np.int16)
    for field, value in values.items():
        column[field] = value
    column.flags.writeable = False
    return column


_LOOKED_FOR: Final = {field: _column({field: 1}) for field in range(1, FIELDS)}
_DATA: Final = _column(dict.fromkeys(_POINT_KINDS, 1))
_ATTRIBUTES_OF: Final = _column(_POINT_ATTRIBUTES)


@lru_cache(maxsize=256)
def _numbered(fields: tuple[int, ...]) -> Shorts:
    return _column({field: index for index, field in enumerate(fields, 1)})
