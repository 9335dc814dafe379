"""Series that are followed no more: whether one that comes is new, or comes again.

A total that comes again must not be added once more; one that was never seen counts in full,
however long ago its source began.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.wire.kernel import Words

Mask = NDArray[np.bool_]

_HALF: Final = 2


class Forgotten:
    """Eight bytes of each identity, bounded; beyond that, a time before which nobody is new."""

    def __init__(self, limit: int) -> None:
        """Begin empty.

        Args:
            limit: Most series that are told from new ones.
        """
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Know nothing."""
        self._marks: Words = np.empty(0, np.uint64)
        self._floor_ns = 0

    def add(self, identity: Words, oldest_ns: int) -> None:
        """These are followed no more.

        Args:
            identity: Of each.
            oldest_ns: Unix time after which none of them had a point.
        """
        self._marks = np.union1d(self._marks, identity[:, 0])
        if len(self._marks) > self._limit:
            # Which half goes does not matter: from now on age alone tells.
            self._marks = self._marks[: self._limit // _HALF].copy()
            self._floor_ns = oldest_ns

    def are_new(self, identity: Words, start: Words) -> Mask:
        """Which series were never followed, as far as is known."""
        found: Mask = start >= np.uint64(self._floor_ns)
        found &= ~np.isin(identity[:, 0], self._marks)
        return found

    def snapshot(self) -> bytes:
        """All state."""
        floor = self._floor_ns.to_bytes(8, "big", signed=True)
        return pack({"marks": self._marks.tobytes(), "floor": floor})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._marks = np.frombuffer(parts["marks"], np.uint64).copy()
        self._floor_ns = int.from_bytes(parts["floor"], "big", signed=True)
