"""Histograms: what each series added, merged where the buckets are the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.series.kept import Kept, run_down
from collectors.series.streams import Streams
from collectors.series.summing.groups import ADDED, Groups
from collectors.series.summing.totals import by_group, encoded, total, values
from collectors.wire.histograms import Bank, bank_of, chunks
from collectors.wire.histograms_kernel import ADD, FITS, HAS, HAS_SUM, SUM, TAKE_OUT, UNFIT
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import Columns
from collectors.wire.points_kernel import DELTA, DOUBLE, FIRST, NEXT, RESET

Mask = NDArray[np.bool_]


class Histograms:
    """Histograms by series and by group."""

    def __init__(self) -> None:
        self._newest, self._added = Kept(), Kept()
        self._retired, self._shape = Kept(), Kept()

    def clear(self) -> None:
        """Forget all."""
        for kept in (self._newest, self._added, self._retired, self._shape):
            kept.clear()

    def add(
        self,
        series: Streams,
        columns: Columns,
        row: Longs,
        verdict: Octets,
        is_new: Mask,
    ) -> Mask:
        """Add histograms to their series; which of them fit to nothing.

        Args:
            series: The series.
            columns: The points.
            row: Series of each, -1 for what is no histogram.
            verdict: As `follow` has it; 0 for deltas.
            is_new: Whether all that a first point counted is new.
        """
        strange = np.zeros(len(row), np.bool_)
        deltas = columns.mark[:, 1] == DELTA
        meant = (row >= 0) & (deltas | np.isin(verdict, (FIRST, NEXT, RESET)))
        for places in chunks(columns, np.flatnonzero(meant)):
            counted = bank_of(columns.take(places))
            strange[places] = ~counted.sensible
            which = np.flatnonzero(counted.sensible)
            here = places[which]
            self._leave_what_is_new(
                counted, which, row[here], deltas[here], verdict[here], is_new[here]
            )
            strange[here] = ~self._join(row[here], series.group[row[here]], counted, which)
        return strange

    def _leave_what_is_new(
        self, counted: Bank, which: Longs, row: Longs, deltas: Mask, verdict: Octets, is_new: Mask
    ) -> None:
        """Let totals become what was added since the point before.

        Where that cannot be, its source began again, and all of it is new.
        """
        totals = np.flatnonzero(~deltas)
        which, row, verdict, is_new = which[totals], row[totals], verdict[totals], is_new[totals]
        before = counted.clone()
        run_down(self._newest, row, before, counted, which, verdict == NEXT)
        known = which[(verdict == FIRST) & ~is_new]
        counted.combine(TAKE_OUT, known, before, known)

    def _join(self, row: Longs, group: Longs, counted: Bank, which: Longs) -> Mask:
        """Add to series, where the buckets are those of the group; which were added."""
        new, first = np.unique(group, return_index=True)
        first = first[~self._shape.has(new)]
        shapes = group[first]
        self._shape.copy(shapes, counted, which[first])
        self._shape.combine(TAKE_OUT, shapes, counted, which[first])
        added: Mask = self._shape.combine(FITS, group, counted, which) != UNFIT
        fits = np.flatnonzero(added)
        added[fits] = self._added.add(row[fits], counted, which[fits]) != UNFIT
        return added

    def values(self, series: Streams, groups: Groups) -> tuple[Longs, Bank]:
        """What each group is that something was added to; deltas begin at zero again."""
        rows = self._added.rows()
        rows = rows[series.group[rows] >= 0]
        rows = rows[groups.is_fresh(series.group[rows]) > 0]
        group = series.group[rows]
        found = np.unique(group)
        summed = self._together(found, rows, group)
        adds = groups.what(group) == ADDED
        self._added.drop(rows[adds])
        self._retired.drop(found[self._retired.has(found) & (groups.what(found) == ADDED)])
        return found, summed

    def retire(self, series: Streams, rows: Longs) -> None:
        """Series go; what they added stays in their groups."""
        rows = rows[self._added.has(rows) & (series.group[rows] >= 0)]
        if len(rows):
            group = series.group[rows]
            found = np.unique(group)
            self._retired.copy(found, self._together(found, rows, group), np.arange(len(found)))
            self._added.drop(rows)

    def rename(self, renamed: Longs) -> None:
        """Series have other rows now."""
        self._newest.rename(renamed)
        self._added.rename(renamed)

    def rename_groups(self, renamed: Longs) -> None:
        """Groups have other rows now."""
        self._retired.rename(renamed)
        self._shape.rename(renamed)

    def snapshot(self) -> bytes:
        """All state."""
        return pack(
            {
                "newest": self._newest.snapshot(),
                "added": self._added.snapshot(),
                "retired": self._retired.snapshot(),
                "shape": self._shape.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._newest.restore(parts["newest"])
        self._added.restore(parts["added"])
        self._retired.restore(parts["retired"])
        self._shape.restore(parts["shape"])

    def _together(self, groups: Longs, rows: Longs, group: Longs) -> Bank:
        """What series added to each of `groups`, retired ones too; the sum of sums rounded once.

        Args:
            groups: Ascending.
            rows: The series.
            group: Of each.
        """
        summed = Bank(len(groups))
        retired = groups[self._retired.has(groups)]
        parts = (
            (self._added, rows, np.searchsorted(groups, group)),
            (self._retired, retired, np.searchsorted(groups, retired)),
        )
        for kept, of, into in parts:
            summed.combine(ADD, into, kept.bank, kept.places(of))
        bits = np.concatenate([kept.bank.head[kept.places(of), SUM] for kept, of, _ in parts])
        into = np.concatenate([part[2] for part in parts])
        several = np.bincount(into, minlength=len(groups)) > 1
        several &= (summed.head[:, HAS] & np.uint64(HAS_SUM)) > 0
        for place, mine in by_group(into, np.flatnonzero(several[into])):
            whole = total(values(bits[mine], np.full(len(mine), DOUBLE, np.uint8)))
            summed.head[place, SUM] = encoded(whole)[0]
        return summed
