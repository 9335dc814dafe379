"""Values of several series as one, whatever the order in which they are given.

Whole numbers are added as such; doubles are added without rounding in between, and rounded
once, so that no order of arrival, and no restart, shows in the result.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points_kernel import DOUBLE, INT

Value = int | float

_MOST: Final = 2**63 - 1


def values(bits: Words, types: Octets) -> list[Value]:
    """Values as numbers."""
    whole, real = bits.view(np.int64).tolist(), bits.view(np.float64).tolist()
    return [
        one if kind == INT else other
        for one, other, kind in zip(whole, real, types.tolist(), strict=True)
    ]


def encoded(value: Value) -> tuple[int, int]:
    """Bits and type."""
    if isinstance(value, int):
        return value & (2**64 - 1), INT
    return struct.unpack("<Q", struct.pack("<d", value))[0], DOUBLE


def total(parts: Sequence[Value]) -> Value:
    """The sum; whole numbers stop at the largest that the protocol has."""
    if all(isinstance(part, int) for part in parts):
        return max(-_MOST, min(_MOST, sum(parts)))
    try:
        return math.fsum(parts)
    except (OverflowError, ValueError):  # infinities of both signs, or beyond all doubles
        return float(sum(map(float, parts)))


def mean(parts: Sequence[Value]) -> Value:
    """The mean, always a double."""
    return float(total([float(part) for part in parts])) / len(parts)


def least(parts: Sequence[Value]) -> Value:
    """The least."""
    return min(parts)


def most(parts: Sequence[Value]) -> Value:
    """The greatest."""
    return max(parts)


def count(parts: Sequence[Value]) -> Value:
    """How many there are."""
    return len(parts)


def newest(parts: Sequence[Value], times: Sequence[int]) -> Value:
    """The one of the latest time; of several the greatest, in whatever order they came."""
    return max(zip(times, parts, strict=True))[1]


FUNCTIONS: Final = {"mean": mean, "sum": total, "min": least, "max": most, "count": count}


def by_group(group: Longs, rows: Longs) -> Iterable[tuple[int, NDArray[np.int64]]]:
    """Each group among `group[rows]` with its rows, in the order of the groups."""
    if not len(rows):
        return
    order = rows[np.argsort(group[rows], kind="stable")]
    edges = np.flatnonzero(np.diff(group[order])) + 1
    for part in np.split(order, edges):
        yield int(group[part[0]]), part
