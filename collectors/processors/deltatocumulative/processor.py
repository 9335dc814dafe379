"""The processor: each delta becomes the total since its series began here.

The books: what is late, senseless, or beyond the limit, is dropped (`filtered`); a delta that
comes late cannot be told from one that comes twice.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import pack, unpack
from collectors.processors.deltatocumulative.config import DeltaToCumulativeConfig
from collectors.series.counts import Counts
from collectors.series.kept import Kept, decoded, filled
from collectors.series.rewriting import rewritten
from collectors.series.senders import PerSender
from collectors.series.streams import Streams
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import Columns, read
from collectors.wire.points_kernel import (
    COUNT,
    CUMULATIVE,
    DELTA,
    EMPTY,
    FIRST,
    LATE,
    NEXT,
    NO_VALUE,
    RESET,
    SUM,
    TWICE,
)
from collectors.wire.scan import locate

Mask = NDArray[np.bool_]


class DeltaToCumulative:
    """Converts the points of one sender."""

    def __init__(self, config: DeltaToCumulativeConfig, counts: Counts) -> None:
        self._counts = counts
        self._streams = Streams(config.max_streams, config.max_stale)
        self._kept = Kept()

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out `batch` with its deltas added up."""
        columns = read(locate(Signal.METRICS, batch.payload, batch.items))
        wanted: Mask = columns.mark[:, 1] == DELTA
        if not bool(wanted.any()):
            out(batch)
            return
        if self._streams.is_due(batch.steady_ns):
            stale = self._streams.stale(batch.steady_ns)
            self._kept.rename(self._streams.sweep(~stale, batch.steady_ns))
        row: Longs = np.full(len(columns), -1, np.int64)
        row[wanted] = self._streams.rows(columns.point_id[wanted], batch.steady_ns)
        sums = wanted & (columns.mark[:, 0] == SUM)
        verdict, value = self._streams.accumulate(
            np.where(sums, row, -1), columns.rows, batch.steady_ns,
            in_order=True,
        )  # fmt: skip
        others = wanted & ~sums & (row >= 0)
        histograms = self._histograms(columns, row, others, verdict, batch.steady_ns)
        kept = ~wanted | np.isin(verdict, (FIRST, NEXT, RESET, EMPTY))
        self._book(wanted, row, verdict, kept)
        if not bool(kept.any()):
            return
        changed = sums & (verdict != EMPTY)
        payload = rewritten(columns, changed, value, histograms, kept, wanted, CUMULATIVE)
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
        """The total of each series."""
        return pack({"streams": self._streams.snapshot(), "kept": self._kept.snapshot()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._streams.restore(parts["streams"])
        self._kept.restore(parts["kept"])

    def begin_again(self) -> None:
        """Every total to zero, with the next point's start."""
        self._streams.clear()
        self._kept.clear()

    def _histograms(
        self, columns: Columns, row: Longs, which: Mask, verdict: Octets, steady_ns: int
    ) -> dict[int, bytes]:
        """Add histograms up, in order: the totals as points; fills in their verdicts."""
        found: dict[int, bytes] = {}
        streams = self._streams
        for place in np.flatnonzero(which).tolist():
            of, kind, (point, now) = (
                int(row[place]),
                int(columns.mark[place, 0]),
                decoded(columns, place),
            )
            start, time, _ = columns.word[place].tolist()
            is_first, last = streams.type[of] == 0, int(streams.state[of, 1])
            if now is None:
                continue
            if columns.at[place, 6] & NO_VALUE:
                verdict[place] = EMPTY
                continue
            if not is_first and time <= last:
                verdict[place] = TWICE if time == last else LATE
                continue
            verdict[place] = FIRST if is_first else NEXT
            if is_first or of not in self._kept.of or not self._kept.of[of][1].join(now):
                if not is_first:  # other buckets: a new total begins where the old one ends
                    verdict[place], start = RESET, max(start, last)
                self._kept.of[of] = kind, now
                streams.state[of, 0] = start or time
            streams.state[of, 1], streams.type[of], streams.seen_ns[of] = time, COUNT, steady_ns
            begun = int(streams.state[of, 0])
            found[place] = filled(point, self._kept.of[of][1], (begun, time))
        return found

    def _book(self, wanted: Mask, row: Longs, verdict: Octets, kept: Mask) -> None:
        self._counts.of(verdict)
        beyond = wanted & (row < 0)
        self._counts.treated("overflow", int(beyond.sum()))
        self._counts.treated("unreadable", int((wanted & (row >= 0) & (verdict == 0)).sum()))
        self._counts.book("filtered", len(row) - int(kept.sum()))


def _create(config: DeltaToCumulativeConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)

    def make(sender: Context) -> DeltaToCumulative:
        del sender
        return DeltaToCumulative(config, counts)

    return PerSender(make, counts)


FACTORY = ProcessorFactory(
    config=DeltaToCumulativeConfig, create=_create, signals=frozenset({Signal.METRICS})
)
