"""The processor: each delta becomes the total since its series began here.

The books: what is late, senseless, or beyond the limit, is dropped (`filtered`); a delta that
comes late cannot be told from one that comes twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, ProcessorFactory, Settings, Signal
from collectors.processors.deltatocumulative.config import DeltaToCumulativeConfig
from collectors.series.converting import Converted, Converting, Followed, histograms_of
from collectors.series.counts import Counts
from collectors.series.kept import run_up
from collectors.series.rewriting import Histograms
from collectors.series.senders import PerSender
from collectors.series.streams import Streams
from collectors.series.table import latest, newest, prior
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns
from collectors.wire.points_kernel import CUMULATIVE, DELTA, EMPTY, FIRST, NEXT, RESET, SUM

Mask = NDArray[np.bool_]


class ToCumulative:
    """All that is remembered is in the series."""

    temporality = CUMULATIVE

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def wanted(self, columns: Columns, batch: Batch) -> Mask:
        """Every delta."""
        del batch
        wanted: Mask = columns.mark[:, 1] == DELTA
        return wanted

    def convert(
        self, series: Followed, columns: Columns, wanted: Mask, row: Longs, batch: Batch
    ) -> Converted:
        """See `Conversion.convert`."""
        sums = wanted & (columns.mark[:, 0] == SUM)
        verdict, value = series.streams.accumulate(
            np.where(sums, row, -1), columns.rows, batch.steady_ns,
            in_order=True,
        )  # fmt: skip
        others = wanted & ~sums & (row >= 0)
        histograms = _histograms(series, columns, row, others, verdict, batch.steady_ns)
        kept = ~wanted | np.isin(verdict, (FIRST, NEXT, RESET, EMPTY))
        self._book(wanted, row, verdict, kept)
        return Converted(sums & (verdict != EMPTY), value, histograms, kept)

    def begin_again(self, series: Followed) -> None:
        """Every total to zero, with the next point's start."""
        series.clear()

    def snapshot(self) -> bytes:
        """Nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Nothing."""

    def _book(self, wanted: Mask, row: Longs, verdict: Octets, kept: Mask) -> None:
        self._counts.of(verdict)
        beyond = wanted & (row < 0)
        self._counts.treated("overflow", int(beyond.sum()))
        self._counts.treated("unreadable", int((wanted & (row >= 0) & (verdict == 0)).sum()))
        self._counts.book("filtered", len(row) - int(kept.sum()))


def _histograms(
    series: Followed, columns: Columns, row: Longs, which: Mask, verdict: Octets, steady_ns: int
) -> Histograms:
    """Add histograms up, in order: the totals as points; fills in their verdicts."""
    made, streams = Histograms(), series.streams
    for places, counted in histograms_of(columns, which):
        of = row[places]
        last = streams.state[of, 1].copy()
        found, value = streams.accumulate(
            np.where(counted.sensible, of, -1), columns.take(places).rows, steady_ns,
            in_order=True,
        )  # fmt: skip
        new = np.flatnonzero(np.isin(found, (FIRST, NEXT)))
        unfit = run_up(series.kept, of[new], counted, new, found[new] == FIRST)
        found[new[unfit]] = RESET
        verdict[places] = found
        if bool(unfit.any()):
            _begin_anew(streams, of[new], columns.word[places[new]], last[new], unfit, value, new)
        ends = newest(prior(of[new]))
        series.kept.copy(of[new[ends]], counted, new[ends])
        made.write(columns, places[new], counted, new, value[new, :2])
    return made


def _begin_anew(
    streams: Streams,
    row: Longs,
    word: Words,
    last: Words,
    unfit: Mask,
    value: Words,
    which: Longs,
) -> None:
    """Other buckets: a new total begins where the old one ends.

    Args:
        streams: Their starts are set.
        row: Row of each point.
        word: Start and time of each.
        last: Time of the newest point of each row before all of these.
        unfit: Which of them begin a new total.
        value: Becomes the start of each, at `which`.
        which: See there.
    """
    before = prior(row)
    ended = np.where(before >= 0, word[before, 1], last)
    run = latest(row, unfit)
    inside = run >= 0
    value[which[inside], 0] = np.maximum(word[:, 0], ended)[run[inside]]
    streams.state[row[inside], 0] = value[which[inside], 0]


def _create(config: DeltaToCumulativeConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)

    def make(sender: Context) -> Converting:
        del sender
        return Converting(ToCumulative(counts), Followed(config.max_streams, config.max_stale))

    return PerSender(make, counts)


FACTORY = ProcessorFactory(
    config=DeltaToCumulativeConfig, create=_create, signals=frozenset({Signal.METRICS})
)
