"""From spans, and their events, to groups that belong in one series, none looked at by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np

from collectors.connectors.spanmetrics.config import (
    SCOPE_NAME,
    SCOPE_VERSION,
    SERVICE,
    SPAN_KIND,
    SPAN_NAME,
    STATUS_CODE,
    DimensionConfig,
)
from collectors.counting import Groups, Key, combined, text_value
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.scan import Coded, Scan
from collectors.wire.spans import (
    durations_ns,
    ends_ns,
    event_attributes,
    event_times_ns,
    events,
    kinds,
    resource_attributes,
    resource_rows,
    scope_texts,
    span_attributes,
    span_ids,
    span_names,
    statuses,
    trace_ids,
)

EVENTS_AT_ONCE: Final = 1 << 16
"""An event may be two bytes of a request, and is a hundred of columns."""

_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES: Final = ("UNSET", "OK", "ERROR")


_UNKNOWN: Final = text_value("unknown_service")  # as the SDKs name what has no name
_KIND_VALUES: Final = tuple(text_value(f"SPAN_KIND_{kind}") for kind in _KINDS)
_STATUS_VALUES: Final = tuple(text_value(f"STATUS_CODE_{status}") for status in _STATUSES)


@dataclass(frozen=True, slots=True)
class Column:
    """One dimension over all spans: `codes[span]` indexes `values`."""

    codes: Longs
    values: tuple[bytes | None, ...]


class Spans:
    """The columns of one request; each is read once, when it is asked for first."""

    def __init__(self, scanned: Scan, keys: Sequence[str], scopes: Sequence[str] = ()) -> None:
        """Read what the attributes `keys` say.

        Args:
            scanned: The request.
            keys: Attributes that are dimensions.
            scopes: Instrumentation scopes that are told; of others nothing is said.
        """
        self._scanned = scanned
        self._told_scopes = frozenset(scopes)
        self._of_spans: Mapping[str, Coded] = span_attributes(scanned, keys)
        self._of_resources: Mapping[str, Coded] = resource_attributes(scanned, (*keys, SERVICE))

    @cached_property
    def resources(self) -> Longs:
        """Row of the resource of each."""
        return resource_rows(self._scanned)

    @cached_property
    def durations(self) -> Words:
        """Nanoseconds that each span took."""
        return durations_ns(self._scanned)

    @cached_property
    def times(self) -> Words:
        """Unix time at which each span ended."""
        return ends_ns(self._scanned)

    @cached_property
    def trace_ids(self) -> Octets:
        """See `collectors.wire.spans.trace_ids`."""
        return trace_ids(self._scanned)

    @cached_property
    def span_ids(self) -> Octets:
        """See `collectors.wire.spans.span_ids`."""
        return span_ids(self._scanned)

    def column(self, dimension: DimensionConfig | str) -> Column:
        """A dimension that is always there, by name, or one that the user added."""
        if isinstance(dimension, DimensionConfig):
            return _first_of(dimension, (self.own(dimension.name), self.above(dimension.name)))
        return self._always[dimension]

    def own(self, name: str) -> Column:
        """What the spans themselves say."""
        return _column(self._of_spans[name])

    def above(self, name: str) -> Column:
        """What their resources say."""
        coded = self._of_resources[name]
        return Column(coded.codes[self.resources].astype(np.int64), coded.values)

    def events(self, keys: Sequence[str]) -> Iterator[Events]:
        """Their events, with the attributes `keys`, so many at once that columns stay small."""
        found = events(self._scanned)
        for first in range(0, len(found), EVENTS_AT_ONCE):
            yield Events(self, self._scanned, found[first : first + EVENTS_AT_ONCE], keys)

    @cached_property
    def _always(self) -> Mapping[str, Column]:
        names = span_names(self._scanned)
        services = self.above(SERVICE)
        return {
            SERVICE: Column(services.codes, (*services.values, _UNKNOWN)),
            SPAN_NAME: _column(names, read=_text_value),
            SPAN_KIND: _numbered(kinds(self._scanned), _KIND_VALUES),
            STATUS_CODE: _numbered(statuses(self._scanned), _STATUS_VALUES),
            **self._of_scopes(),
        }

    def _of_scopes(self) -> dict[str, Column]:
        if not self._told_scopes:
            return {}
        names, versions = scope_texts(self._scanned)
        is_told = np.array([of.decode() in self._told_scopes for of in names.values], np.bool_)
        is_said = np.array([bool(of) for of in versions.values], np.bool_)
        told = is_told[names.codes]
        found: dict[str, Column] = {}
        for key, coded, mask in (
            (SCOPE_NAME, names, told),
            (SCOPE_VERSION, versions, told & is_said[versions.codes]),
        ):
            codes = np.where(mask, coded.codes, -1)[self._scanned.entries[:, 3]]
            values = tuple(_text_value(value) for value in coded.values)
            found[key] = Column(codes.astype(np.int64), (*values, None))
        return found


class Events:
    """The events of spans: each has the columns of its span, and attributes of its own."""

    def __init__(self, spans: Spans, scanned: Scan, found: Longs, keys: Sequence[str]) -> None:
        """Read what the attributes `keys` of the events `found` say."""
        self._spans = spans
        self._scanned = scanned
        self._found = found
        self._of = found[:, 3]
        self._own = event_attributes(scanned, found, keys)

    @cached_property
    def resources(self) -> Longs:
        """Row of the resource of each."""
        return self._spans.resources[self._of]

    @cached_property
    def durations(self) -> Words:
        """Nanoseconds that the span of each took."""
        return self._spans.durations[self._of]

    @cached_property
    def times(self) -> Words:
        """Unix time at which each event was."""
        return event_times_ns(self._scanned, self._found)

    @cached_property
    def trace_ids(self) -> Octets:
        """See `collectors.wire.spans.trace_ids`."""
        return self._spans.trace_ids[self._of]

    @cached_property
    def span_ids(self) -> Octets:
        """See `collectors.wire.spans.span_ids`."""
        return self._spans.span_ids[self._of]

    def column(self, dimension: DimensionConfig | str) -> Column:
        """A dimension that is always there, by name, or one that the user added."""
        if isinstance(dimension, str):
            return self._lent(self._spans.column(dimension))
        name = dimension.name
        span, resource = self._lent(self._spans.own(name)), self._lent(self._spans.above(name))
        return _first_of(dimension, (span, _column(self._own[name]), resource))

    def _lent(self, column: Column) -> Column:
        return Column(column.codes[self._of], column.values)


Columns: TypeAlias = Spans | Events
"""What is counted, a row each."""


def group(counted: Columns, dimensions: Sequence[DimensionConfig | str]) -> Groups:
    """Part what is counted by resource and by the values of `dimensions`."""
    columns = [counted.column(dimension) for dimension in dimensions]
    codes = combined([counted.resources, *(column.codes for column in columns)])
    _, first, of_span = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    leaders = first[order]
    parts = [[column.values[code] for code in column.codes[leaders].tolist()] for column in columns]
    keys: list[Key] = list(zip(*parts, strict=True)) if parts else [()] * len(leaders)
    rows = counted.resources[leaders].tolist()
    return Groups(place[of_span], tuple(zip(rows, keys, strict=True)))


def _first_of(dimension: DimensionConfig, columns: Sequence[Column]) -> Column:
    """What the first of `columns` says that says anything, else the default."""
    codes: Longs = np.full(len(columns[0].codes), -1, np.int64)
    values: list[bytes | None] = []
    for column in columns:
        codes = np.where((codes < 0) & (column.codes >= 0), column.codes + len(values), codes)
        values += column.values
    default = None if dimension.default is None else text_value(dimension.default)
    return Column(codes, (*values, default))


def _column(coded: Coded, read: Callable[[bytes], bytes] = bytes) -> Column:
    return Column(coded.codes.astype(np.int64), tuple(read(value) for value in coded.values))


def _text_value(text: bytes) -> bytes:
    return text_value(text.decode())


def _numbered(numbers: Words, values: tuple[bytes, ...]) -> Column:
    """A column of enumerated numbers; one that the protocol does not know counts as 0."""
    known = np.where(numbers < len(values), numbers, np.uint64(0))
    return Column(known.astype(np.int64), values)
