"""Histograms added up in plain Python: what the compiled half must agree with.

Its functions are those of `histograms_kernel.HistogramsKernel`, which says what they promise.
Each row becomes a `Distribution`, is worked upon, and is written back.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import Final

from google.protobuf.message import DecodeError

from collectors.wire.distributions import (
    Distribution,
    Explicit,
    Exponential,
    Side,
    blank,
    distribution,
)
from collectors.wire.edges import Edges, HistogramPoint
from collectors.wire.histograms_kernel import (
    ADD,
    COPY,
    COUNT,
    DONE,
    FELL,
    FIRST_A,
    FIRST_B,
    FITS,
    HAS,
    HAS_LEAST,
    HAS_MOST,
    HAS_SUM,
    KIND,
    LEAST,
    MOST,
    ROOM,
    ROUND,
    SCALE,
    SIZE_A,
    SIZE_B,
    START,
    SUM,
    THRESHOLD,
    UNFIT,
    WIDTH,
    ZEROS,
    BankParts,
)
from collectors.wire.keep import delimited
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points_kernel import EXPONENTIAL, HISTOGRAM

_MASK: Final = 2**64 - 1
_POINT_TAG: Final = b"\x0a"


def _bits(value: float | None) -> int:
    return 0 if value is None else int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _real(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def _row(held: Distribution | None) -> tuple[list[int], list[int]]:
    """Words and cells of a histogram, all but where the cells are."""
    row, cells = [0] * START, list[int]()
    if isinstance(held, Explicit):
        row[KIND], row[COUNT] = HISTOGRAM, held.count
        cells = [*struct.unpack(f"<{len(held.bounds) // 8}Q", held.bounds), *held.counts]
        row[SIZE_A], row[SIZE_B] = len(cells) - len(held.counts), len(held.counts)
    elif isinstance(held, Exponential):
        row[KIND], row[COUNT], row[WIDTH] = EXPONENTIAL, held.count, held.width
        row[SCALE], row[ZEROS] = held.scale & _MASK, held.zero_count
        row[THRESHOLD] = _bits(held.zero_threshold)
        for column, side in ((FIRST_A, held.positive), (FIRST_B, held.negative)):
            first, counts = side.dense()
            row[column], row[column + 1] = first & _MASK, len(counts)
            cells += counts
    if held is not None:
        edges = held.edges.total, held.edges.least, held.edges.most
        known = zip((HAS_SUM, HAS_LEAST, HAS_MOST), edges, strict=True)
        row[HAS] = sum(bit for bit, value in known if value is not None)
        row[SUM : MOST + 1] = [_bits(value) for value in edges]
    return row, cells


def _held(row: list[int], cells: list[int]) -> Distribution | None:
    """What `_row` was made of."""
    if not row[KIND]:
        return None
    values = [
        _real(row[column]) if row[HAS] & bit else None
        for column, bit in ((SUM, HAS_SUM), (LEAST, HAS_LEAST), (MOST, HAS_MOST))
    ]
    edges, (one, two) = Edges(*values), (cells[: row[SIZE_A]], cells[row[SIZE_A] :])
    if row[KIND] == HISTOGRAM:
        return Explicit(struct.pack(f"<{len(one)}Q", *one), two, row[COUNT], edges)
    return Exponential(
        _signed(row[SCALE]),
        row[COUNT],
        row[ZEROS],
        _real(row[THRESHOLD]),
        Side.from_dense(_signed(row[FIRST_A]), one),
        Side.from_dense(_signed(row[FIRST_B]), two),
        edges,
        row[WIDTH],
    )


def _read(payload: bytes, kind: int) -> HistogramPoint:
    point = blank(kind)
    point.ParseFromString(payload)
    return point


def unfold(payload: Octets, point: Longs, head: Words, pool: Words) -> int:
    """See `HistogramsKernel.unfold`."""
    data, used = bytes(payload), 0
    for at, (start, end, kind) in enumerate(point.tolist()):
        if not 0 <= start <= end <= len(data):
            return -1
        held = None
        if kind in (HISTOGRAM, EXPONENTIAL):
            try:
                held = distribution(_read(data[start:end], kind))
            except DecodeError:
                return -1
        row, cells = _row(held)
        head[at] = [*row, used if held else 0, len(cells)]
        pool[used : used + len(cells)] = cells
        used += len(cells)
    return used


def _taken(bank: BankParts, at: int) -> tuple[list[int], Distribution | None]:
    head, pool, _ = bank
    if not 0 <= at < len(head):
        msg = "a row of a histogram is not there, or not sound"
        raise ValueError(msg)
    row: list[int] = head[at].tolist()
    cells: list[int] = pool[row[START] : row[START] + row[SIZE_A] + row[SIZE_B]].tolist()
    return row, _held(row, cells)


def _together(
    how: int, mine: Distribution | None, other: Distribution | None
) -> tuple[int, Distribution | None]:
    """Outcome, and what the left one is then."""
    if how == COPY or (how == ADD and mine is None and other is not None):
        return DONE, other
    if mine is None or other is None or not mine.fits(other):
        return UNFIT, mine
    if how == FITS:
        return DONE, mine
    if how == ADD:
        mine.join(other)
        return DONE, mine
    return DONE if mine.take_out(other) else FELL, mine


def combine(
    how: int,
    left: BankParts,
    left_row: Longs,
    right: BankParts,
    right_row: Longs,
    outcome: Octets,
    first: int,
) -> int:
    """See `HistogramsKernel.combine`."""
    head, pool, used = left
    for at in range(first, len(left_row)):
        place = int(left_row[at])
        row, mine = _taken(left, place)
        outcome[at], made = _together(how, mine, _taken(right, int(right_row[at]))[1])
        if outcome[at] != DONE or how == FITS:
            continue
        words, cells = _row(made)
        start, room = row[START], row[ROOM]
        if len(cells) > room:
            room = len(cells)
            if words[KIND] == EXPONENTIAL:
                room = -(-room // ROUND) * ROUND
            start = int(used[0])
            if start + room > len(pool):
                return at
            used[0] += room
        pool[start : start + len(cells)] = cells
        head[place] = [*words, start, room]
    return len(left_row)


def tidy(head: Words, pool: Words, out: Words) -> int:
    """See `HistogramsKernel.tidy`."""
    filled = 0
    for row in head:
        start, size = int(row[START]), int(row[SIZE_A]) + int(row[SIZE_B])
        out[filled : filled + size] = pool[start : start + size]
        row[START], row[ROOM] = filled, size
        filled += size
    return filled


def fold(
    bank: BankParts,
    which: Longs,
    payload: Octets,
    spot: Longs,
    times: Words,
    out: Octets,
    extent: Longs,
) -> int:
    """See `HistogramsKernel.fold`; fields and gaps are not where the compiled one has them."""
    data, filled = bytes(payload), 0
    rows = zip(which.tolist(), spot.tolist(), times.tolist(), strict=True)
    for at, (place, (start, end), (begun, now)) in enumerate(rows):
        row, held = _taken(bank, place)
        if held is None or not 0 <= start <= end <= len(data):
            return -1
        try:
            point = _read(data[start:end], row[KIND])
        except DecodeError:
            return -1
        held.write(point)
        point.start_time_unix_nano, point.time_unix_nano = begun, now
        whole = delimited(point.SerializeToString(), _POINT_TAG)
        if filled + len(whole) > len(out):
            return -1
        out[filled : filled + len(whole)] = list(chain(whole))
        extent[at] = filled, filled + len(whole)
        filled += len(whole)
    return filled
