"""What a path means for spans, their events, log records, metrics and data points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.ottl.columns import Column, Distinct, Numbers, attribute, words
from collectors.wire.kernel import Longs, Shorts, Words
from collectors.wire.scan import (
    Scan,
    attributes,
    children,
    identifiers,
    numbers,
    points,
    slices,
    texts,
)
from collectors.wire.spans import (
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    resource_attributes,
    resource_rows,
    statuses,
)

_LARGEST: Final = 2**63 - 1
_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_SCOPE: Final = 1  # ScopeSpans.scope, likewise in the other two
_STATUS: Final = 15
_SPAN_ATTRIBUTES: Final = 9
_EVENTS: Final = 11  # Span.events
_EVENT_ATTRIBUTES: Final = 3  # Span.Event.attributes
_TYPES: Final = {5: 1, 7: 2, 9: 3, 10: 4, 11: 5}
"""Fields of a metric's data, and the numbers of `METRIC_DATA_TYPE_...`."""

Reader = Callable[["Rows", str], Column]


@dataclass(frozen=True, slots=True)
class Rows:
    """The items of a request that a condition is asked about.

    Attributes:
        at: Where each item's message stands.
        entry: Row in `scanned.entries` of each: itself, or the metric of a data point.
        field_of: Number of the attributes field of each.
    """

    scanned: Scan
    at: Longs
    entry: NDArray[np.int64]
    field_of: Shorts

    @property
    def scopes(self) -> NDArray[np.int64]:
        """Row of the scope of each item."""
        rows: NDArray[np.int64] = self.scanned.entries[self.entry, 3]
        return rows

    @property
    def resources(self) -> NDArray[np.int64]:
        """Row of the resource of each item."""
        return resource_rows(self.scanned)[self.entry]


@dataclass(frozen=True, slots=True)
class Context:
    """One kind of item.

    Attributes:
        prefix: What may stand before a path of the item itself: ``span.name``.
        paths: By name; those in `keyed` need a key.
        keyed: Paths that end in a map.
        rows: Finds the items of a request.
    """

    prefix: str
    paths: Mapping[str, Reader]
    keyed: frozenset[str]
    rows: Callable[[Scan], Rows]

    def resolve(self, name: str) -> str | None:
        """The name under which `paths` knows `name`."""
        bare = name.removeprefix(f"{self.prefix}.")
        return bare if bare in self.paths else name if name in self.paths else None


def _entries(field: int) -> Callable[[Scan], Rows]:
    def rows(scanned: Scan) -> Rows:
        count = len(scanned.entries)
        return Rows(
            scanned,
            scanned.entries,
            np.arange(count, dtype=np.int64),
            np.full(count, field, np.int16),
        )

    return rows


def point_rows(scanned: Scan) -> Rows:
    """The data points of a metrics request; `entry` is the metric of each."""
    found = points(scanned)
    metrics: NDArray[np.int64] = found.data[found.at[:, 3], 3]
    return Rows(scanned, found.at, metrics, found.attributes)


def event_rows(scanned: Scan) -> Rows:
    """The events of the spans of a traces request; `entry` is the span of each."""
    at = children(scanned, scanned.entries, _EVENTS)
    spans: NDArray[np.int64] = at[:, 3].copy()
    return Rows(scanned, at, spans, np.full(len(at), _EVENT_ATTRIBUTES, np.int16))


def _number(field: int) -> Reader:
    def read(rows: Rows, key: str) -> Column:
        del key
        return _whole(numbers(rows.scanned, rows.at, (field,))[0])

    return read


def _word(field: int) -> Reader:
    def read(rows: Rows, key: str) -> Column:
        del key
        return words(texts(rows.scanned, slices(rows.scanned, rows.at, (field,))[0]))

    return read


def _hex(field: int, width: int) -> Reader:
    def read(rows: Rows, key: str) -> Column:
        del key
        spots = slices(rows.scanned, rows.at, (field,))[0]
        ids = identifiers(rows.scanned, spots, width)
        distinct, place = np.unique(ids, axis=0, return_inverse=True)
        values = tuple([row.tobytes().hex() for row in distinct])
        return Distinct(place.reshape(-1).astype(np.int64), (*values, None))

    return read


def _value(field: int) -> Reader:
    """An `AnyValue` that is a field of its own, such as a body."""

    def read(rows: Rows, key: str) -> Column:
        del key
        spots = slices(rows.scanned, rows.at, (field,))[0]
        return attribute(texts(rows.scanned, spots))

    return read


def _attributes(rows: Rows, key: str) -> Column:
    return attribute(attributes(rows.scanned, rows.at, rows.field_of, (key,))[key])


def _resource_attributes(rows: Rows, key: str) -> Column:
    return attribute(resource_attributes(rows.scanned, (key,))[key], rows.resources)


