"""How one record looks on disk; FORMAT.md says the same in words.

A frame is believed only if both its checksums hold, and they are seeded with the salt of
its segment: bytes that a client sent cannot pass for a record.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from google_crc32c import extend

from collectors.component import Signal

MAGIC = b"\xf5LR1"
ALIGNMENT = 8
_HEADER = struct.Struct("<4sIBBHIIIIIQQQQQ")
HEADER_BYTES = _HEADER.size
_CHECKED_FROM = 8  # magic and the header's own checksum are not covered by it
MAX_BODY_BYTES = (1 << 32) - 1

SIGNALS = (Signal.TRACES, Signal.METRICS, Signal.LOGS)
_SIGNAL_CODES: dict[Signal | None, int] = {
    None: 0,
    Signal.TRACES: 1,
    Signal.METRICS: 2,
    Signal.LOGS: 3,
}
_SIGNALS: dict[int, Signal | None] = {code: signal for signal, code in _SIGNAL_CODES.items()}

Totals = tuple[int, int, int]
"""Items ever appended, of traces, metrics and logs."""


class Kind(IntEnum):
    """What a record is to its reader: telemetry, or a word of the daemon to itself."""

    DATA = 1
    CONTROL = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended.

    Attributes:
        meta: Bytes that the log keeps beside the payload and does not understand.
        items: Counted into the running total of `signal`; 0 where there is none.
    """

    kind: Kind
    signal: Signal | None
    items: int
    steady_ns: int
    wall_ns: int
    meta: bytes
    payload: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes it takes in a segment."""
        return frame_bytes(len(self.meta), len(self.payload))


@dataclass(frozen=True, slots=True)
class Record:
    """What was appended, and where.

    Attributes:
        offset: Place in the log, counted in records.
        total: Items of `signal` appended up to and with this record.
    """

    offset: int
    kind: Kind
    signal: Signal | None
    items: int
    steady_ns: int
    wall_ns: int
    total: int
    meta: bytes
    payload: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes it takes in a segment."""
        return frame_bytes(len(self.meta), len(self.payload))


@dataclass(frozen=True, slots=True)
class Header:
    """The front of a frame, its own checksum proven.

    Attributes:
        durable: End of the log that was known to be on disk when this was written.
        frame_bytes: From the first byte of this header to the first of the next.
    """

    kind: Kind
    signal: Signal | None
    items: int
    meta_bytes: int
    payload_bytes: int
    body_checksum: int
    offset: int
    steady_ns: int
    wall_ns: int
    total: int
    durable: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of the frame with its padding."""
        return frame_bytes(self.meta_bytes, self.payload_bytes)


def frame_bytes(meta_bytes: int, payload_bytes: int) -> int:
    """Bytes of a frame that holds so many."""
    return -(-(HEADER_BYTES + meta_bytes + payload_bytes) // ALIGNMENT) * ALIGNMENT


def encode(entry: Entry, offset: int, total: int, durable: int, salt: int) -> bytes:
    """Frame `entry` as record `offset` of a segment with `salt`."""
    body = extend(extend(salt, entry.meta), entry.payload)
    header = _HEADER.pack(
        MAGIC,
        0,
        entry.kind,
        _SIGNAL_CODES[entry.signal],
        0,
        entry.items,
        len(entry.meta),
        len(entry.payload),
        body,
        0,
        offset,
        entry.steady_ns,
        entry.wall_ns,
        total,
        durable,
    )
    checksum = extend(salt, header[_CHECKED_FROM:])
    padding = -(HEADER_BYTES + len(entry.meta) + len(entry.payload)) % ALIGNMENT
    return b"".join(
        (
            MAGIC,
            checksum.to_bytes(4, "little"),
            header[_CHECKED_FROM:],
            entry.meta,
            entry.payload,
            bytes(padding),
        )
    )


def decode_header(data: bytes, at: int, salt: int) -> Header | None:
    """Read the header at `at`; None if it is not one, or not of this segment."""
    raw = data[at : at + HEADER_BYTES]
    if len(raw) < HEADER_BYTES or raw[:4] != MAGIC:
        return None
    if int.from_bytes(raw[4:8], "little") != extend(salt, raw[_CHECKED_FROM:]):
        return None
    (_, _, kind, signal, _, items, meta, payload, body, _, *numbers) = _HEADER.unpack(raw)
    offset, steady, wall, total, durable = numbers
    return Header(
        Kind(kind),
        _SIGNALS[signal],
        items,
        meta,
        payload,
        body,
        offset,
        steady,
        wall,
        total,
        durable,
    )


def decode_body(header: Header, body: bytes, salt: int) -> Record | None:
    """Make the record of `header` from the bytes that follow it; None if they are damaged."""
    end = header.meta_bytes + header.payload_bytes
    if len(body) < end:
        return None
    meta = body[: header.meta_bytes]
    payload = body[header.meta_bytes : end]
    if extend(extend(salt, meta), payload) != header.body_checksum:
        return None
    return Record(
        header.offset,
        header.kind,
        header.signal,
        header.items,
        header.steady_ns,
        header.wall_ns,
        header.total,
        meta,
        payload,
    )


def advance(totals: Totals, signal: Signal | None, items: int) -> Totals:
    """`totals` after `items` more of `signal`."""
    traces, metrics, logs = totals
    match signal:
        case Signal.TRACES:
            return traces + items, metrics, logs
        case Signal.METRICS:
            return traces, metrics + items, logs
        case Signal.LOGS:
            return traces, metrics, logs + items
        case None:
            return totals


def total_of(totals: Totals, signal: Signal | None) -> int:
    """The total of `signal`; 0 for none."""
    return 0 if signal is None else totals[_SIGNAL_CODES[signal] - 1]


def raise_to(totals: Totals, signal: Signal | None, total: int) -> Totals:
    """`totals` with that of `signal` at least `total`."""
    return advance(totals, signal, max(0, total - total_of(totals, signal)))
