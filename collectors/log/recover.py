"""Find out, after any end of the process before, what of a log is to be believed.

What was acknowledged is kept. What was not may be kept or cut off, but a cut leaves no
hole. Doing it twice, or being killed in the middle of it, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from collectors.log.disk import File, FileSystem
from collectors.log.mark import Mark
from collectors.log.record import Record, Totals, advance, raise_to
from collectors.log.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    SegmentName,
    frames,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it stands on disk.

    Attributes:
        end: Offset behind its last record: the base of the next segment, or for the last
            one what was found.
        size_bytes: Length of the file.
        wall_ns: Unix time at which it was begun; 0 if its header is damaged.
        totals: Items of each signal before its first record.
        steady_ns: Steady time of the last record before it; 0 if its header is damaged.
    """

    name: SegmentName
    end: int
    size_bytes: int
    wall_ns: int
    totals: Totals
    steady_ns: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a log consists of.

    Attributes:
        next_offset: Offset that the next record gets.
        last_steady_ns: Steady time of the last record; 0 if none is left.
        torn_bytes: Bytes cut off the end, that nobody was promised.
    """

    segments: tuple[Segment, ...]
    next_offset: int
    totals: Totals
    last_steady_ns: int
    last_sequence: int
    torn_bytes: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """What of the last segment is to be kept."""

    end_position: int
    next_offset: int
    totals: Totals
    steady_ns: int


def recover(files: FileSystem, directory: Path, mark: Mark) -> Recovered:
    """Read what is there, cut off a torn tail, and make the rest safe before anyone reads it.

    Args:
        files: Where the log lies.
        directory: Of the log; exists.
        mark: What is known from elsewhere to have been appended.

    Raises:
        NewerFormat: Nothing was touched.
        OSError: The disk failed; calling again is safe.
    """
    found = sorted(name for text in files.names(directory) if (name := SegmentName.parse(text)))
    headers = {name: _header(files, directory / str(name)) for name in found}
    kept = _authoritative(found)
    segments: list[Segment] = []
    totals: Totals = (0, 0, 0)
    for name, following in pairwise(kept):
        header = headers[name]
        totals = totals if header is None else header.totals
        size = _size(files, directory / str(name))
        segments.append(_segment(name, following.base, size, header, totals))
    last = None
    if kept:
        before = _before(files, directory, headers[kept[-1]], segments, mark)
        last = _recover_last(files, directory, kept[-1], headers[kept[-1]], before)
    for name in found:
        if name not in kept:
            files.remove(directory / str(name))
    if last is None:
        return Recovered((), mark.end, mark.totals, mark.steady_ns, 0, 0)
    segment, tail, torn_bytes = last
    files.sync_directory(directory)
    return Recovered(
        (*segments, segment),
        max(tail.next_offset, mark.end),
        _at_least(tail.totals, mark.totals),
        tail.steady_ns,
        found[-1].sequence,
        torn_bytes,
    )


def _authoritative(found: list[SegmentName]) -> list[SegmentName]:
    """Those of which a later segment leaves anything: its base ends all before it."""
    kept: list[SegmentName] = []
    for name in found:  # in the order in which they were begun
        while kept and kept[-1].base >= name.base:
            kept.pop()
        kept.append(name)
    return kept


@dataclass(frozen=True, slots=True)
class _Before:
    """What is known of the log before its last segment is read."""

    mark: Mark
    totals: Totals
    steady_ns: int


def _before(
    files: FileSystem,
    directory: Path,
    header: SegmentHeader | None,
    earlier: list[Segment],
    mark: Mark,
) -> _Before:
    """From the header of the last segment; if it never reached the disk, from the one before."""
    if header is not None:
        return _Before(mark, header.totals, max(header.steady_ns, mark.steady_ns))
    if not earlier:
        return _Before(mark, (0, 0, 0), mark.steady_ns)
    segment = earlier[-1]
    totals, steady = segment.totals, mark.steady_ns
    file = files.open(directory / str(segment.name))
    try:
        for frame in frames(file, segment.name):
            if frame.record.offset >= segment.end:
                break
            totals = _counted(totals, frame.record)
            steady = max(steady, frame.record.steady_ns)
    finally:
        file.close()
    return _Before(mark, totals, steady)


def _recover_last(
    files: FileSystem,
    directory: Path,
    name: SegmentName,
    header: SegmentHeader | None,
    before: _Before,
) -> tuple[Segment, _Kept, int]:
    file = files.open(directory / str(name))
    try:
        kept = _keep(file, name, before)
        size = file.size()
        torn = _written_behind(file, kept.end_position, size)
        if size > kept.end_position:
            file.truncate(kept.end_position)
        file.sync()
    finally:
        file.close()
    length = min(size, kept.end_position)
    return _segment(name, kept.next_offset, length, header, before.totals), kept, torn


def _segment(
    name: SegmentName, end: int, size_bytes: int, header: SegmentHeader | None, totals: Totals
) -> Segment:
    if header is None:
        return Segment(name, end, size_bytes, 0, totals, 0)
    return Segment(name, end, size_bytes, header.wall_ns, totals, header.steady_ns)


def _keep(file: File, name: SegmentName, before: _Before) -> _Kept:
    """Decide how far the last segment reaches.

    Each record tells how much was durable before it was written. Up to the greatest of
    these ends all that can be read is kept, and what cannot is damage. Behind it lies the
    last group, of which nobody knows whether it was acknowledged: it is kept as far as it
    is whole, in order.
    """
    durable = max([before.mark.end, name.base, *(frame.durable for frame in frames(file, name))])
    position, end = SEGMENT_HEADER_BYTES, name.base
    totals, steady = before.totals, before.steady_ns
    for frame in frames(file, name):
        record = frame.record
        if record.offset >= durable and record.offset != max(end, durable):
            break
        position, end, steady = frame.end, record.offset + 1, max(steady, record.steady_ns)
        totals = _counted(totals, record)
    return _Kept(position, max(end, durable), totals, steady)


def _counted(totals: Totals, record: Record) -> Totals:
    """`totals` with `record`, and with what was lost before it."""
    return raise_to(advance(totals, record.signal, record.items), record.signal, record.total)


def _written_behind(file: File, position: int, size: int) -> int:
    """Bytes behind `position` up to the last that is not zero."""
    written = 0
    at = position
    while at < size and (piece := file.read(at, 1 << 20)):
        if stripped := len(piece.rstrip(b"\x00")):
            written = at + stripped - position
        at += len(piece)
    return written


def _header(files: FileSystem, path: Path) -> SegmentHeader | None:
    file = files.open(path)
    try:
        return SegmentHeader.decode(file.read(0, SEGMENT_HEADER_BYTES))
    finally:
        file.close()


def _size(files: FileSystem, path: Path) -> int:
    file = files.open(path)
    try:
        return file.size()
    finally:
        file.close()


def _at_least(totals: Totals, floor: Totals) -> Totals:
    traces, metrics, logs = totals
    return max(traces, floor[0]), max(metrics, floor[1]), max(logs, floor[2])
