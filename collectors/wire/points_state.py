"""What becomes of a series, in plain Python: part of the twin in `points_reference.py`."""

from __future__ import annotations

import math
import struct
from typing import Final

from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points_kernel import (
    COUNT,
    DOUBLE,
    EMPTY,
    EXPONENTIAL,
    FIRST,
    GAUGE,
    HISTOGRAM,
    INT,
    LATE,
    NEXT,
    NOBODY,
    RESET,
    TWICE,
    Ints,
    PointRows,
)

_MASK: Final = 2**64 - 1
_SIGN: Final = 2**63


def assign(identity: Words, slots: Ints, known: Words, used: int, limit: int, row: Longs) -> int:
    """See `PointsKernel.assign`."""
    if limit > len(known) or 2 * limit > len(slots) or used > limit:
        msg = "the index is too small for its limit"
        raise ValueError(msg)
    mask = len(slots) - 1
    for place, pair in enumerate(identity.tolist()):
        slot = pair[0] & mask
        while slots[slot] and known[slots[slot] - 1].tolist() != pair:
            slot = (slot + 1) & mask
        if not slots[slot] and used < limit:
            known[used] = pair
            used += 1
            slots[slot] = used
        row[place] = slots[slot] - 1
    return used


def _signed(bits: int) -> int:
    return bits - 2 * _SIGN if bits >= _SIGN else bits


def _real(bits: int, kind: int) -> float:
    if kind == DOUBLE:
        return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
    return float(_signed(bits) if kind == INT else bits)


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _has_no_value(flags: int, bits: int, kind: int) -> bool:
    return kind == 0 or bool(flags & 1) or (kind == DOUBLE and math.isnan(_real(bits, kind)))


def _falls(bits: int, kind: int, before: int, kind_before: int) -> bool:
    if kind == kind_before == INT:
        return _signed(bits) < _signed(before)
    if kind == kind_before == COUNT:
        return bits < before
    return _real(bits, kind) < _real(before, kind_before)


def follow(
    row: Longs,
    points: PointRows,
    series: tuple[Words, Octets, Ints],
    found: tuple[Octets, Longs, Words],
) -> None:
    """See `PointsKernel.follow`."""
    (at, word, mark), (state, type_, _), (verdict, prior, step) = points, series, found
    newest: dict[int, int] = {}
    for here, of in enumerate(row.tolist()):
        verdict[here], prior[here] = 0, NOBODY
        if not 0 <= of < len(state):
            continue
        begun, now, bits = word[here].tolist()
        metric, _, monotonic, kind = mark[here].tolist()
        start, last, before = state[of].tolist()
        step[here] = (begun, bits)
        if type_[of] and now <= last:
            verdict[here] = TWICE if now == last else LATE
            continue
        if _has_no_value(int(at[here, 6]), bits, kind):
            verdict[here] = EMPTY
            continue
        if type_[of]:
            grows = monotonic or metric in (HISTOGRAM, EXPONENTIAL)
            verdict[here] = NEXT
            if metric != GAUGE and begun != start and begun >= last:
                verdict[here] = RESET
            elif grows and _falls(bits, kind, before, int(type_[of])):
                verdict[here] = RESET
                step[here, 0] = last if begun <= start else begun
            elif grows and 0 < begun < start:
                verdict[here] = LATE
                continue
            prior[here] = newest.get(of, -1)
            if verdict[here] == NEXT:
                step[here] = (last, _grown(bits, kind, before, int(type_[of])))
        else:
            verdict[here] = FIRST
        state[of], type_[of] = (begun, now, bits), kind
        newest[of] = here


def _grown(bits: int, kind: int, before: int, kind_before: int) -> int:
    if kind == kind_before and kind != DOUBLE:
        return (bits - before) & _MASK
    grown = _real(bits, kind) - _real(before, kind_before)
    if kind == DOUBLE:
        return _bits(grown)
    return int(grown) & _MASK if abs(grown) < _SIGN else 0


def accumulate(
    row: Longs,
    points: PointRows,
    in_order: bool,
    series: tuple[Words, Octets],
    found: tuple[Octets, Words],
) -> None:
    """See `PointsKernel.accumulate`."""
    (at, word, mark), (state, type_), (verdict, total) = points, series, found
    for here, of in enumerate(row.tolist()):
        verdict[here] = 0
        if not 0 <= of < len(state):
            continue
        begun, now, bits = word[here].tolist()
        kind = int(mark[here, 3])
        _start, last, before = state[of].tolist()
        if in_order and type_[of] and now <= last:
            verdict[here] = TWICE if now == last else LATE
            continue
        if _has_no_value(int(at[here, 6]), bits, kind):
            verdict[here] = EMPTY
            continue
        if not type_[of]:
            verdict[here] = FIRST
            state[of], type_[of] = (begun or now, now, bits), kind
        else:
            verdict[here] = NEXT
            added = _signed(before) + _signed(bits)
            if kind != INT or type_[of] != INT or not -_SIGN <= added < _SIGN:
                state[of, 2] = _bits(_real(before, int(type_[of])) + _real(bits, kind))
                type_[of] = DOUBLE
            else:
                state[of, 2] = added & _MASK
            if begun and begun < state[of, 0] and not in_order:
                state[of, 0] = begun
            state[of, 1] = max(last, now)
        total[here] = (*state[of].tolist(), type_[of])
