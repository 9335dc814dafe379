"""From the spans of a request to messages: those that were sent, and those that were taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np

from collectors.connectors.agentmetrics.rows import Rows
from collectors.connectors.agentmetrics.waits import SENT, TAKEN
from collectors.dialects import Column, Kind, Reading, number_of
from collectors.wire.kernel import Longs, Words
from collectors.wire.scan import Scan, children, identifiers, numbers, slices
from collectors.wire.spans import (
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    keys_of,
    parent_ids,
    span_attributes,
    span_ids,
    trace_ids,
)
from collectors.wire.values import as_text

_SEND, _MESSAGE = number_of(Kind.SEND), number_of(Kind.MESSAGE)
_START, _END, _LINKS = 7, 8, 13  # of Span
_LINK_TRACE, _LINK_SPAN = 1, 2  # of Span.Link
_DESTINATION: Final = "messaging.destination.name"
_MOST: Final = 2**62
_SCALES: Final = ((1e11, 1e9), (1e14, 1e6), (1e17, 1e3), (float(_MOST), 1.0))
"""Numbers below the first are seconds, below the next milliseconds, and so on."""


def sent(scanned: Scan, reading: Reading, steady_ns: int) -> Rows:
    """The spans that sent a message."""
    rows = reading.rows[reading.kinds == _SEND]
    made: Rows = np.zeros(len(rows), SENT)
    if len(rows):
        began, ended = _times(scanned)
        made["key"] = keys_of(trace_ids(scanned), span_ids(scanned))[rows]
        made["began"], made["ended"], made["seen"] = began[rows], ended[rows], steady_ns
    found: Rows = made[made["key"] != 0]
    return found


def taken(
    scanned: Scan,
    reading: Reading,
    of: tuple[Longs, Longs],
    queued_keys: Sequence[str],
    steady_ns: int,
) -> Rows:
    """The messages that spans took: from the span above, from those linked, or at a known time.

    Args:
        scanned: The request.
        reading: Its spans that count, and no span that counts itself.
        of: Label set and resource of each of them.
        queued_keys: Attributes that say when the broker queued the message.
        steady_ns: When the request came.
    """
    mine = np.flatnonzero(reading.kinds == _MESSAGE)
    made: Rows = np.zeros(len(mine), TAKEN)
    if not len(mine):
        return made
    rows = reading.rows[mine]
    own = keys_of(trace_ids(scanned), span_ids(scanned))[rows]
    made["sent"] = keys_of(trace_ids(scanned), parent_ids(scanned))[rows]
    made["at"], made["seen"] = _times(scanned)[0][rows], steady_ns
    made["labels"], made["resource"] = of[0][mine], of[1][mine]
    made["queued"] = _queued(scanned, queued_keys)[rows]
    made["sent"][made["queued"] > 0] = 0
    sources, place = _linked(scanned, rows)
    linked = made[place][made["queued"][place] == 0]
    linked["sent"] = sources[made["queued"][place] == 0]
    queue = _hashed(reading.fields[_DESTINATION])[mine]
    made["id"] = np.where(made["queued"] > 0, own, _at(made, queue))
    linked["id"] = _at(linked, queue[place][made["queued"][place] == 0])
    found: Rows = np.concatenate([made, linked])
    kept: Rows = found[(found["id"] != 0) & ((found["sent"] != 0) | (found["queued"] > 0))]
    return kept


def _hashed(column: Column) -> Words:
    """A number for each row's value."""
    found = [crc32(text.encode("utf-8", "surrogatepass")) for text in column.values]
    return np.array([*found, 0], np.uint64)[column.codes]


def _at(rows: Rows, queue: Words) -> Words:
    """One number for a message and where it was taken."""
    where = (queue << np.uint64(32)) | rows["resource"].astype(np.uint64)
    mixed: Words = rows["sent"] ^ (where * np.uint64(0x9E3779B97F4A7C15))
    return mixed


def _linked(scanned: Scan, rows: Longs) -> tuple[Words, Longs]:
    """The spans that `rows` are linked to, and the place in `rows` of each."""
    links = children(scanned, np.ascontiguousarray(scanned.entries[rows]), _LINKS)
    spots = slices(scanned, np.ascontiguousarray(links[:, :4]), (_LINK_TRACE, _LINK_SPAN))
    traces = identifiers(scanned, spots[0], TRACE_ID_BYTES)
    found = keys_of(traces, identifiers(scanned, spots[1], SPAN_ID_BYTES))
    return found[found != 0], links[found != 0, 3]


def _times(scanned: Scan) -> tuple[Longs, Longs]:
    """When each span began and ended."""
    began, ended = np.minimum(numbers(scanned, scanned.entries, (_START, _END)), np.uint64(_MOST))
    return began.astype(np.int64), ended.astype(np.int64)


def _queued(scanned: Scan, keys: Sequence[str]) -> Longs:
    """When the broker queued each span's message, 0 where it does not say."""
    found = np.zeros(len(scanned.entries), np.int64)
    for coded in span_attributes(scanned, keys).values():
        said = np.array([*(_nanoseconds(as_text(of)) for of in coded.values), 0], np.int64)
        found = np.where(found > 0, found, said[coded.codes])
    return found


def _nanoseconds(text: str) -> int:
    """A time as Unix nanoseconds; 0 of what is none."""
    try:
        number = float(text)
    except ValueError:
        return 0
    for below, scale in _SCALES:
        if 0 < number < below:
            return round(number * scale)
    return 0
