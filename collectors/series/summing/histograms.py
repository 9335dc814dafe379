"""Histograms: what each series added, merged where the buckets are the same."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.series.distributions import Distribution
from collectors.series.kept import Kept, counted
from collectors.series.streams import Streams
from collectors.series.summing.groups import ADDED, Groups
from collectors.series.summing.totals import total
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import Columns
from collectors.wire.points_kernel import DELTA, FIRST, NEXT, RESET

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
        for place in np.flatnonzero(row >= 0).tolist():
            of, kind = int(row[place]), int(columns.mark[place, 0])
            is_delta = columns.mark[place, 1] == DELTA
            if not is_delta and verdict[place] not in (FIRST, NEXT, RESET):
                continue
            found = counted(columns, place)
            if found is not None and not is_delta:
                found = self._since(of, kind, found, int(verdict[place]), bool(is_new[place]))
            strange[place] = found is None or not self._join(of, int(series.group[of]), kind, found)
        return strange

    def _since(
        self, row: int, kind: int, now: Distribution, verdict: int, is_new: bool
    ) -> Distribution:
        """What was added since the point before."""
        before = self._newest.of.get(row)
        self._newest.of[row] = kind, now
        since = now.copy()
        if verdict == FIRST and not is_new:
            since.take_out(now)
        elif verdict == NEXT and before is not None:
            since.take_out(before[1])  # cannot: its source began again, and all of it is new
        return since

    def _join(self, row: int, group: int, kind: int, found: Distribution) -> bool:
        if group not in self._shape.of:
            shape = found.copy()
            shape.take_out(found)
            self._shape.of[group] = kind, shape
        if not self._shape.of[group][1].fits(found):
            return False
        if row in self._added.of:
            return self._added.of[row][1].join(found)
        self._added.of[row] = kind, found
        return True

    def values(self, series: Streams, groups: Groups) -> list[tuple[int, Distribution]]:
        """What each group is that something was added to; deltas begin at zero again."""
        parts: defaultdict[int, list[Distribution]] = defaultdict(list)
        rows = np.array(sorted(self._added.of), np.int64)
        group = series.group[rows]
        fresh = groups.is_fresh(group) > 0
        for row, of in zip(rows[fresh].tolist(), group[fresh].tolist(), strict=True):
            parts[of].append(self._added.of[row][1])
        adds = groups.what(group) == ADDED
        for row in rows[fresh & adds].tolist():
            del self._added.of[row]
        found: list[tuple[int, Distribution]] = []
        for of in sorted(parts):
            if of in self._retired.of:
                parts[of].append(self._retired.of[of][1])
                if int(groups.what(np.array([of]))[0]) == ADDED:
                    del self._retired.of[of]
            found.append((of, _together(parts[of])))
        return found

    def retire(self, series: Streams, rows: Longs) -> None:
        """Series go; what they added stays in their groups."""
        parts: defaultdict[tuple[int, int], list[Distribution]] = defaultdict(list)
        for row in rows.tolist():
            if row in self._added.of:
                kind, held = self._added.of.pop(row)
                parts[int(series.group[row]), kind].append(held)
        for (of, kind), held_parts in parts.items():
            before = self._retired.of.get(of)
            earlier = [] if before is None else [before[1]]
            self._retired.of[of] = kind, _together([*earlier, *held_parts])

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


def _together(parts: list[Distribution]) -> Distribution:
    """Several as one, the sum of their sums rounded once."""
    sums = [part.edges.total for part in parts]
    whole = parts[0].copy()
    for part in parts[1:]:
        whole.join(part.copy())
    known = [of for of in sums if of is not None]
    whole.edges.total = float(total(known)) if len(known) == len(sums) else None
    return whole
