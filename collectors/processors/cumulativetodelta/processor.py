"""The processor: each total becomes what was added since the one before it.

A source that began again is not lost: what it counted since is put out. The books: a first
point that only says where counting stands becomes part of the next one (`aggregated`); what is
late, or beyond the limit, is dropped (`filtered`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import pack, unpack
from collectors.processors.cumulativetodelta.config import CumulativeToDeltaConfig
from collectors.series.counts import Counts
from collectors.series.kept import Kept, decoded, filled
from collectors.series.rewriting import rewritten
from collectors.series.senders import PerSender
from collectors.series.streams import Streams
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns, read
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
from collectors.wire.scan import locate

Mask = NDArray[np.bool_]


class CumulativeToDelta:
    """Converts the points of one sender."""

    def __init__(self, config: CumulativeToDeltaConfig, counts: Counts) -> None:
        self._config = config
        self._counts = counts
        self._streams = Streams(config.max_streams, config.max_staleness)
        self._kept = Kept()
        self._began_ns: int | None = None

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out `batch` with its totals converted."""
        columns = read(locate(Signal.METRICS, batch.payload, batch.items))
        if self._began_ns is None:
            self._began_ns = batch.wall_ns
        wanted = self._wanted(columns)
        if not bool(wanted.any()):
            out(batch)
            return
        if self._streams.is_due(batch.steady_ns):
            stale = self._streams.stale(batch.steady_ns)
            self._kept.rename(self._streams.sweep(~stale, batch.steady_ns))
        row: Longs = np.full(len(columns), -1, np.int64)
        row[wanted] = self._streams.rows(columns.point_id[wanted], batch.steady_ns)
        verdict, _, step = self._streams.follow(row, columns.rows, batch.steady_ns)
        self._counts.of(verdict)
        begins = (verdict == FIRST) & self._shown(columns, batch.wall_ns)
        kept = ~wanted | begins | np.isin(verdict, (NEXT, RESET, EMPTY))
        histograms, strange = self._histograms(columns, row, verdict, step, kept)
        kept &= ~strange
        self._book(wanted, row, verdict, strange, kept)
        if not bool(kept.any()):
            return
        value: Words = np.column_stack(
            (step[:, 0], columns.word[:, 1], step[:, 1], columns.mark[:, 3])
        ).astype(np.uint64)
        sums = wanted & (columns.mark[:, 0] == SUM) & (verdict != EMPTY)
        payload = rewritten(columns, sums, value, histograms, kept, wanted, DELTA)
        out(dataclasses.replace(batch, payload=payload, items=int(kept.sum())))

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Never asked for."""

    def next_deadline(self) -> int | None:
        """Nothing waits."""
        return None

    def held_items(self) -> int:
        """Nothing is held."""
        return 0

    def snapshot(self) -> bytes:
        """The newest point of each series, and when all began."""
        began = -1 if self._began_ns is None else self._began_ns
        return pack(
            {
                "began": began.to_bytes(8, "big", signed=True),
                "streams": self._streams.snapshot(),
                "kept": self._kept.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        began = int.from_bytes(parts["began"], "big", signed=True)
        self._began_ns = None if began < 0 else began
        self._streams.restore(parts["streams"])
        self._kept.restore(parts["kept"])

    def begin_again(self) -> None:
        """Deltas have no past to prove."""

    def _wanted(self, columns: Columns) -> Mask:
        kind, temporality, monotonic = columns.mark[:, 0], columns.mark[:, 1], columns.mark[:, 2]
        wanted: Mask = (temporality == CUMULATIVE) & ((kind != SUM) | (monotonic > 0))
        wanted &= self._config.selected(columns)
        return wanted

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
        self, columns: Columns, row: Longs, verdict: Octets, step: Words, kept: Mask
    ) -> tuple[dict[int, bytes], Mask]:
        """Points of histograms as deltas, and which have none since they fit to nothing."""
        found: dict[int, bytes] = {}
        strange = np.zeros(len(columns), np.bool_)
        seen = (columns.mark[:, 0] != SUM) & np.isin(verdict, (FIRST, NEXT, RESET))
        for place in np.flatnonzero(seen).tolist():
            of, kind = int(row[place]), int(columns.mark[place, 0])
            (point, now), start = decoded(columns, place), int(step[place, 0])
            before = self._kept.of.get(of)
            if now is None:
                strange[place] = True
                continue
            self._kept.of[of] = kind, now
            since = now.copy()
            if verdict[place] == NEXT and before is not None:
                if not since.fits(before[1]):
                    strange[place] = True
                    continue
                if not since.take_out(before[1]):  # it fell in a bucket: the source began again
                    start = max(start, int(columns.word[place, 0]))
                    self._counts.treated("reset", 1)
            if kept[place]:
                times = start, int(columns.word[place, 1])
                found[place] = filled(point, since, times)
        return found, strange

    def _book(self, wanted: Mask, row: Longs, verdict: Octets, strange: Mask, kept: Mask) -> None:
        beyond = wanted & (row < 0)
        gone = int((beyond | strange | np.isin(verdict, (LATE, TWICE))).sum())
        self._counts.treated("overflow", int(beyond.sum()))
        self._counts.treated("other_buckets", int(strange.sum()))
        self._counts.book("filtered", gone)
        self._counts.book("aggregated", len(row) - int(kept.sum()) - gone)


def _create(config: CumulativeToDeltaConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)

    def make(sender: Context) -> CumulativeToDelta:
        del sender
        return CumulativeToDelta(config, counts)

    return PerSender(make, counts)


FACTORY = ProcessorFactory(
    config=CumulativeToDeltaConfig, create=_create, signals=frozenset({Signal.METRICS})
)
