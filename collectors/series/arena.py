"""The newest point of each series, as bytes in one buffer."""

from __future__ import annotations

from typing import Final

import numpy as np

from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import POINTS

START, BODY, END, ROOM = range(4)
"""Columns of a slot: where the point begins with its tag, where its message does, where both end,
and how many bytes the slot has."""

MAX_POINT_BYTES: Final = 1 << 16
"""Longest point that is kept."""

_ROUND: Final = 32
_FIRST_BYTES: Final = 1 << 14


class Arena:
    """A buffer of slots; the slots are kept by whoever owns the series."""

    def __init__(self) -> None:
        self.buffer: Octets = np.zeros(0, np.uint8)
        self._filled = 0

    def put(self, slot: Longs, row: Longs, source: Octets, at: Longs) -> None:
        """Keep points: the last one of each row.

        Args:
            slot: The slots of all rows.
            row: Row of each point.
            source: Where the points are.
            at: (tag, body, end, ...) of each.
        """
        last, places = np.empty(len(slot), np.int64), np.arange(len(row))
        last[row] = places  # of equal rows the last one counts
        chosen = np.flatnonzero(last[row] == places)
        row, at = row[chosen], at[chosen]
        length = at[:, 2] - at[:, 0]
        grown = length > slot[row, ROOM]
        if bool(grown.any()):
            room = -(-length[grown] // _ROUND) * _ROUND
            ends = np.cumsum(room) + self._filled
            self._reserve(int(ends[-1]))
            slot[row[grown], START] = ends - room
            slot[row[grown], ROOM] = room
            self._filled = int(ends[-1])
        starts = np.ascontiguousarray(slot[row, START])
        POINTS.move(source, np.ascontiguousarray(at[:, [0, 2]]), self.buffer, starts)
        slot[row, BODY] = starts + at[:, 1] - at[:, 0]
        slot[row, END] = starts + length

    def tidy(self, slot: Longs) -> None:
        """Close the gaps that points left which went or grew, once they are half of it."""
        held = slot[:, ROOM]
        if 2 * int(held.sum()) >= self._filled:
            return
        spots = np.column_stack((slot[:, START], slot[:, START] + held))
        ends = np.cumsum(held)
        starts = np.ascontiguousarray(ends - held)
        buffer = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
        POINTS.move(self.buffer, np.ascontiguousarray(spots), buffer, starts)
        slot[:, [BODY, END]] += (starts - slot[:, START])[:, None]
        slot[:, START] = starts
        self.buffer, self._filled = buffer, len(buffer)

    def snapshot(self) -> bytes:
        """All bytes."""
        return self.buffer[: self._filled].tobytes()

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        self.buffer = np.frombuffer(state, np.uint8).copy()
        self._filled = len(self.buffer)

    def _reserve(self, size: int) -> None:
        if size > len(self.buffer):
            more = max(_FIRST_BYTES, size, 2 * len(self.buffer)) - len(self.buffer)
            self.buffer = np.concatenate((self.buffer, np.zeros(more, np.uint8)))
