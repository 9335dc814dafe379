"""How often which duration came, for each series: calls alone, or buckets with bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Words

FIRST_ROOM: Final = 64
"""Rows that there is room for in the beginning."""

_COUNTS: Final = "counts"


@dataclass(frozen=True, slots=True)
class Spread:
    """Exponential buckets of one series, as OTLP has them.

    Attributes:
        offset: Index of the first of `counts`; bucket i holds what is in
            (base^i, base^(i+1)], base = 2 ** 2 ** -scale.
        zeros: Durations of nothing at all.
        least_ns: Shortest duration, zero included.
    """

    scale: int
    offset: int
    counts: tuple[int, ...]
    zeros: int
    least_ns: int
    most_ns: int


class Counts(Protocol):
    """Counts by row; whoever holds it knows which series a row is.

    Attributes:
        sums: Whether durations are of interest at all, and not calls alone.
    """

    sums: bool

    def grow(self, room: int) -> None:
        """Make room for `room` rows more, at zero."""
        ...

    def add(self, rows: Longs, durations_ns: Words) -> None:
        """Count durations, each in its row."""
        ...

    def keep(self, rows: list[int]) -> None:
        """Have these rows and no others, in this order."""
        ...

    def calls(self, row: int) -> int:
        """All that was counted in a row."""
        ...

    def buckets(self, row: int) -> tuple[int, ...]:
        """Counts by bucket with a bound; empty where there are none such."""
        ...

    def spread(self, row: int) -> Spread | None:
        """Exponential buckets; None where there are none such."""
        ...

    def snapshot(self, size: int) -> dict[str, bytes]:
        """The first `size` rows."""
        ...

    def restore(self, parts: Mapping[str, bytes], size: int) -> bool:
        """Have `size` rows as they were; False, and nothing done, where they were others."""
        ...


class Bounded:
    """Buckets with bounds; without any bound, calls alone."""

    def __init__(self, bounds_ns: tuple[int, ...]) -> None:
        """Begin at zero; see `Table`."""
        self.sums = bool(bounds_ns)
        self._bounds = np.array(bounds_ns, np.uint64)
        self._width = len(bounds_ns) + 1
        self._counts = np.zeros((FIRST_ROOM, self._width), np.int64)

    def grow(self, room: int) -> None:
        """See `Counts.grow`."""
        self._counts = with_room(self._counts, room)

    def add(self, rows: Longs, durations_ns: Words) -> None:
        """See `Counts.add`."""
        buckets = np.searchsorted(self._bounds, durations_ns) if self.sums else np.int64(0)
        np.add.at(self._counts.reshape(-1), rows * self._width + buckets, 1)

    def keep(self, rows: list[int]) -> None:
        """See `Counts.keep`."""
        self._counts = self._counts[rows]

    def calls(self, row: int) -> int:
        """See `Counts.calls`."""
        return int(self._counts[row].sum())

    def buckets(self, row: int) -> tuple[int, ...]:
        """See `Counts.buckets`."""
        return tuple(self._counts[row].tolist()) if self.sums else ()

    def spread(self, row: int) -> None:
        """None: these buckets have bounds."""
        del row

    def snapshot(self, size: int) -> dict[str, bytes]:
        """See `Counts.snapshot`."""
        return {_COUNTS: self._counts[:size].tobytes()}

    def restore(self, parts: Mapping[str, bytes], size: int) -> bool:
        """See `Counts.restore`."""
        counts = np.frombuffer(parts[_COUNTS], np.int64)
        if counts.size != size * self._width:
            return False
        self._counts = counts.reshape(-1, self._width).copy()
        return True


def with_room(rows: NDArray[np.int64], room: int) -> NDArray[np.int64]:
    """`rows` and `room` rows of zeros."""
    return np.concatenate((rows, np.zeros((room, *rows.shape[1:]), np.int64)))
