"""The sums of one sender: series that differ in what is dropped become one.

A total is never summed as it is: what each series added since its last point is. So one that
begins, begins again or ends makes the sum neither jump nor fall. The books: every point that is
taken becomes part of another (`aggregated`), and what is put out is `made`.
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, Emit, Signal
from collectors.graph import pack, unpack
from collectors.series.arena import MAX_POINT_BYTES
from collectors.series.counts import Counts
from collectors.series.streams import Streams
from collectors.series.summing.forgotten import Forgotten
from collectors.series.summing.groups import Groups
from collectors.series.summing.histograms import Histograms
from collectors.series.summing.numbers import Numbers
from collectors.series.summing.rule import Rule
from collectors.wire.kernel import Longs
from collectors.wire.points import Columns, Keys
from collectors.wire.points_kernel import (
    DELTA,
    EMPTY,
    EXPONENTIAL,
    FIRST,
    GAUGE,
    HISTOGRAM,
    SUM,
)

Mask = NDArray[np.bool_]


def addable(columns: Columns) -> Mask:
    """Which points can become part of others, by their kind and size."""
    kind, temporality = columns.mark[:, 0], columns.mark[:, 1]
    found: Mask = (kind == GAUGE) | (
        np.isin(kind, (SUM, HISTOGRAM, EXPONENTIAL)) & (temporality > 0)
    )
    found &= columns.at[:, 2] - columns.at[:, 0] <= MAX_POINT_BYTES
    return found


class Summing:
    """Adds up series."""

    def __init__(self, rule: Rule, counts: Counts, sender: Context) -> None:
        self._rule = rule
        self._counts = counts
        self._sender = sender
        self._series = Streams(rule.max_streams, rule.max_stale_ns)
        self._groups = Groups(rule)
        self._numbers = Numbers(rule)
        self._histograms = Histograms()
        self._forgotten = Forgotten(rule.max_streams)
        self._began_ns: int | None = None
        self._due_ns: int | None = None
        self._wall_less_steady_ns = 0

    def begin(self, wall_ns: int) -> None:
        """Telemetry was seen: what counted before is no increase; only the first call counts."""
        if self._began_ns is None:
            self._began_ns = wall_ns

    def add(
        self, columns: Columns, reduced: Columns, keys: Keys, wanted: Mask, batch: Batch
    ) -> Mask:
        """Add points to what they become; which of them were taken.

        Args:
            columns: The points.
            reduced: The same points, identified by what stays.
            keys: Attributes of points that stay.
            wanted: Which of them; all of these are `addable`.
            batch: Where they come from.
        """
        self.begin(batch.wall_ns)
        if self._series.is_due(batch.steady_ns):
            self._sweep(batch.steady_ns)
        is_new = self._are_new(columns, batch.wall_ns)
        row = self._rows(columns, reduced, keys, wanted, is_new, batch.steady_ns)
        row[self._join(columns, row, is_new, batch.steady_ns)] = -1
        taken: Mask = row >= 0
        self._counts.book("aggregated", int(taken.sum()))
        self._wall_less_steady_ns = batch.wall_ns - batch.steady_ns
        if self._due_ns is None and bool(taken.any()):
            self._due_ns = batch.steady_ns + self._rule.interval_ns
        return taken

    def _are_new(self, columns: Columns, wall_ns: int) -> Mask:
        """Which points count in full, should they be the first of their series.

        What was there before the first look cannot be told from what was counted already;
        likewise what a series counted that was followed once.
        """
        start = columns.word[:, 0]
        began = max(self._began_ns or 0, 1)
        recent = max(began, wall_ns - self._rule.max_stale_ns)
        found: Mask = start >= np.uint64(recent)
        older = np.flatnonzero((start >= np.uint64(began)) & ~found)
        if len(older):
            identity = columns.point_id[older]
            unknown = self._series.find(identity) < 0
            found[older] = unknown & self._forgotten.are_new(identity, start[older])
        return found

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put out every series of the result that something was added to."""
        wall_ns = steady_ns + self._wall_less_steady_ns
        due_ns = steady_ns if self._due_ns is None else self._due_ns
        numbers = self._numbers.values(self._series, self._groups, due_ns)
        histograms = self._histograms.values(self._series, self._groups)
        for payload, points in self._groups.requests(numbers, histograms, wall_ns):
            self._counts.book("made", points)
            out(Batch(Signal.METRICS, payload, points, self._sender, steady_ns, wall_ns))
        self._due_ns = None

    def next_deadline(self) -> int | None:
        """The end of the interval; None while nothing was added."""
        return self._due_ns

    def snapshot(self) -> bytes:
        """Every series, what it added, and what it is added to."""
        words = [self._began_ns, self._due_ns, self._wall_less_steady_ns]
        return pack(
            {
                "words": json.dumps(words).encode(),
                "series": self._series.snapshot(),
                "groups": self._groups.snapshot(),
                "histograms": self._histograms.snapshot(),
                "forgotten": self._forgotten.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._began_ns, self._due_ns, self._wall_less_steady_ns = json.loads(parts["words"])
        self._series.restore(parts["series"])
        self._groups.restore(parts["groups"])
        self._histograms.restore(parts["histograms"])
        if "forgotten" in parts:  # states of before did not have it
            self._forgotten.restore(parts["forgotten"])

    def begin_again(self) -> None:
        """Every total to zero; where each series stands is found out anew."""
        self._series.clear()
        self._groups.clear()
        self._histograms.clear()
        self._forgotten.clear()
        self._began_ns = self._due_ns = None

    def _rows(
        self,
        columns: Columns,
        reduced: Columns,
        keys: Keys,
        wanted: Mask,
        is_new: Mask,
        steady_ns: int,
    ) -> Longs:
        """The series of each point; -1 where it is not wanted or there is no room."""
        row: Longs = np.full(len(columns), -1, np.int64)
        which = np.flatnonzero(wanted)
        start, time = columns.word[which, 0], columns.word[which, 1]
        knows = (is_new[which] | (columns.mark[which, 1] == DELTA)) & (start > 0)
        starts = np.where(knows, start, time)
        group = self._groups.rows(reduced.take(which), keys, starts, steady_ns)
        has_room = group >= 0
        found = self._series.rows(columns.point_id[which[has_room]], steady_ns)
        self._series.group[found[found >= 0]] = group[has_room][found >= 0]
        row[which[has_room]] = found
        self._counts.treated("overflow", len(which) - int((row >= 0).sum()))
        return row

    def _join(self, columns: Columns, row: Longs, is_new: Mask, steady_ns: int) -> Mask:
        """Add what each series added; which points fit to nothing."""
        series, deltas = self._series, columns.mark[:, 1] == DELTA
        verdict, _, step = series.follow(np.where(deltas, -1, row), columns.rows, steady_ns)
        self._counts.of(verdict)
        step[(verdict == FIRST) & ~is_new, 1] = 0
        is_number = np.isin(columns.mark[:, 0], (GAUGE, SUM))
        self._numbers.add(series, columns, np.where(is_number, row, -1), verdict, step)
        ends = (verdict == EMPTY) & (columns.mark[:, 0] == GAUGE)
        series.type[row[ends]] = 0
        strange = self._histograms.add(
            series, columns, np.where(is_number, -1, row), verdict, is_new
        )
        self._counts.treated("other_buckets", int(strange.sum()))
        taken = (row >= 0) & ~strange
        series.seen_ns[row[taken & deltas]] = steady_ns
        self._groups.touch(series.group[row[taken]], steady_ns)
        return strange

    def _sweep(self, steady_ns: int) -> None:
        stale = self._series.stale(steady_ns)
        oldest_ns = steady_ns + self._wall_less_steady_ns - self._rule.max_stale_ns
        self._forgotten.add(self._series.known[: len(self._series)][stale], oldest_ns)
        self._numbers.retire(self._series, self._groups, np.flatnonzero(stale))
        self._histograms.retire(self._series, np.flatnonzero(stale))
        self._histograms.rename(self._series.sweep(~stale, steady_ns))
        renamed = self._groups.sweep(steady_ns)
        self._histograms.rename_groups(renamed)
        self._series.group = np.append(renamed, -1)[self._series.group]
