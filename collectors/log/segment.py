"""One file of a log: its name, its header, and what can be read from it, damaged or not.

The header repeats what the name says: either alone is enough to read the records.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from google_crc32c import extend

from collectors.log.disk import File
from collectors.log.record import (
    HEADER_BYTES,
    MAGIC,
    Header,
    Record,
    Totals,
    decode_body,
    decode_header,
)

SEGMENT_MAGIC = b"FSLOLOG\x00"
VERSION = 1
_HEADER = struct.Struct("<8sHHIQQQQQQQ")  # followed by the checksum
SEGMENT_HEADER_BYTES = 80
_NAME = re.compile(r"^(\d{20})-(\d{10})-([0-9a-f]{8})\.seg$")
_CHUNK_BYTES = 1 << 20


class NewerFormat(Exception):  # noqa: N818 - an answer, not an error of ours
    """A later version of this program wrote the log; it was not touched."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What a file name says.

    Attributes:
        sequence: Counts the segments of a log; a later one is authoritative from its base on.
        base: Offset of its first record.
        salt: Seed of its records' checksums.
    """

    sequence: int
    base: int
    salt: int

    def __str__(self) -> str:
        return f"{self.base:020d}-{self.sequence:010d}-{self.salt:08x}.seg"

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Read a file name; None if it is not a segment's."""
        match = _NAME.match(name)
        if match is None:
            return None
        return cls(int(match[2]), int(match[1]), int(match[3], 16))


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first bytes of a segment.

    Attributes:
        totals: Items of each signal before its first record.
        wall_ns: Unix time of the record for which it was begun.
        steady_ns: Steady time of the last record before it.
    """

    name: SegmentName
    totals: Totals
    wall_ns: int
    steady_ns: int

    def encode(self) -> bytes:
        """The header's bytes."""
        body = _HEADER.pack(
            SEGMENT_MAGIC,
            VERSION,
            SEGMENT_HEADER_BYTES,
            self.name.salt,
            self.name.base,
            self.name.sequence,
            self.wall_ns,
            self.steady_ns,
            *self.totals,
        )
        checksum: bytes = extend(0, body).to_bytes(4, "little")
        return (body + checksum).ljust(SEGMENT_HEADER_BYTES, b"\x00")

    @classmethod
    def decode(cls, data: bytes) -> SegmentHeader | None:
        """Read a header; None if it is damaged.

        Raises:
            NewerFormat: It is whole and of a version that this code does not know.
        """
        checked, rest = data[: _HEADER.size], data[_HEADER.size : _HEADER.size + 4]
        if len(rest) < 4 or extend(0, checked) != int.from_bytes(rest, "little"):
            return None
        magic, version, _, salt, base, sequence, wall_ns, steady_ns, *totals = _HEADER.unpack(
            checked
        )
        if magic != SEGMENT_MAGIC:
            return None
        if version != VERSION:
            msg = (
                f"log format version {version} is not known to this program, which reads {VERSION}"
            )
            raise NewerFormat(msg)
        return cls(
            SegmentName(sequence, base, salt),
            (totals[0], totals[1], totals[2]),
            wall_ns,
            steady_ns,
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """A record that was read, and where it lay.

    Attributes:
        end: Position behind it.
        durable: End of the log that was known to be on disk when it was written.
        gap: Bytes that could not be read lie before it.
    """

    record: Record
    end: int
    durable: int
    gap: bool


def frames(file: File, name: SegmentName, start: int = SEGMENT_HEADER_BYTES) -> Iterator[Frame]:
    """Read the records of a segment from position `start` on, in order, across damage.

    What cannot be read is passed over up to the next record whose checksums hold. Where
    none follows, the iteration ends.
    """
    window = _Window(file)
    position = start
    gap = False
    expected = name.base if start == SEGMENT_HEADER_BYTES else 0
    while True:
        header = window.header(position, name.salt)
        if header is None or header.offset < expected:
            gap = True
            found = window.find(position + 1)
            if found is None:
                return
            position = found
            continue
        record = decode_body(header, window.body(position, header), name.salt)
        if record is None:
            gap = True
            position += header.frame_bytes
            continue
        position += header.frame_bytes
        expected = record.offset + 1
        yield Frame(record, position, header.durable, gap)
        gap = False


class _Window:
    """Bytes of a file, read in large pieces as they are asked for."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._start = 0
        self._data = b""

    def header(self, position: int, salt: int) -> Header | None:
        """The header at `position`; None if there is none that holds."""
        self._ensure(position, HEADER_BYTES)
        return decode_header(self._data, position - self._start, salt)

    def body(self, position: int, header: Header) -> bytes:
        """The bytes behind a header."""
        self._ensure(position, header.frame_bytes)
        at = position - self._start
        return self._data[at + HEADER_BYTES : at + header.frame_bytes]

    def find(self, position: int) -> int | None:
        """Where the next record may begin, at or behind `position`."""
        while True:
            self._ensure(position, HEADER_BYTES)
            if len(self._data) < len(MAGIC) or position >= self._start + len(self._data):
                return None
            at = self._data.find(MAGIC, position - self._start)
            if at >= 0:
                return self._start + at
            position = self._start + len(self._data) - len(MAGIC) + 1
            if len(self._data) < _CHUNK_BYTES:
                return None

    def _ensure(self, position: int, size: int) -> None:
        end = self._start + len(self._data)
        if self._start <= position and position + size <= end:
            return
        self._data = self._file.read(position, max(size, _CHUNK_BYTES))
        self._start = position
