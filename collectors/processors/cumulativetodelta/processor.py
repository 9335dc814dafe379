"""The processor: each total becomes what was added since the one before it.

A source that began again is not lost: what it counted since is put out. The books: a first
point that only says where counting stands becomes part of the next one (`aggregated`); what is
late, or beyond the limit, is dropped (`filtered`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, ProcessorFactory, Settings, Signal
from collectors.processors.cumulativetodelta.config import CumulativeToDeltaConfig
from collectors.series.converting import Converted, Converting, Followed, histograms_of
from collectors.series.counts import Counts
from collectors.series.kept import Kept, run_down
from collectors.series.rewriting import Histograms
from collectors.series.senders import PerSender
from collectors.wire.histograms_kernel import FELL, UNFIT
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns
from collectors.wire.points_kernel import (
    CUMULATIVE,
    DELTA,
    EMPTY,
    FIRST,
    LATE,
    NEXT,
    RESET,
    SUM,
    TWICE,
)

Mask = NDArray[np.bool_]


class ToDelta:
    """Knows which first points are shown; all else is in the series."""

    temporality = DELTA

    def __init__(self, config: CumulativeToDeltaConfig, counts: Counts) -> None:
        self._config = config
        self._counts = counts
        self._began_ns: int | None = None

    def wanted(self, columns: Columns, batch: Batch) -> Mask:
        """Totals that are meant."""
        if self._began_ns is None:
            self._began_ns = batch.wall_ns
        kind, temporality, monotonic = columns.mark[:, 0], columns.mark[:, 1], columns.mark[:, 2]
        wanted: Mask = (temporality == CUMULATIVE) & ((kind != SUM) | (monotonic > 0))
        wanted &= self._config.selected(columns)
        return wanted

    def convert(
        self, series: Followed, columns: Columns, wanted: Mask, row: Longs, batch: Batch
    ) -> Converted:
        """See `Conversion.convert`."""
        verdict, _, step = series.streams.follow(row, columns.rows, batch.steady_ns)
        self._counts.of(verdict)
        begins = (verdict == FIRST) & self._shown(columns, batch.wall_ns)
        kept = ~wanted | begins | np.isin(verdict, (NEXT, RESET, EMPTY))
        histograms, strange = self._histograms(series.kept, columns, row, verdict, step, kept)
        kept &= ~strange
        self._book(wanted, row, verdict, strange, kept)
        value: Words = np.column_stack(
            (step[:, 0], columns.word[:, 1], step[:, 1], columns.mark[:, 3])
        ).astype(np.uint64)
        sums = wanted & (columns.mark[:, 0] == SUM) & (verdict != EMPTY)
        return Converted(sums, value, histograms, kept)

    def begin_again(self, series: Followed) -> None:
        """Deltas have no past to prove."""

    def snapshot(self) -> bytes:
        """When all began."""
        began = -1 if self._began_ns is None else self._began_ns
        return began.to_bytes(8, "big", signed=True)

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        began = int.from_bytes(state, "big", signed=True)
        self._began_ns = None if began < 0 else began

    def _shown(self, columns: Columns, wall_ns: int) -> Mask:
        """Which first points are put out."""
        start, time = columns.word[:, 0], columns.word[:, 1]
        if self._config.initial_value != "auto":
            return np.full(len(columns), self._config.initial_value == "keep", np.bool_)
        # A source that is older than what is forgotten may have been seen before.
        horizon = wall_ns - self._config.max_staleness if self._config.max_staleness else 0
        oldest = max(self._began_ns or 0, horizon, 1)
        shown: Mask = (start >= np.uint64(oldest)) & (start != time)
        return shown

    def _histograms(
        self, known: Kept, columns: Columns, row: Longs, verdict: Octets, step: Words, kept: Mask
    ) -> tuple[Histograms, Mask]:
        """Points of histograms as deltas, and which have none since they fit to nothing."""
        made = Histograms()
        strange = np.zeros(len(columns), np.bool_)
        seen = (columns.mark[:, 0] != SUM) & np.isin(verdict, (FIRST, NEXT, RESET))
        for places, counted in histograms_of(columns, seen):
            which = np.flatnonzero(counted.sensible)
            since = counted.clone()
            goes_on = verdict[places[which]] == NEXT
            outcome = run_down(known, row[places[which]], counted, since, which, goes_on)
            strange[places] = True
            strange[places[which]] = outcome == UNFIT
            # It fell in a bucket: the source began again.
            fell = places[which[outcome == FELL]]
            step[fell, 0] = np.maximum(step[fell, 0], columns.word[fell, 0])
            self._counts.treated("reset", len(fell))
            which = which[kept[places[which]] & (outcome != UNFIT)]
            shown = places[which]
            times = np.column_stack((step[shown, 0], columns.word[shown, 1]))
            made.write(columns, shown, since, which, times)
        return made, strange

    def _book(self, wanted: Mask, row: Longs, verdict: Octets, strange: Mask, kept: Mask) -> None:
        beyond = wanted & (row < 0)
        gone = int((beyond | strange | np.isin(verdict, (LATE, TWICE))).sum())
        self._counts.treated("overflow", int(beyond.sum()))
        self._counts.treated("other_buckets", int(strange.sum()))
        self._counts.book("filtered", gone)
        self._counts.book("aggregated", len(row) - int(kept.sum()) - gone)


def _create(config: CumulativeToDeltaConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)

    def make(sender: Context) -> Converting:
        del sender
        series = Followed(config.max_streams, config.max_staleness)
        return Converting(ToDelta(config, counts), series)

    return PerSender(make, counts)


FACTORY = ProcessorFactory(
    config=CumulativeToDeltaConfig, create=_create, signals=frozenset({Signal.METRICS})
)
