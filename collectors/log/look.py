"""Read a log's directory from outside, while the daemon that owns it runs: no lock, no write.

What is trimmed meanwhile is passed over; what is being written is seen once it is whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from collectors.log.disk import OsFile
from collectors.log.record import Record
from collectors.log.segment import (
    SEGMENT_HEADER_BYTES,
    Frame,
    SegmentHeader,
    SegmentName,
    frames,
)


def segments(log: Path) -> list[tuple[Path, SegmentName]]:
    """The segments of a log that count, oldest first.

    A later segment is authoritative from its base on; one that it covers wholly is left over.
    """
    found = [(path, name) for path in log.iterdir() if (name := SegmentName.parse(path.name))]
    found.sort(key=lambda item: item[1].sequence)
    kept: list[tuple[Path, SegmentName]] = []
    for path, name in found:
        while kept and kept[-1][1].base >= name.base:
            kept.pop()
        kept.append((path, name))
    return kept


def segment_frames(path: Path, name: SegmentName) -> Iterator[Frame]:
    """The records of one segment; none of one that is gone."""
    try:
        opened = OsFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        return  # trimmed by the daemon meanwhile
    with closing(opened) as file:
        yield from frames(file, name)


def segment_header(path: Path) -> SegmentHeader | None:
    """What the front of a segment says; None if it is damaged.

    Raises:
        FileNotFoundError: It was trimmed meanwhile.
        NewerFormat: It is of a version that is not known here.
    """
    with closing(OsFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))) as file:
        return SegmentHeader.decode(file.read(0, SEGMENT_HEADER_BYTES))


def records(
    log: Path, *, since_wall_ns: int = 0, passed: Callable[[int], None] = lambda _: None
) -> Iterator[Record]:
    """The records of a log, oldest first.

    Args:
        log: Its directory.
        since_wall_ns: Segments that end before this Unix time are not read.
        passed: Told of the bytes that lie behind, as they come.
    """
    found = segments(log)
    for place, (path, name) in enumerate(found):
        following = found[place + 1] if place + 1 < len(found) else None
        end = following[1].base if following else sys.maxsize
        if since_wall_ns and following and 0 < _wall_ns(following[0]) < since_wall_ns:
            passed(_size(path))
            continue
        behind = 0
        for frame in segment_frames(path, name):
            if frame.record.offset >= end:
                break
            passed(frame.end - behind)
            behind = frame.end
            yield frame.record
        passed(max(0, _size(path) - behind))


def size_bytes(log: Path) -> int:
    """Bytes of the segments that count."""
    return sum(_size(path) for path, _ in segments(log))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _wall_ns(path: Path) -> int:
    """When a segment was begun; 0 where nobody can say."""
    try:
        header = segment_header(path)
    except FileNotFoundError:
        return 0
    return header.wall_ns if header is not None else 0
