"""Sums and gauges: what each series added, and what that makes together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collectors.series.streams import Streams
from collectors.series.summing.groups import ADDED, LAST, LEVEL, TOTAL, Groups
from collectors.series.summing.rule import Rule
from collectors.series.summing.totals import (
    FUNCTIONS,
    Value,
    by_group,
    encoded,
    newest,
    total,
    values,
)
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import POINTS, Columns
from collectors.wire.points_kernel import DELTA, FIRST, NEXT, RESET, SUM


class Numbers:
    """Knows the function of gauges; all state is in the series and groups."""

    def __init__(self, rule: Rule) -> None:
        self._gauges = rule.gauges
        self._lookback_ns = rule.gauge_lookback_ns

    def add(
        self, series: Streams, columns: Columns, row: Longs, verdict: Octets, step: Words
    ) -> None:
        """Add what each point added to its series' own total.

        Args:
            series: The series; gauges, and sums that also fall, are in their `state` already.
            columns: The points.
            row: Series of each, -1 for those that are no numbers.
            verdict: As `follow` has it.
            step: Likewise.
        """
        is_sum = columns.mark[:, 0] == SUM
        deltas = is_sum & (columns.mark[:, 1] == DELTA)
        grows = is_sum & (columns.mark[:, 2] > 0) & np.isin(verdict, (FIRST, NEXT, RESET))
        word = columns.word.copy()
        word[~deltas, 2] = step[~deltas, 1]
        room = np.zeros(len(row), np.uint8), np.zeros((len(row), 4), np.uint64)
        POINTS.accumulate(
            np.where(deltas | grows, row, -1),
            (columns.at, word, columns.mark),
            False,  # noqa: FBT003 - both readers take it by place
            (series.total, series.total_type),
            room,
        )

    def values(self, series: Streams, groups: Groups, due_ns: int) -> list[tuple[int, Value]]:
        """What each group is that something was added to; deltas begin at zero again."""
        group, size = series.group, len(series)
        fresh = np.flatnonzero((group[:size] >= 0) & (groups.is_fresh(group[:size]) > 0))
        what = groups.what(group[fresh])
        found = [*self._added(series, groups, fresh[np.isin(what, (TOTAL, ADDED))])]
        live = (series.type[fresh] > 0) & (series.seen_ns[fresh] >= due_ns - self._lookback_ns)
        levels = fresh[live & np.isin(what, (LAST, LEVEL))]
        for of, rows in by_group(group, levels):
            parts = values(series.state[rows, 2], series.type[rows])
            if int(groups.what(np.array([of]))[0]) != LAST:
                found.append((of, total(parts)))
            elif self._gauges == "last":
                found.append((of, newest(parts, series.state[rows, 1].tolist())))
            else:
                found.append((of, FUNCTIONS[self._gauges](parts)))
        return sorted(found)

    def _added(
        self, series: Streams, groups: Groups, rows: NDArray[np.int64]
    ) -> list[tuple[int, Value]]:
        found: list[tuple[int, Value]] = []
        retired = groups.rows_of
        rows = rows[series.total_type[rows] > 0]
        for of, mine in by_group(series.group, rows):
            parts = values(series.total[mine, 2], series.total_type[mine])
            if retired.total_type[of]:
                parts += values(
                    retired.total[of : of + 1, 2].copy(), retired.total_type[of : of + 1]
                )
            value, before = total(parts), groups.newest(of)
            if int(retired.group[of]) == ADDED:
                retired.total_type[of] = 0
                series.total_type[mine] = 0
            elif before is not None and value < before:
                value = before  # rounding, where a series was retired, must not look like a reset
            found.append((of, value))
        return found

    def retire(self, series: Streams, groups: Groups, rows: NDArray[np.int64]) -> None:
        """Series go; what they added stays in their groups."""
        rows = rows[(series.total_type[rows] > 0) & (series.group[rows] >= 0)]
        into = groups.rows_of
        for of, mine in by_group(series.group, rows):
            parts = values(series.total[mine, 2], series.total_type[mine])
            if into.total_type[of]:
                parts += values(into.total[of : of + 1, 2].copy(), into.total_type[of : of + 1])
            into.total[of, 2], into.total_type[of] = encoded(total(parts))
