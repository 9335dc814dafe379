"""Rows in flat arrays, found by a 128-bit identity, numbered in order of appearance; bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs, Words
from collectors.wire.points import POINTS
from collectors.wire.points_kernel import Ints

Column = tuple[DTypeLike, tuple[int, ...], int]
"""Type, shape of a row, and what a new row holds."""

_FIRST_ROOM: Final = 256
_KNOWN: Final[Column] = (np.uint64, (2,), 0)


class Table:
    """The rows; each column is an attribute of its name.

    Attributes:
        known: Identity of each row.
        used: Rows that are taken; arrays have room for more.
    """

    known: Words

    def __init__(self, limit: int, columns: Mapping[str, Column]) -> None:
        """Begin empty.

        Args:
            limit: Most rows.
            columns: What a row has beside its identity.
        """
        self._limit = limit
        self._columns = {"known": _KNOWN, **columns}
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self.used = 0
        for name, (kind, shape, value) in self._columns.items():
            setattr(self, name, np.full((0, *shape), value, kind))
        self._slots: Ints = np.zeros(1, np.int32)

    def __len__(self) -> int:
        """How many rows there are."""
        return self.used

    def assign(self, identity: Words) -> Longs:
        """The row of each identity, a new one where it has none; -1 where there is no room."""
        row = np.empty(len(identity), np.int64)
        identity = np.ascontiguousarray(identity)
        room = len(self.known)
        self.used = POINTS.assign(identity, self._slots, self.known, self.used, room, row)
        while room < self._limit and bool((row < 0).any()):
            room = min(self._limit, max(_FIRST_ROOM, 2 * room))
            self._grow(room)
            self.used = POINTS.assign(identity, self._slots, self.known, self.used, room, row)
        return row

    def find(self, identity: Words) -> Longs:
        """The row of each identity; -1 where it has none."""
        row = np.empty(len(identity), np.int64)
        identity = np.ascontiguousarray(identity)
        POINTS.assign(identity, self._slots, self.known, self.used, self.used, row)
        return row

    def keep(self, kept: NDArray[np.bool_]) -> Longs:
        """Let the other rows go; returns the new row of each old one, -1 for those that went."""
        rows = np.flatnonzero(kept)
        renamed = np.full(self.used + 1, -1, np.int64)
        renamed[rows] = np.arange(len(rows))
        for name in self._columns:
            setattr(self, name, np.ascontiguousarray(getattr(self, name)[rows]))
        self.used = len(rows)
        self._index()
        return renamed[:-1]

    def snapshot(self) -> bytes:
        """All state."""
        return pack(self.columns())

    def restore(self, state: bytes) -> None:
        """Continue from `state`; what is beyond the limit now is still known."""
        self.take(unpack(state))

    def columns(self) -> dict[str, bytes]:
        """The rows by column."""
        return {
            name: np.ascontiguousarray(getattr(self, name)[: self.used]).tobytes()
            for name in self._columns
        }

    def take(self, parts: Mapping[str, bytes]) -> None:
        """Have the rows that `columns` told."""
        for name, (kind, shape, _) in self._columns.items():
            setattr(self, name, np.frombuffer(parts[name], kind).reshape(-1, *shape).copy())
        self.used = len(self.known)
        self._index()

    def _grow(self, room: int) -> None:
        for name, (kind, shape, value) in self._columns.items():
            held = getattr(self, name)
            new = np.full((room - len(held), *shape), value, kind)
            setattr(self, name, np.concatenate((held, new)))
        self._index()

    def _index(self) -> None:
        """Number the rows anew, in their order."""
        room = len(self.known)
        size = 1
        while size < 2 * room:
            size *= 2
        self._slots = np.zeros(size, np.int32)
        known, used = self.known, self.used
        self.known = np.zeros_like(known)
        self.used = POINTS.assign(
            np.ascontiguousarray(known[:used]), self._slots, self.known, 0, room,
            np.empty(used, np.int64),
        )  # fmt: skip


def firsts(identity: Words) -> Longs:
    """Where each distinct identity stands first, in order of appearance."""
    pairs = np.ascontiguousarray(identity).view([("low", np.uint64), ("high", np.uint64)])
    _, first = np.unique(pairs.ravel(), return_index=True)
    found: Longs = np.sort(first)
    return found


def ranks(group: Longs) -> Longs:
    """How many of its group stand before each."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    lengths = np.diff(np.append(begins, len(ordered)))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(begins, lengths)
    return rank


def prior(group: Longs) -> Longs:
    """The place of the one before each in its group; -1 for the first."""
    order = np.argsort(group, kind="stable")
    found = np.full(len(group), -1, np.int64)
    same = group[order[1:]] == group[order[:-1]]
    found[order[1:][same]] = order[:-1][same]
    return found


def newest(before: Longs) -> Longs:
    """The places of those that are `prior` to none."""
    last = np.ones(len(before), np.bool_)
    last[before[before >= 0]] = False
    return np.flatnonzero(last)


def latest(group: Longs, marked: NDArray[np.bool_]) -> Longs:
    """The place of the last marked one of its group, up to each; -1 where there is none."""
    order = np.argsort(group, kind="stable")
    ordered, at = group[order], np.arange(len(group))
    last = np.maximum.accumulate(np.where(marked[order], at, -1))
    found = np.full(len(group), -1, np.int64)
    mine = (last >= 0) & (ordered[last] == ordered)
    found[order[mine]] = order[last[mine]]
    return found
