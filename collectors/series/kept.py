"""Histograms kept by series, as part of a component's state; and how points run up into them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.series.table import newest, prior
from collectors.wire.histograms import Bank
from collectors.wire.histograms_kernel import ADD, COPY, DONE, TAKE_OUT, UNFIT
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points_kernel import Ints

Mask = NDArray[np.bool_]

_NOWHERE: Final = -1


class Kept:
    """A histogram for each row of a series that has one.

    Attributes:
        bank: The histograms, at their own rows; see `places`.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.bank = Bank()
        self._place: Ints = np.zeros(0, np.int32)
        self._used = 0

    def has(self, row: Longs) -> Mask:
        """Which rows have a histogram."""
        found: Mask = self.places(row) >= 0
        return found

    def rows(self) -> Longs:
        """Every row that has one."""
        return np.flatnonzero(self._place >= 0)

    def places(self, row: Longs) -> Longs:
        """Where in `bank` the histogram of each row is; -1 where it has none."""
        found: Longs = np.full(len(row), _NOWHERE, np.int64)
        known = row < len(self._place)
        found[known] = self._place[row[known]]
        return found

    def copy(self, row: Longs, other: Bank, others: Longs) -> None:
        """Let rows have what is in other rows; of equal ones the last counts."""
        self._combine(COPY, row, other, others)

    def add(self, row: Longs, other: Bank, others: Longs) -> Octets:
        """Add to rows, in order; the outcomes, `UNFIT` where buckets are others."""
        return self._combine(ADD, row, other, others)

    def combine(self, how: int, row: Longs, other: Bank, others: Longs) -> Octets:
        """See `Bank.combine`; every row has a histogram."""
        return self.bank.combine(how, self.places(row), other, others)

    def drop(self, row: Longs) -> None:
        """Let these histograms go."""
        if len(row):
            self._place[row] = _NOWHERE
            self._close_up()

    def rename(self, renamed: Longs) -> None:
        """Rows have other numbers now; -1 for those that went."""
        old, self._place = self._place, np.full(len(renamed), _NOWHERE, np.int32)
        stays = np.flatnonzero(renamed[: len(old)] >= 0)
        self._place[renamed[stays]] = old[stays]
        self._close_up()

    def snapshot(self) -> bytes:
        """All state."""
        return pack({"place": self._place.tobytes(), **self.bank.snapshot()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._place = np.frombuffer(parts["place"], np.int32).copy()
        self.bank.restore(parts["head"], parts["pool"])
        self._used = int((self._place >= 0).sum())

    def _combine(self, how: int, row: Longs, other: Bank, others: Longs) -> Octets:
        """With a place for those that have none yet."""
        if not len(row):
            return np.zeros(0, np.uint8)
        top = int(row.max()) + 1
        if top > len(self._place):
            more = np.full(max(top, 2 * len(self._place)) - len(self._place), _NOWHERE, np.int32)
            self._place = np.concatenate((self._place, more))
        new = np.unique(row[self._place[row] < 0])
        self._place[new] = np.arange(self._used, self._used + len(new))
        self._used += len(new)
        if self._used > len(self.bank):
            self.bank.grow(max(self._used, 2 * len(self.bank)) - len(self.bank))
        return self.combine(how, row, other, others)

    def _close_up(self) -> None:
        """The bank has no row that nobody knows."""
        rows = self.rows()
        self.bank.keep(self._place[rows].astype(np.int64))
        self._used = len(rows)
        self._place[rows] = np.arange(self._used)


def run_up(kept: Kept, row: Longs, counted: Bank, which: Longs, begins: Mask) -> Mask:
    """Let each of `which`, in order, become what its row holds with it; nothing is kept yet.

    Args:
        kept: What rows held before.
        row: Row of each of `which`.
        counted: What came; these rows of it become totals.
        which: Rows of `counted`.
        begins: Which of them begin anew.

    Returns:
        Which begin anew since their buckets are others than those before.
    """
    unfit = np.zeros(len(which), np.bool_)
    before = prior(row)
    first = np.flatnonzero((before < 0) & ~begins & kept.has(row))
    unfit[first] = counted.combine(ADD, which[first], kept.bank, kept.places(row[first])) == UNFIT
    later = np.flatnonzero((before >= 0) & ~begins)
    unfit[later] = counted.combine(ADD, which[later], counted, which[before[later]]) == UNFIT
    return unfit


def run_down(
    kept: Kept, row: Longs, counted: Bank, since: Bank, which: Longs, goes_on: Mask
) -> Octets:
    """Let each of `which` be less what its row held before it, and rows hold the newest.

    Args:
        kept: What rows held before.
        row: Row of each of `which`.
        counted: Totals that came.
        since: A clone of it, which becomes what was added.
        which: Rows of both, in order.
        goes_on: Which of them go on where their row stands; all of the others is new.

    Returns:
        `UNFIT` where buckets are others than before, `FELL` where there was more in one: those
        are left as they came.
    """
    outcome, before = np.full(len(which), DONE, np.uint8), prior(row)
    first = np.flatnonzero((before < 0) & goes_on & kept.has(row))
    outcome[first] = since.combine(TAKE_OUT, which[first], kept.bank, kept.places(row[first]))
    later = np.flatnonzero((before >= 0) & goes_on)
    outcome[later] = since.combine(TAKE_OUT, which[later], counted, which[before[later]])
    last = newest(before)
    kept.copy(row[last], counted, which[last])
    return outcome
