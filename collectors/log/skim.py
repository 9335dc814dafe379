"""Read what a log says about its payloads without reading the payloads.

After a start somebody must know what waits for whom, and which requests came in the last
minutes. That stands beside the payloads, and reading it costs a small part of the bytes. A
damaged payload is not noticed here: whoever delivers it will, and then it is accounted for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collectors.component import Signal
from collectors.log.disk import File
from collectors.log.reader import Source
from collectors.log.record import HEADER_BYTES, Header, Kind, decode_header
from collectors.log.recover import Segment
from collectors.log.segment import SEGMENT_HEADER_BYTES, SegmentName, frames

_WINDOW_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Note:
    """A record without its payload.

    Attributes:
        payload_bytes: Length of what was not read.
    """

    offset: int
    kind: Kind
    signal: Signal | None
    items: int
    steady_ns: int
    payload_bytes: int
    meta: bytes


def skim(source: Source, offset: int, end: int | None = None) -> Iterator[Note]:
    """The records from `offset` on and before `end`, or the present end, in order.

    Raises:
        OSError: The disk failed.
    """
    end = source.end if end is None else end
    for segment in source.segments():
        last = min(end, segment.end)
        if segment.name.base >= end or last <= offset:
            continue
        try:
            file = source.open_segment(segment)
        except FileNotFoundError:  # trimmed meanwhile: nobody needs it
            continue
        try:
            for note in _notes(file, segment):
                if note.offset >= last:
                    break
                if note.offset >= offset:
                    yield note
        finally:
            file.close()


def _notes(file: File, segment: Segment) -> Iterator[Note]:
    name = segment.name
    position, expected = SEGMENT_HEADER_BYTES, name.base
    start, window = 0, b""
    while True:
        if not start <= position <= start + len(window) - HEADER_BYTES:
            start, window = position, file.read(position, _WINDOW_BYTES)
        header = decode_header(window, position - start, name.salt)
        if header is None or header.offset < expected:
            found = _resume(file, name, position, expected)
            if found is None:
                return
            note, position = found
        else:
            at = position - start + HEADER_BYTES
            if at + header.meta_bytes > len(window):
                meta = file.read(position + HEADER_BYTES, header.meta_bytes)
            else:
                meta = window[at : at + header.meta_bytes]
            note = _note(header, meta)
            position += header.frame_bytes
        expected = note.offset + 1
        yield note


def _resume(file: File, name: SegmentName, position: int, expected: int) -> tuple[Note, int] | None:
    """The next whole record behind damage, and where the one after it begins."""
    for frame in frames(file, name, position):
        record = frame.record
        if record.offset < expected:
            continue
        note = Note(
            record.offset,
            record.kind,
            record.signal,
            record.items,
            record.steady_ns,
            len(record.payload),
            record.meta,
        )
        return note, frame.end
    return None


def _note(header: Header, meta: bytes) -> Note:
    return Note(
        header.offset,
        header.kind,
        header.signal,
        header.items,
        header.steady_ns,
        header.payload_bytes,
        meta,
    )
