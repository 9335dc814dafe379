"""The log itself, without threads: append a group, read, trim.

One caller appends at a time; others may read and trim meanwhile.

`append` returning means that the records are on disk. Where the disk failed, what was
durable before stays so, and the next append begins a new segment at that end: whatever the
failed write left behind it is never read.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collectors.log.disk import File, FileSystem, Owned
from collectors.log.mark import Mark, read_mark, write_mark
from collectors.log.record import Entry, Kind, Record, Totals, advance, encode, total_of
from collectors.log.recover import Segment, recover
from collectors.log.segment import SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName

LOCK_NAME = "lock"
_FULL = {errno.ENOSPC, errno.EDQUOT}


class LogFailed(Exception):  # noqa: N818 - the world failed, the log did not
    """The disk did not take the records; they may be offered again."""


class LogFull(LogFailed):
    """The disk has no room."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How a log is kept.

    Attributes:
        segment_bytes: Length of a segment; a record that is longer gets one of its own.
        sync: Wait for the disk on append; without it, for the operating system only.
    """

    segment_bytes: int = 64 << 20
    sync: bool = True


@dataclass(slots=True)
class _Tail:
    """The segment that is being written."""

    name: SegmentName
    file: File
    position: int
    capacity: int
    header: SegmentHeader


class Store:
    """An append-only log of records in one directory that it owns."""

    def __init__(
        self,
        files: FileSystem,
        directory: Path,
        settings: StoreSettings,
        *,
        floor: Mark | None = None,
        salt: Callable[[], int] = lambda: secrets.randbits(32),
    ) -> None:
        """Own `directory` and recover what it holds.

        Args:
            files: Where the log lies.
            directory: Made if missing.
            settings: How it is kept.
            floor: An end that others have seen; no record gets an offset below it.
            salt: Draws the seed of a segment's checksums, 32 bits.

        Raises:
            Locked: Another process owns the directory.
            NewerFormat: A later version wrote it; it was not touched.
            OSError: The disk failed.
        """
        self._files = files
        self.directory = directory
        self._settings = settings
        self._salt = salt
        self._shape = threading.Lock()  # guards which segments there are, never a disk call
        files.make_directory(directory)
        self._lock: Owned = files.lock(directory / LOCK_NAME)
        try:
            found = recover(files, directory, _later(read_mark(files, directory), floor))
        except BaseException:
            self._lock.close()
            raise
        self._segments: list[Segment] = list(found.segments)
        self._tail: _Tail | None = None
        self._gave_up = False
        self._sequence = found.last_sequence
        self.next_offset = found.next_offset
        self.totals: Totals = found.totals
        self.steady_ns = found.last_steady_ns
        self.torn_bytes = found.torn_bytes

    @property
    def first_offset(self) -> int:
        """Offset of the oldest record that may still be there."""
        segments = self.segments()
        return segments[0].name.base if segments else self.next_offset

    @property
    def size_bytes(self) -> int:
        """Bytes taken on disk, room reserved for the tail included."""
        return sum(segment.size_bytes for segment in self.segments())

    def growth_bytes(self, size_bytes: int) -> int:
        """Bytes that the log takes more once a record of `size_bytes` is in it."""
        with self._shape:
            tail = self._tail
            if tail is not None and tail.position + size_bytes <= tail.capacity:
                return 0
        return max(self._settings.segment_bytes, SEGMENT_HEADER_BYTES + size_bytes)

    def segments(self) -> tuple[Segment, ...]:
        """All segments, oldest first; the last may still grow."""
        with self._shape:
            tail = self._tail
            if tail is None:
                return tuple(self._segments)
            return (*self._segments, self._segment(tail, tail.capacity))

    def open_segment(self, segment: Segment) -> File:
        """Open a segment for reading; raises FileNotFoundError once it is trimmed."""
        return self._files.open(self.directory / str(segment.name))

    def append(self, entries: Sequence[Entry]) -> list[Record]:
        """Append as many of `entries`, in order, as go into one segment; at least one.

        Returns:
            The records, now durable.

        Raises:
            LogFull: Nothing was appended: no room.
            LogFailed: Nothing was appended: the disk failed.
        """
        try:
            tail = self._room_for(entries[0])
            records, data = self._encode(entries, tail)
            tail.file.write(data, tail.position)
            if self._settings.sync:
                tail.file.sync()
        except OSError as error:
            self._give_up_tail()
            kind = LogFull if error.errno in _FULL else LogFailed
            msg = f"{self.directory.name}: {error.strerror or error}"
            raise kind(msg) from error
        except Exception as error:  # no memory, no number that fits: the writer must live on
            self._give_up_tail()
            msg = f"{self.directory.name}: {error!r}"
            raise LogFailed(msg) from error
        tail.position += len(data)
        last = records[-1]
        self.next_offset = last.offset + 1
        self.steady_ns = max(self.steady_ns, last.steady_ns)
        for record in records:
            self.totals = advance(self.totals, record.signal, record.items)
        return records

    def sync(self) -> None:
        """Make safe what was appended without waiting for the disk.

        Raises:
            LogFailed: The disk failed; nothing is known of it.
        """
        if self._settings.sync or self._tail is None:
            return
        try:
            self._tail.file.sync()
        except OSError as error:
            self._give_up_tail()
            msg = f"{self.directory.name}: {error.strerror or error}"
            raise LogFailed(msg) from error

    def trim(self, before: int, begun_before_ns: int) -> int:
        """Delete whole segments that end at or below `before` and whose successor is old.

        Args:
            before: Nobody needs a record below this offset.
            begun_before_ns: Unix time; a segment stays while the next one is younger.

        Returns:
            Bytes freed.
        """
        freed = 0
        while len(segments := self.segments()) > 1:
            oldest, following = segments[0], segments[1]
            if oldest.end > before or following.wall_ns > begun_before_ns:
                break
            self._files.remove(self.directory / str(oldest.name))
            with self._shape:
                if self._segments[:1] != [oldest]:
                    continue  # somebody else trimmed meanwhile
                del self._segments[0]
            freed += oldest.size_bytes
        return freed

    def cut(self, mark: Mark) -> None:
        """Before the first append: let go of the records from `mark` on, for nobody needs them.

        The next record gets the offset of the first of them. Raises OSError; doing it again
        at the next start is what it takes.
        """
        if mark.end >= self.next_offset:
            return
        kept = [segment for segment in self._segments if segment.name.base < mark.end]
        dropped = self._segments[len(kept) :]
        if kept:
            kept[-1] = replace(kept[-1], end=mark.end)
        self._segments, self.next_offset, self.totals = kept, mark.end, mark.totals
        for segment in dropped:
            self._files.remove(self.directory / str(segment.name))
        self.mark()

    def mark(self) -> None:
        """Promise, outside the segments, that the log has reached its end; raises OSError."""
        write_mark(self._files, self.directory, Mark(self.next_offset, self.totals, self.steady_ns))

    def close(self) -> bool:
        """Mark the end, give back the room that was reserved, and let go of the directory.

        Returns:
            Whether everything that was appended is known to be on the disk.
        """
        try:
            self._seal_tail()
            self.mark()
        except OSError:
            return False
        finally:
            self._lock.close()
        return not self._gave_up

    def _encode(self, entries: Sequence[Entry], tail: _Tail) -> tuple[list[Record], bytes]:
        records: list[Record] = []
        parts: list[bytes] = []
        position = tail.position
        totals = self.totals
        for entry in entries:
            offset = self.next_offset + len(records)
            if position + entry.size_bytes > tail.capacity:
                break
            totals = advance(totals, entry.signal, entry.items)
            total = total_of(totals, entry.signal)
            parts.append(encode(entry, offset, total, self.next_offset, tail.name.salt))
            records.append(_record(entry, offset, total))
            position += entry.size_bytes
        return records, b"".join(parts)

    def _room_for(self, entry: Entry) -> _Tail:
        """The tail if `entry` goes into it, else a new one."""
        tail = self._tail
        if tail is not None and tail.position + entry.size_bytes <= tail.capacity:
            return tail
        self._seal_tail()
        return self._begin(entry)

    def _begin(self, entry: Entry) -> _Tail:
        self._sequence += 1  # also where this fails: a leftover never outranks the next
        name = SegmentName(self._sequence, self.next_offset, self._salt())
        header = SegmentHeader(name, self.totals, entry.wall_ns, self.steady_ns)
        capacity = max(self._settings.segment_bytes, SEGMENT_HEADER_BYTES + entry.size_bytes)
        path = self.directory / str(name)
        file = self._files.create(path)
        try:
            file.allocate(capacity)
            file.write(header.encode(), 0)
            file.sync()
            self._files.sync_directory(self.directory)
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
                self._files.remove(path)
            raise
        tail = _Tail(name, file, SEGMENT_HEADER_BYTES, capacity, header)
        empty: list[Segment] = []
        with self._shape:
            self._tail = tail
            while self._segments and self._segments[-1].name.base >= name.base:
                empty.append(self._segments.pop())
        for segment in empty:
            with contextlib.suppress(OSError):  # recovery ignores it and tries again
                self._files.remove(self.directory / str(segment.name))
        return tail

    def _seal_tail(self) -> None:
        """End the tail where its last record ends."""
        tail = self._tail
        if tail is None:
            return
        try:
            tail.file.truncate(tail.position)
            tail.file.sync()
        except OSError:
            self._give_up_tail()
            raise
        self._retire(tail, tail.position)

    def _give_up_tail(self) -> None:
        """Write no more to a segment of which the disk no longer tells the truth."""
        if self._tail is not None:
            self._gave_up = self._gave_up or not self._settings.sync
            self._retire(self._tail, self._tail.capacity)

    def _segment(self, tail: _Tail, length: int) -> Segment:
        header = tail.header
        return Segment(
            tail.name, self.next_offset, length, header.wall_ns, header.totals, header.steady_ns
        )

    def _retire(self, tail: _Tail, length: int) -> None:
        tail.file.close()
        segment = self._segment(tail, length)
        with self._shape:
            self._tail = None
            self._segments.append(segment)


def _record(entry: Entry, offset: int, total: int) -> Record:
    return Record(
        offset,
        Kind(entry.kind),
        entry.signal,
        entry.items,
        entry.steady_ns,
        entry.wall_ns,
        total,
        entry.meta,
        entry.payload,
    )


def _later(mark: Mark, floor: Mark | None) -> Mark:
    if floor is None or floor.end <= mark.end:
        return mark
    totals = tuple(max(pair) for pair in zip(mark.totals, floor.totals, strict=True))
    return replace(
        mark,
        end=floor.end,
        totals=(totals[0], totals[1], totals[2]),
        steady_ns=max(mark.steady_ns, floor.steady_ns),
    )
