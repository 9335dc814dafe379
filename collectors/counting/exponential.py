"""Exponential buckets that are exact: the bucket of a duration never depends on rounding.

Scale and place of a series' buckets follow from its shortest and its longest duration alone,
so that the order in which durations come leaves no trace.

Source: OpenTelemetry metrics data model, "ExponentialHistogram": bucket i of scale s holds what
is in (2 ** (i / 2**s), 2 ** ((i + 1) / 2**s)]; a scale is reduced by merging neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Final

import numpy as np

from collectors.counting.counts import FIRST_ROOM, Spread, with_room
from collectors.wire.kernel import Longs, Words

MAX_SCALE: Final = 20
"""Finest scale, as SDKs have it; buckets are 0.00007 % wide."""

_NONE_NS: Final = 2**64 - 1
"""Shortest duration of a row that has none, and the longest that can be."""

_DIGITS: Final = 50
"""Of a bound: 20 before the comma, so that 30 tell on which side of it a nanosecond is."""

_DOUBT: Final = 2.0**-20
"""Where a computed index is nearer to a whole number, it could be on either side of it: logarithms
are below 64 and right to some units in the last of 53 bits, at scale 20 to 2 ** -24 or better."""

_BESIDE: Final = 5
"""Words of a series beside its buckets: zeros, extremes, scale and place."""

_PARTS: Final = ("counts", "zeros", "least", "most")


@dataclass(frozen=True, slots=True)
class Exponents:
    """What exponential buckets a series has.

    Attributes:
        max_size: Most buckets, from 2 on.
        unit_ns: Nanoseconds that are 1 on the scale.
        most_bytes: What all series together may take, overflow series aside; 0 for any number.
    """

    max_size: int
    unit_ns: int
    most_bytes: int = 0

    @property
    def most_series(self) -> int:
        """How many series `most_bytes` are; 0 for any number."""
        return self.most_bytes // series_bytes(self.max_size)


def series_bytes(max_size: int) -> int:
    """What a series of `max_size` buckets takes, in memory and in a snapshot."""
    return 8 * (max_size + _BESIDE)


class Exponential:
    """Exponential buckets by row; see `Counts`."""

    def __init__(self, of: Exponents) -> None:
        """Begin at zero."""
        self.sums = True
        self._of = of
        self._counts = np.zeros((FIRST_ROOM, of.max_size), np.int64)
        self._zeros = np.zeros(FIRST_ROOM, np.int64)
        self._least = np.full(FIRST_ROOM, _NONE_NS, np.uint64)  # zero not included
        self._most = np.zeros(FIRST_ROOM, np.uint64)
        self._scale = np.full(FIRST_ROOM, MAX_SCALE, np.int64)
        self._first = np.zeros(FIRST_ROOM, np.int64)

    def grow(self, room: int) -> None:
        """See `Counts.grow`."""
        self._counts = with_room(self._counts, room)
        self._zeros = with_room(self._zeros, room)
        self._least = np.concatenate((self._least, np.full(room, _NONE_NS, np.uint64)))
        self._most = np.concatenate((self._most, np.zeros(room, np.uint64)))
        self._scale = np.concatenate((self._scale, np.full(room, MAX_SCALE, np.int64)))
        self._first = with_room(self._first, room)

    def add(self, rows: Longs, durations_ns: Words) -> None:
        """See `Counts.add`."""
        took = durations_ns > 0
        if not took.all():
            np.add.at(self._zeros, rows[~took], 1)
            rows, durations_ns = rows[took], durations_ns[took]
        if not len(rows):
            return
        touched = np.unique(rows)
        least, most = self._least[touched], self._most[touched]
        np.minimum.at(self._least, rows, durations_ns)
        np.maximum.at(self._most, rows, durations_ns)
        self._widen(touched[(self._least[touched] < least) | (self._most[touched] > most)])
        index = indices(durations_ns, self._scale[rows], self._of.unit_ns) - self._first[rows]
        np.add.at(self._counts.reshape(-1), rows * self._of.max_size + index, 1)

    def keep(self, rows: list[int]) -> None:
        """See `Counts.keep`."""
        self._counts, self._zeros = self._counts[rows], self._zeros[rows]
        self._least, self._most = self._least[rows], self._most[rows]
        self._scale, self._first = self._scale[rows], self._first[rows]

    def calls(self, row: int) -> int:
        """See `Counts.calls`."""
        return int(self._counts[row].sum()) + int(self._zeros[row])

    def buckets(self, row: int) -> tuple[int, ...]:
        """None: these buckets have no bounds."""
        del row
        return ()

    def spread(self, row: int) -> Spread:
        """See `Counts.spread`."""
        filled = np.flatnonzero(self._counts[row])
        counts = self._counts[row, : int(filled[-1]) + 1].tolist() if len(filled) else []
        zeros = int(self._zeros[row])
        return Spread(
            int(self._scale[row]),
            int(self._first[row]),
            tuple(counts),
            zeros,
            0 if zeros or not counts else int(self._least[row]),
            int(self._most[row]),
        )

    def snapshot(self, size: int) -> dict[str, bytes]:
        """See `Counts.snapshot`."""
        arrays = (self._counts, self._zeros, self._least, self._most)
        return {name: of[:size].tobytes() for name, of in zip(_PARTS, arrays, strict=True)}

    def restore(self, parts: Mapping[str, bytes], size: int) -> bool:
        """See `Counts.restore`."""
        if not parts.keys() >= set(_PARTS):
            return False
        counts, zeros = (np.frombuffer(parts[name], np.int64) for name in _PARTS[:2])
        least, most = (np.frombuffer(parts[name], np.uint64) for name in _PARTS[2:])
        if counts.size != size * self._of.max_size:
            return False
        self._counts, self._zeros = counts.reshape(-1, self._of.max_size).copy(), zeros.copy()
        self._least, self._most = least.copy(), most.copy()
        self._scale, self._first = np.full(size, MAX_SCALE, np.int64), np.zeros(size, np.int64)
        filled = np.flatnonzero(self._most)
        self._scale[filled], self._first[filled] = self._place(filled)
        return True

    def _place(self, rows: Longs) -> tuple[Longs, Longs]:
        """Scale and first index with which what lies between the extremes has buckets enough."""
        finest = np.full(len(rows), MAX_SCALE, np.int64)
        low = indices(self._least[rows], finest, self._of.unit_ns)
        high = indices(self._most[rows], finest, self._of.unit_ns)
        by = np.zeros(len(rows), np.int64)
        while (wide := (high >> by) - (low >> by) >= self._of.max_size).any():
            by += wide
        return MAX_SCALE - by, low >> by

    def _widen(self, rows: Longs) -> None:
        """Merge and move the buckets of rows whose extremes are others now."""
        scale, first = self._place(rows)
        filled, column = np.nonzero(self._counts[rows])
        counts = self._counts[rows[filled], column]
        by = (self._scale[rows] - scale)[filled]
        moved = ((self._first[rows][filled] + column) >> by) - first[filled]
        self._counts[rows] = 0
        np.add.at(self._counts.reshape(-1), rows[filled] * self._of.max_size + moved, counts)
        self._scale[rows], self._first[rows] = scale, first


def indices(durations_ns: Words, scales: Longs, unit_ns: int) -> Longs:
    """The bucket of each duration at its scale: ceil(log2(duration / unit) * 2**scale) - 1.

    Exact: where the logarithm leaves a doubt, the whole nanoseconds are compared with the bound.

    Args:
        durations_ns: Above 0.
        scales: At most `MAX_SCALE`.
        unit_ns: Nanoseconds that are 1 on the scale.
    """
    logarithms = np.log2(durations_ns.astype(np.float64)) - np.log2(np.float64(unit_ns))
    exact = np.ldexp(logarithms, scales.astype(np.int32))
    nearest = np.rint(exact)
    found: Longs = (np.ceil(exact) - 1).astype(np.int64)
    doubtful = np.flatnonzero(np.abs(exact - nearest) < _DOUBT)
    if len(doubtful):
        near = nearest[doubtful].astype(np.int64)
        finest = near << (MAX_SCALE - scales[doubtful])
        bounds, of_bound = np.unique(finest, return_inverse=True)
        within = np.array([_bound_ns(bound, unit_ns) for bound in bounds.tolist()], np.uint64)
        found[doubtful] = near - (durations_ns[doubtful] <= within[of_bound])
    return found


@lru_cache(maxsize=1 << 16)
def _bound_ns(index: int, unit_ns: int) -> int:
    """Most whole nanoseconds that are not above the lower bound of a bucket at `MAX_SCALE`."""
    doublings, rest = divmod(index, 1 << MAX_SCALE)
    if not rest:  # otherwise the bound is irrational, and no duration is equal to it
        whole = unit_ns << doublings if doublings >= 0 else unit_ns >> -doublings
        return min(whole, _NONE_NS)
    with localcontext(prec=_DIGITS):
        bound = unit_ns * Decimal(2) ** (Decimal(index) / (1 << MAX_SCALE))
    return min(int(bound), _NONE_NS)
