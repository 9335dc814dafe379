"""Read a log from an offset on: from memory while it is fresh, else from disk, across damage.

A reader sees what is durable and nothing else. It never stops at a damaged record: it goes
on behind it and reports what is missing, to the item, from the running totals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from collectors.component import Signal
from collectors.log.disk import File
from collectors.log.record import SIGNALS, Record, Totals, raise_to, total_of
from collectors.log.recover import Segment
from collectors.log.segment import Frame, frames

DEFAULT_READ_BYTES = 4 << 20


class Source(Protocol):
    """What a reader needs of a log."""

    @property
    def end(self) -> int:
        """Offset behind the last durable record."""
        ...

    def recent(self, offset: int, max_bytes: int) -> list[Record]:
        """Records from `offset` on that are still in memory; empty if that one is not."""
        ...

    def segments(self) -> tuple[Segment, ...]:
        """All segments, oldest first."""
        ...

    def open_segment(self, segment: Segment) -> File:
        """Open one; raises FileNotFoundError once it is trimmed."""
        ...

    def missing(self, before: int, signal: Signal, items: int) -> None:
        """Take note of items that cannot be read, found missing at offset `before`."""
        ...


class Reader:
    """A place in a log, moved on by reading."""

    def __init__(self, source: Source, offset: int) -> None:
        self._source = source
        self.offset = offset
        self._place: _Place | None = None
        self._passed: Totals | None = None

    def read(self, max_bytes: int = DEFAULT_READ_BYTES) -> list[Record]:
        """The next records in order, at least one if any is durable and readable.

        Args:
            max_bytes: Stop once so many were gathered.

        Returns:
            Empty at the end of the log.

        Raises:
            OSError: The disk failed; calling again continues at the same place.
        """
        while self.offset < (end := self._source.end):
            if recent := self._source.recent(self.offset, max_bytes):
                self._leave()
                self._passed = None
                self.offset = recent[-1].offset + 1
                return recent
            if records := self._from_disk(end, max_bytes):
                return records
        return []

    def close(self) -> None:
        """Let go of the file that is being read. Safe twice."""
        self._leave()

    def _from_disk(self, end: int, max_bytes: int) -> list[Record]:
        """Records of the segment that holds `offset`; empty only if it moved past a segment."""
        place = self._place
        if place is None:
            place = self._enter(end)
            if place is None:
                return []
        try:
            records = place.read(self.offset, end, max_bytes)
        except BaseException:
            self._leave()
            raise
        if records:
            self.offset = records[-1].offset + 1
        if not records or place.used_up:
            self.offset = max(self.offset, min(place.segment.end, end))
            self._passed = place.totals
            self._leave()
        return records

    def _enter(self, end: int) -> _Place | None:
        for segment in self._source.segments():
            if self.offset >= max(segment.end, segment.name.base + 1):
                continue
            if segment.name.base >= end:
                break
            self.offset = max(self.offset, segment.name.base)
            try:
                file = self._source.open_segment(segment)
            except FileNotFoundError:
                self.offset = segment.end
                return None
            if self._passed is not None and segment.wall_ns:
                for signal, lost in _missing_between(self._passed, segment.totals):
                    self._source.missing(segment.name.base, signal, lost)
            self._place = _Place(self._source, segment, file)
            return self._place
        self.offset = end
        return None

    def _leave(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None


class _Place:
    """Reading one segment, from its start, so that the running totals are known."""

    def __init__(self, source: Source, segment: Segment, file: File) -> None:
        self._source = source
        self.segment = segment
        self._file = file
        self.totals: Totals = segment.totals
        self._frames: Iterator[Frame] = frames(file, segment.name)
        self.used_up = False

    def read(self, offset: int, end: int, max_bytes: int) -> list[Record]:
        """Records from `offset` on, before `end` and before the segment's own end."""
        records: list[Record] = []
        size = 0
        for frame in self._frames:
            record = frame.record
            if record.offset >= min(end, self.segment.end):
                break
            self._account(record)
            if record.offset < offset:
                continue
            records.append(record)
            size += record.size_bytes
            if size >= max_bytes:
                return records
        # What lies behind was not written yet when it was looked at, or is not ours.
        self.used_up = True
        return records

    def close(self) -> None:
        self._file.close()

    def _account(self, record: Record) -> None:
        if record.signal is None:
            return
        lost = record.total - record.items - total_of(self.totals, record.signal)
        if lost > 0 and self.segment.wall_ns:
            self._source.missing(record.offset, record.signal, lost)
        self.totals = raise_to(self.totals, record.signal, record.total)


def _missing_between(before: Totals, after: Totals) -> Sequence[tuple[Signal, int]]:
    """What the totals of two neighbouring segments say was lost between them, per signal."""
    return [
        (signal, lost)
        for signal in SIGNALS
        if (lost := total_of(after, signal) - total_of(before, signal)) > 0
    ]
