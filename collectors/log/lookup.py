"""Single records of a log by their offset: from memory while they are fresh, else from disk.

Where a record lies is found by reading the headers of its segment once. The places are kept
in flat arrays, those of the segments used last, within a number of bytes.
"""

from __future__ import annotations

import bisect
from array import array
from collections import OrderedDict
from collections.abc import Iterator

from collectors.log.disk import File
from collectors.log.reader import Source
from collectors.log.record import HEADER_BYTES, Header, Record, decode_body, decode_header
from collectors.log.recover import Segment
from collectors.log.segment import SEGMENT_HEADER_BYTES, SegmentName, frames

INDEX_BYTES = 8 << 20
"""Memory for places: a million records, whatever the log holds."""

MOST_FILES = 16
_WINDOW_BYTES = 16 << 10
_POSITION_BYTES = 8
_UNREADABLE = 0  # the header of the segment stands there, never a record


class Damaged(Exception):  # noqa: N818 - says what happened to bytes
    """A record whose header is whole and whose body is not; `header` tells what it held."""

    def __init__(self, header: Header) -> None:
        super().__init__(f"record {header.offset} is damaged")
        self.header = header


class Lookup:
    """Reads of single records; made for one thread."""

    def __init__(self, source: Source, *, index_bytes: int = INDEX_BYTES) -> None:
        """Read from `source`, with at most `index_bytes` of places in memory."""
        self._source = source
        self._index_bytes = index_bytes
        self._used_bytes = 0
        self._open: OrderedDict[SegmentName, _Indexed] = OrderedDict()
        self._segments: tuple[Segment, ...] = ()
        self._bases: list[int] = []

    def read(self, offset: int) -> Record | None:
        """The record at `offset`; None if it is not there, or its header is damaged.

        Raises:
            Damaged: Its body is.
            OSError: The disk failed.
        """
        if offset >= self._source.end:
            return None
        for record in self._source.recent(offset, 1):
            return record
        segment = self._segment(offset)
        if segment is None:
            return None
        try:
            found = self._indexed(segment)
        except FileNotFoundError:  # trimmed meanwhile
            return None
        before = found.size_bytes
        try:
            return found.read(offset)
        finally:
            self._used_bytes += found.size_bytes - before
            self._make_room()

    def let_go(self, before: int) -> None:
        """Close what lies below offset `before` wholly: it is going to be deleted."""
        for name in [n for n, found in self._open.items() if found.end <= before]:
            self._close(name)

    def close(self) -> None:
        """Close all files. Safe twice."""
        for name in list(self._open):
            self._close(name)

    def _segment(self, offset: int) -> Segment | None:
        """The segment that holds `offset`: of several, the one begun last."""
        for _ in range(2):
            at = bisect.bisect_right(self._bases, offset) - 1
            if 0 <= at < len(self._segments) - 1 and offset < self._segments[at].end:
                return self._segments[at]
            # The last one known may have ended since, and others begun.
            self._segments = self._source.segments()
            self._bases = [segment.name.base for segment in self._segments]
        at = bisect.bisect_right(self._bases, offset) - 1
        if at < 0 or offset >= self._segments[at].end:
            return None
        return self._segments[at]

    def _indexed(self, segment: Segment) -> _Indexed:
        found = self._open.get(segment.name)
        if found is None:
            found = _Indexed(segment.name, self._source.open_segment(segment))
            self._open[segment.name] = found
        self._open.move_to_end(segment.name)
        found.end = segment.end
        return found

    def _make_room(self) -> None:
        while len(self._open) > 1 and (
            self._used_bytes > self._index_bytes or len(self._open) > MOST_FILES
        ):
            self._close(next(iter(self._open)))

    def _close(self, name: SegmentName) -> None:
        found = self._open.pop(name)
        self._used_bytes -= found.size_bytes
        found.file.close()


class _Indexed:
    """One segment: its file, and where its records lie as far as they were asked for."""

    def __init__(self, name: SegmentName, file: File) -> None:
        self._name = name
        self.file = file
        self.end = name.base
        self._positions = array("Q")
        self._behind = SEGMENT_HEADER_BYTES

    @property
    def size_bytes(self) -> int:
        """Memory that the places take."""
        return len(self._positions) * _POSITION_BYTES

    def read(self, offset: int) -> Record | None:
        """See `Lookup.read`."""
        index = offset - self._name.base
        if index >= len(self._positions):
            self._find(offset)
        if index >= len(self._positions):
            return None
        position = self._positions[index]
        if position == _UNREADABLE:
            return None
        return self._decode(offset, position, self._end_of(index))

    def _end_of(self, index: int) -> int:
        """Where the record `index` ends at the latest, as far as is known."""
        if index + 1 < len(self._positions):
            return self._positions[index + 1]
        return self._behind

    def _decode(self, offset: int, position: int, end: int) -> Record | None:
        data = self.file.read(position, max(end - position, HEADER_BYTES))
        header = decode_header(data, 0, self._name.salt)
        if header is None or header.offset != offset:
            return None
        if len(data) < header.frame_bytes:  # damage lies behind it
            data = self.file.read(position, header.frame_bytes)
        record = decode_body(header, data[HEADER_BYTES:], self._name.salt)
        if record is None:
            raise Damaged(header)
        return record

    def _find(self, offset: int) -> None:
        """Note where the records up to `offset` lie; not more, the rest may not be written."""
        expected = self._name.base + len(self._positions)
        for position, header in _headers(self.file, self._name, self._behind, expected):
            if header.offset >= self.end:
                break
            self._pass_over(header.offset)
            self._positions.append(position)
            self._behind = position + header.frame_bytes
            if header.offset >= offset:
                return
        self._pass_over(self.end)  # once: looking for them reads all that follows

    def _pass_over(self, offset: int) -> None:
        """Note that the records below `offset` that were not found cannot be read."""
        missing = offset - self._name.base - len(self._positions)
        self._positions.extend([_UNREADABLE] * missing)


def _headers(
    file: File, name: SegmentName, position: int, expected: int
) -> Iterator[tuple[int, Header]]:
    """Position and header of the records from `position` on, in order, across damage."""
    start, window = 0, b""
    while True:
        if not start <= position <= start + len(window) - HEADER_BYTES:
            start, window = position, file.read(position, _WINDOW_BYTES)
        header = decode_header(window, position - start, name.salt)
        if header is None or header.offset < expected:
            found = _behind_damage(file, name, position, expected)
            if found is None:
                return
            position, header = found
        yield position, header
        expected = header.offset + 1
        position += header.frame_bytes


def _behind_damage(
    file: File, name: SegmentName, position: int, expected: int
) -> tuple[int, Header] | None:
    """The next whole record of offset `expected` or above."""
    for frame in frames(file, name, position):
        if frame.record.offset < expected:
            continue
        at = frame.end - frame.record.size_bytes
        header = decode_header(file.read(at, HEADER_BYTES), 0, name.salt)
        return None if header is None else (at, header)
    return None
