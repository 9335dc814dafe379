"""Every series that is followed: one row each in flat arrays, found by its identity.

Bounded by `limit`; a series without a new point for `max_stale` begins anew.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.series.table import Column, Table
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import POINTS
from collectors.wire.points_kernel import EMPTY, FIRST, NEXT, RESET, Ints, PointRows

_COLUMNS: Final[dict[str, Column]] = {
    "state": (np.uint64, (3,), 0),
    "type": (np.uint8, (), 0),
    "place": (np.int32, (), -1),
    "seen_ns": (np.int64, (), 0),
    "fresh": (np.uint8, (), 0),
    "frame": (np.int64, (), -1),
    "group": (np.int64, (), -1),
    "total": (np.uint64, (3,), 0),
    "total_type": (np.uint8, (), 0),
    "slot": (np.int64, (4,), 0),
}


class Streams(Table):
    """The rows.

    Attributes:
        state: Start, time and value of the newest point; `type` says what the value is.
        place: All -1: room that `PointsKernel.follow` works in.
        seen_ns: Steady time of the newest point.
        fresh: 1 where there is something that was not put out yet.
        frame: Row of `Frames`.
        group: Row of the series that it becomes part of.
        total: Start, time and value of what was added up; `total_type` says what it is.
        slot: Place in an `Arena`.
    """

    state: Words
    type: Octets
    place: Ints
    seen_ns: Longs
    fresh: Octets
    frame: Longs
    group: Longs
    total: Words
    total_type: Octets
    slot: Longs

    def __init__(self, limit: int, max_stale_ns: int = 0) -> None:
        """Begin empty.

        Args:
            limit: Most rows.
            max_stale_ns: Steady time without a point after which a series is forgotten; 0 never.
        """
        super().__init__(limit, _COLUMNS)
        self._max_stale_ns = max_stale_ns
        self._swept_ns = 0

    def is_due(self, steady_ns: int) -> bool:
        """Whether it is time to look for series to forget."""
        return bool(self._max_stale_ns) and steady_ns - self._swept_ns >= self._max_stale_ns

    def stale(self, steady_ns: int) -> NDArray[np.bool_]:
        """Which rows had no point for too long, and hold nothing that is to be put out."""
        seen = self.seen_ns[: self.used]
        found: NDArray[np.bool_] = (seen < steady_ns - self._max_stale_ns) & (
            self.fresh[: self.used] == 0
        )
        return found if self._max_stale_ns else np.zeros(self.used, np.bool_)

    def sweep(self, kept: NDArray[np.bool_], steady_ns: int) -> Longs:
        """Let the other rows go; returns the new row of each old one, -1 for those that went."""
        self._swept_ns = steady_ns
        return self.keep(kept)

    def rows(self, identity: Words, steady_ns: int) -> Longs:
        """The row of each identity; -1 where there is no room for a new one.

        A row whose series is stale is as new: its `type` is 0.
        """
        row = self.assign(identity)
        if self._max_stale_ns:
            found = row[row >= 0]
            old = self.seen_ns[found] < steady_ns - self._max_stale_ns
            self.type[found[old & (self.fresh[found] == 0)]] = 0
        return row

    def follow(self, row: Longs, points: PointRows, steady_ns: int) -> tuple[Octets, Longs, Words]:
        """See `PointsKernel.follow`: verdict, prior and step of each point."""
        verdict, prior = np.zeros(len(row), np.uint8), np.zeros(len(row), np.int64)
        step = np.zeros((len(row), 2), np.uint64)
        series = self.state, self.type, self.place
        POINTS.follow(row, points, series, (verdict, prior, step))
        self._saw(row, verdict, steady_ns)
        return verdict, prior, step

    def accumulate(
        self, row: Longs, points: PointRows, steady_ns: int, *, in_order: bool
    ) -> tuple[Octets, Words]:
        """See `PointsKernel.accumulate`, into `state`: verdict and total of each point."""
        verdict, total = np.zeros(len(row), np.uint8), np.zeros((len(row), 4), np.uint64)
        POINTS.accumulate(row, points, in_order, (self.state, self.type), (verdict, total))
        self._saw(row, verdict, steady_ns)
        return verdict, total

    def snapshot(self) -> bytes:
        """All state."""
        swept = self._swept_ns.to_bytes(8, "big", signed=True)
        return pack({**self.columns(), "swept": swept})

    def restore(self, state: bytes) -> None:
        """Continue from `state`; what is beyond the limit now is still followed."""
        parts = unpack(state)
        self._swept_ns = int.from_bytes(parts["swept"], "big", signed=True)
        self.take(parts)

    def _saw(self, row: Longs, verdict: Octets, steady_ns: int) -> None:
        accepted = np.isin(verdict, (FIRST, NEXT, RESET, EMPTY))
        self.seen_ns[row[accepted]] = steady_ns
