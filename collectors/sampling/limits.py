"""Budgets by the second: how much may pass, and who of those that ask is let through.

All numbers are whole, and time is what the caller says; so the same traces at the same
times spend the same budget, on every machine and after every restart.

Source: golang.org/x/time/rate, which the Collector limits with.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.ottl.columns import Mask

SECOND_NS: Final = 1_000_000_000


class Bucket:
    """Tokens that come in by the second, up to a number, and are spent."""

    def __init__(self, per_second: int, capacity: int) -> None:
        """Begin full.

        Args:
            per_second: Tokens that come in, > 0.
            capacity: Tokens that it holds; 0 for twice `per_second`.
        """
        self._per_second = per_second
        self._full = (capacity or 2 * per_second) * SECOND_NS
        self._level = self._full  # in billionths of a token: no fraction is lost
        self._at_ns: int | None = None

    def at(self, steady_ns: int) -> int:
        """Whole tokens there are at `steady_ns`; a time before the last one changes nothing."""
        if self._at_ns is not None and steady_ns > self._at_ns:
            gained = (steady_ns - self._at_ns) * self._per_second
            self._level = min(self._full, self._level + gained)
        self._at_ns = steady_ns if self._at_ns is None else max(self._at_ns, steady_ns)
        return self.left()

    def left(self) -> int:
        """Whole tokens there were at the last time."""
        return self._level // SECOND_NS

    def spend(self, tokens: int) -> None:
        """Take out `tokens`, of which there are as many."""
        self._level -= tokens * SECOND_NS

    def words(self) -> object:
        """All state."""
        return [self._level, self._at_ns]

    def take(self, words: object) -> None:
        """Continue from `words`; a bucket that is smaller now holds no more than it can."""
        match words:
            case [int(level), int() | None as at_ns]:
                self._level = max(0, min(self._full, level))
                self._at_ns = at_ns
            case _:
                pass


class Second:
    """A number of tokens for each second, whatever was left of the last one."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second: int | None = None
        self._spent = 0

    def at(self, steady_ns: int) -> int:
        """Tokens that are left in the second of `steady_ns`."""
        second = steady_ns // SECOND_NS
        if second != self._second:
            self._second, self._spent = second, 0
        return self._per_second - self._spent

    def spend(self, tokens: int) -> None:
        """Take out `tokens`, of which there are as many."""
        self._spent += tokens

    def words(self) -> object:
        """All state."""
        return [self._second, self._spent]

    def take(self, words: object) -> None:
        """Continue from `words`."""
        match words:
            case [int() | None as second, int(spent)]:
                self._second, self._spent = second, min(spent, self._per_second)
            case _:
                pass


def admitted(sizes: NDArray[np.int64], room: int) -> Mask:
    """Who gets in, one after the other: everybody who fits into what those before left.

    One that does not fit is passed over, and smaller ones behind it may still fit.
    """
    found: Mask = np.zeros(len(sizes), np.bool_)
    waiting = np.flatnonzero(sizes <= room)
    while len(waiting):
        ends = np.cumsum(sizes[waiting])
        fitting = int(np.searchsorted(ends, room, "right"))
        found[waiting[:fitting]] = True
        room -= int(ends[fitting - 1]) if fitting else 0
        waiting = waiting[fitting:]
        waiting = waiting[sizes[waiting] <= room]
    return found
