"""The columns of a traces request that decisions about spans are made on.

Each function reads one column for all spans at once, and none of them decodes a span.
Numbers are as the sender wrote them: a clock that went back is the caller's to judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Octets, Shorts, Words
from collectors.wire.scan import (
    Coded,
    Scan,
    attribute_spots,
    attributes,
    children,
    columns,
    identifiers,
    numbers,
    slices,
    texts,
)

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
ERROR: Final = 2
"""`STATUS_CODE_ERROR`."""

_RESOURCE: Final = 1  # ResourceSpans.resource
_RESOURCE_ATTRIBUTES: Final = 1
_SCOPE: Final = 1  # ScopeSpans.scope
_SCOPE_NAME, _SCOPE_VERSION = 1, 2
_TRACE_ID, _SPAN_ID, _TRACE_STATE, _PARENT_ID, _NAME, _KIND, _START, _END = 1, 2, 3, 4, 5, 6, 7, 8
_ATTRIBUTES, _STATUS, _STATUS_CODE = 9, 15, 3
_EVENTS: Final = 11  # Span.events
_EVENT_TIME, _EVENT_ATTRIBUTES = 1, 3
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)
_HALF: Final = np.uint64(31)


def resource_rows(scanned: Scan) -> Longs:
    """Row of `scanned.resources` that each span belongs to."""
    rows: Longs = scanned.scopes[scanned.entries[:, 3], 3]
    return rows


def resource_attributes(scanned: Scan, keys: Sequence[str]) -> Mapping[str, Coded]:
    """The values of `keys`, one code per row of `scanned.resources`."""
    spots = slices(scanned, scanned.resources, (_RESOURCE,))[0]
    return attributes(scanned, _rows(spots), _fields(spots, _RESOURCE_ATTRIBUTES), keys)


def span_attributes(scanned: Scan, keys: Sequence[str]) -> Mapping[str, Coded]:
    """The values of `keys`, one code per span."""
    fields = _fields(scanned.entries, _ATTRIBUTES)
    return attributes(scanned, scanned.entries, fields, keys)


def span_attribute_spots(scanned: Scan, keys: Sequence[str]) -> Longs:
    """Where the values of `keys` stand: shape (keys, spans, 2), (-1, -1) where absent."""
    fields = _fields(scanned.entries, _ATTRIBUTES)
    return attribute_spots(scanned, scanned.entries, fields, keys)


def span_names(scanned: Scan) -> Coded:
    """The name of each span: its text itself, not a serialized value."""
    return texts(scanned, slices(scanned, scanned.entries, (_NAME,))[0])


def scope_texts(scanned: Scan) -> tuple[Coded, Coded]:
    """Name and version of each row of `scanned.scopes`, as texts; empty ones where unsaid."""
    spots = slices(scanned, scanned.scopes, (_SCOPE,))[0]
    names, versions = slices(scanned, _rows(spots), (_SCOPE_NAME, _SCOPE_VERSION))
    return texts(scanned, names), texts(scanned, versions)


def events(scanned: Scan) -> Longs:
    """The events of all spans: rows of (tag offset, body start, body end, span row)."""
    return np.ascontiguousarray(children(scanned, scanned.entries, _EVENTS)[:, :4])


def event_attributes(scanned: Scan, found: Longs, keys: Sequence[str]) -> Mapping[str, Coded]:
    """The values of `keys`, one code per row of `events`."""
    return attributes(scanned, found, _fields(found, _EVENT_ATTRIBUTES), keys)


def event_times_ns(scanned: Scan, found: Longs) -> Words:
    """Unix time of each row of `events`, 0 where it does not say."""
    times: Words = numbers(scanned, found, (_EVENT_TIME,))[0]
    return times


def trace_states(scanned: Scan) -> Coded:
    """The W3C trace state of each span: its text itself."""
    return texts(scanned, slices(scanned, scanned.entries, (_TRACE_STATE,))[0])


def statuses(scanned: Scan) -> Words:
    """The status code of each span: 0 unset, 1 OK, 2 error."""
    return _codes(scanned, slices(scanned, scanned.entries, (_STATUS,))[0])


def kinds(scanned: Scan) -> Words:
    """The kind of each span, as the protocol numbers them."""
    found: Words = numbers(scanned, scanned.entries, (_KIND,))[0]
    return found


def ends_ns(scanned: Scan) -> Words:
    """Unix time at which each span ended, 0 where it does not say."""
    found: Words = numbers(scanned, scanned.entries, (_END,))[0]
    return found


def durations_ns(scanned: Scan) -> Words:
    """How long each span took; 0 where it ends before it starts, as clocks that jump have it."""
    return _taken(numbers(scanned, scanned.entries, (_START, _END)))


def outcomes(scanned: Scan) -> tuple[Words, Words]:
    """The status code and the duration of each span: `statuses` and `durations_ns` in one walk."""
    times, spots = columns(scanned, scanned.entries, (_START, _END), (_STATUS,))
    return _codes(scanned, spots[0]), _taken(times)


def trace_ids(scanned: Scan) -> Octets:
    """Shape (spans, 16); zeros where the id is missing or of another length."""
    spots = slices(scanned, scanned.entries, (_TRACE_ID,))[0]
    return identifiers(scanned, spots, TRACE_ID_BYTES)


def span_ids(scanned: Scan) -> Octets:
    """Shape (spans, 8); zeros where the id is missing or of another length."""
    spots = slices(scanned, scanned.entries, (_SPAN_ID,))[0]
    return identifiers(scanned, spots, SPAN_ID_BYTES)


def parent_ids(scanned: Scan) -> Octets:
    """Shape (spans, 8): the span above; zeros where none is named."""
    spots = slices(scanned, scanned.entries, (_PARENT_ID,))[0]
    return identifiers(scanned, spots, SPAN_ID_BYTES)


def _codes(scanned: Scan, spots: Longs) -> Words:
    codes: Words = numbers(scanned, _rows(spots), (_STATUS_CODE,))[0]
    return codes


def _taken(times: Words) -> Words:
    starts, ends = times
    taken: Words = np.where(ends > starts, ends - starts, np.uint64(0))
    return taken


def _rows(spots: Longs) -> Longs:
    """Slices (start, end) as rows of (tag, body, end, parent): messages to look into."""
    rows = np.zeros((len(spots), 4), np.int64)
    rows[:, 1:3] = spots
    return rows


def _fields(rows: Longs, field: int) -> Shorts:
    found: NDArray[np.int16] = np.full(len(rows), field, np.int16)
    return found


def keys_of(trace_ids: Octets, span_ids: Octets) -> Words:
    """One number for each span: 0 where an id is missing.

    Two spans share one by chance once in 2^64 pairs; the mixing is that of splitmix64.
    """
    traces = np.ascontiguousarray(trace_ids).view("<u8").reshape(-1, 2)
    spans = np.ascontiguousarray(span_ids).view("<u8").reshape(-1)
    mixed = _mixed(_mixed(traces[:, 0]) ^ (traces[:, 1] + _GOLDEN))
    keys: Words = _mixed(mixed ^ (spans * _GOLDEN))
    missing = (spans == 0) | ~traces.any(axis=1)
    return np.where(missing, np.uint64(0), np.maximum(keys, np.uint64(1)))


def _mixed(words: Words) -> Words:
    mixed: Words = (words ^ (words >> _HALF)) * _MIX
    return mixed ^ (mixed >> _HALF)