def _scope(field: int) -> Reader:
    def read(rows: Rows, key: str) -> Column:
        del key
        scanned = rows.scanned
        spots = slices(scanned, scanned.scopes, (_SCOPE,))[0]
        at = np.zeros((len(spots), 4), np.int64)
        at[:, 1:3] = spots
        return words(texts(scanned, slices(scanned, at, (field,))[0]), rows.scopes)

    return read


def _of_entry(read_entry: Reader, field: int) -> Reader:
    """A path of the metric that a data point belongs to, or of the span of an event.

    Args:
        read_entry: Reads it for all entries.
        field: Number of the attributes field of an entry; 0 where it has none.
    """

    def read(rows: Rows, key: str) -> Column:
        column = read_entry(_entries(field)(rows.scanned), key)
        if isinstance(column, Numbers):
            return Numbers(column.values[rows.entry])
        return Distinct(column.codes[rows.entry], column.values)

    return read


def _metric_type(rows: Rows, key: str) -> Column:
    del key
    data = points(rows.scanned).data
    found = np.zeros(len(rows.at), np.int64)
    found[data[:, 3]] = [_TYPES[field] for field in data[:, 4].tolist()]
    return Numbers(found)


def _kind_word(rows: Rows, key: str) -> Column:
    del key
    kinds = numbers(rows.scanned, rows.at, (6,))[0]
    known = np.where(kinds < len(_KINDS), kinds, np.uint64(0))
    return Distinct(known.astype(np.int64), (*_KINDS, None))


def _status_code(rows: Rows, key: str) -> Column:
    del key
    return _whole(statuses(rows.scanned))


def _status_message(rows: Rows, key: str) -> Column:
    del key
    spots = slices(rows.scanned, rows.at, (_STATUS,))[0]
    at = np.zeros((len(spots), 4), np.int64)
    at[:, 1:3] = spots
    return words(texts(rows.scanned, slices(rows.scanned, at, (2,))[0]))


def _whole(values: Words) -> Numbers:
    return Numbers(np.minimum(values, np.uint64(_LARGEST)).astype(np.int64))


_KEYED: Final = frozenset({"attributes", "span.attributes", "resource.attributes"})
_EVERYWHERE: Final[Mapping[str, Reader]] = {
    "resource.attributes": _resource_attributes,
    "instrumentation_scope.name": _scope(1),
    "instrumentation_scope.version": _scope(2),
    "scope.name": _scope(1),
    "scope.version": _scope(2),
}
_METRIC: Final[Mapping[str, Reader]] = {
    "name": _word(1),
    "description": _word(2),
    "unit": _word(3),
    "type": _metric_type,
}


def _context(
    prefix: str,
    own: Mapping[str, Reader],
    rows: Callable[[Scan], Rows],
    keyed: Sequence[str] = ("attributes",),
) -> Context:
    paths = MappingProxyType({**_EVERYWHERE, **own})
    return Context(prefix, paths, _KEYED.intersection({*keyed, "resource.attributes"}), rows)


_SPAN: Final[Mapping[str, Reader]] = {
    "attributes": _attributes,
    "name": _word(5),
    "kind": _number(6),
    "kind.string": _kind_word,
    "status.code": _status_code,
    "status.message": _status_message,
    "trace_id.string": _hex(1, TRACE_ID_BYTES),
    "span_id.string": _hex(2, SPAN_ID_BYTES),
    "parent_span_id.string": _hex(4, SPAN_ID_BYTES),
    "trace_state": _word(3),
    "start_time_unix_nano": _number(7),
    "end_time_unix_nano": _number(8),
}
SPAN: Final = _context("span", _SPAN, _entries(_SPAN_ATTRIBUTES))
SPAN_EVENT: Final = _context(
    "spanevent",
    {
        "attributes": _attributes,
        "name": _word(2),
        "time_unix_nano": _number(1),
        **{f"span.{name}": _of_entry(read, _SPAN_ATTRIBUTES) for name, read in _SPAN.items()},
    },
    event_rows,
    ("attributes", "span.attributes"),
)
LOG: Final = _context(
    "log",
    {
        "attributes": _attributes,
        "body": _value(5),
        "severity_number": _number(2),
        "severity_text": _word(3),
        "trace_id.string": _hex(9, TRACE_ID_BYTES),
        "span_id.string": _hex(10, SPAN_ID_BYTES),
        "event_name": _word(12),
        "time_unix_nano": _number(1),
        "observed_time_unix_nano": _number(11),
    },
    _entries(6),
)
METRIC: Final = _context("metric", _METRIC, _entries(0), ())
DATAPOINT: Final = _context(
    "datapoint",
    {
        "attributes": _attributes,
        **{f"metric.{name}": _of_entry(read, 0) for name, read in _METRIC.items()},
    },
    point_rows,
)
CONTEXTS: Final[Mapping[str, Context]] = MappingProxyType(
    {
        "span": SPAN,
        "spanevent": SPAN_EVENT,
        "log_record": LOG,
        "metric": METRIC,
        "datapoint": DATAPOINT,
    }
)
