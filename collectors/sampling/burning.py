"""How fast error budgets burn: good and bad events of a sliding window, by steady time."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.ottl.columns import Mask
from collectors.wire.kernel import Longs

_WORD: Final = 2**62
_SLOTS: Final = 60
"""Parts of the window: it slides by one of them at a time."""


class Burning:
    """Counts of the last window for each of several SLOs."""

    def __init__(self, budgets: list[Fraction], window_ns: int, burn_rate: float) -> None:
        """Begin without events.

        Args:
            budgets: Share of events that may be bad, of each SLO.
            window_ns: How far back events count.
            burn_rate: From which on a budget burns.
        """
        self._limits = [budget * Fraction(burn_rate) for budget in budgets]
        self._slot_ns = max(1, window_ns // _SLOTS)
        self._slot = 0
        self._counts: NDArray[np.int64] = np.zeros((_SLOTS, len(budgets), 2), np.int64)

    def count(self, events: NDArray[np.int64], bad: NDArray[np.int64], steady_ns: int) -> None:
        """Count events of each SLO, and how many of them are bad."""
        self._slide(steady_ns)
        self._counts[self._slot % _SLOTS] += np.stack([events, bad], axis=1)

    def now(self, steady_ns: int | None = None) -> list[bool]:
        """Which budgets burn; without a time, as of the last one."""
        if steady_ns is not None:
            self._slide(steady_ns)
        sums: list[list[int]] = self._counts.sum(axis=0).tolist()
        return [
            bool(bad) and bad >= limit * events
            for limit, (events, bad) in zip(self._limits, sums, strict=True)
        ]

    def without(self, events: Longs, bad: Longs) -> Mask:
        """Which budgets burned before the last of what was counted came.

        Args:
            events: Shape (SLOs, n): events that are not to count, n times.
            bad: How many of them are bad.
        """
        sums = self._counts.sum(axis=0)[:, :, None]
        left, left_bad = sums[:, 0] - events, sums[:, 1] - bad
        found = np.zeros(left.shape, np.bool_)
        for slo, limit in enumerate(self._limits):
            # Whole numbers, as in `now`; of any size where 64 bits might not do.
            most = int(sums[slo, 0, 0]) * max(limit.numerator, limit.denominator)
            kind = np.dtype(np.int64 if most < _WORD else object)
            spent = left_bad[slo].astype(kind) * limit.denominator
            allowed = left[slo].astype(kind) * limit.numerator
            found[slo] = (left_bad[slo] > 0) & (spent >= allowed).astype(np.bool_)
        return found

    def words(self) -> object:
        """All state, in words of JSON."""
        return [self._slot, self._slot_ns, self._counts.tolist()]

    def take(self, words: object) -> None:
        """Continue from `words`; those of another window or of other SLOs are left out."""
        match words:
            case [int(slot), int(slot_ns), list(counts)] if slot_ns == self._slot_ns:
                taken = np.array(counts, np.int64)
                if taken.shape == self._counts.shape:
                    self._slot, self._counts = slot, taken
            case _:
                pass

    def _slide(self, steady_ns: int) -> None:
        slot = steady_ns // self._slot_ns
        if slot <= self._slot:
            return
        for passed in range(max(self._slot + 1, slot - _SLOTS + 1), slot + 1):
            self._counts[passed % _SLOTS] = 0
        self._slot = slot
