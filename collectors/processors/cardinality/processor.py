"""The processor: series beyond the limits become part of series that stand for them.

What passes goes on at once, byte for byte. What does not is added up as `aggregate` does, so that
sums over all series are what they would be without limits.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import pack, unpack
from collectors.processors.cardinality.admission import NO_ROOM, PASS, Admission, reduced
from collectors.processors.cardinality.config import OVERFLOW, CardinalityConfig
from collectors.processors.cardinality.report import Report
from collectors.processors.cardinality.values import Mask
from collectors.series.counts import Counts
from collectors.series.senders import PerSender
from collectors.series.summing import Rule, Summing, addable
from collectors.wire.points import EVERY, Columns, read
from collectors.wire.scan import locate


class Cardinality:
    """Holds the series of one sender within the limits."""

    def __init__(
        self, config: CardinalityConfig, counts: Counts, report: Report, sender: Context
    ) -> None:
        self._counts = counts
        self._report = report
        self._admission = Admission(config)
        self._sums = Summing(
            Rule(
                gauges=config.gauges,
                interval_ns=config.interval,
                gauge_lookback_ns=config.gauge_lookback,
                max_stale_ns=config.max_stale,
                max_streams=config.max_streams,
                mark=OVERFLOW,
            ),
            counts,
            sender,
        )

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out what is within the limits, and add the rest up."""
        columns = read(locate(Signal.METRICS, batch.payload, batch.items))
        self._sums.begin(batch.wall_ns)
        ruling = self._admission.rule(columns, batch.steady_ns)
        passing = ruling == PASS
        if bool(passing.all()):
            out(batch)
        elif bool(passing.any()):
            left = reduced(columns, np.flatnonzero(passing), EVERY)
            out(dataclasses.replace(batch, payload=left.scanned.payload, items=len(left)))
        for of in np.unique(ruling[ruling > PASS]).tolist():
            self._add(columns, ruling == of, of, batch)
        self._leave_out("overflow", int((ruling == NO_ROOM).sum()))
        self._report.tell(self._admission, batch.steady_ns)

    def _add(self, columns: Columns, which: Mask, ruling: int, batch: Batch) -> None:
        keys = self._admission.keys(ruling)
        mine, places = columns.take(which), np.flatnonzero(which)
        becomes = reduced(columns, places, keys)
        taken = self._sums.add(mine, becomes, keys, addable(mine), batch)
        self._counts.treated("over_limit", int(taken.sum()))
        self._leave_out("not_addable", int((~taken).sum()))

    def _leave_out(self, reason: str, points: int) -> None:
        self._counts.treated(reason, points)
        self._counts.book("filtered", points)

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put out every series that stands for others and that something was added to."""
        self._sums.tick(steady_ns, out)

    def next_deadline(self) -> int | None:
        """The end of the interval; None while nothing was added."""
        return self._sums.next_deadline()

    def held_items(self) -> int:
        """Points become part of others at once."""
        return 0

    def snapshot(self) -> bytes:
        """Every series, what is ruled of it, and the sums."""
        return pack({"admission": self._admission.snapshot(), "sums": self._sums.snapshot()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._admission.restore(parts["admission"])
        self._sums.restore(parts["sums"])

    def begin_again(self) -> None:
        """Every sum to zero; what is ruled of a series stays."""
        self._sums.begin_again()


def _create(config: CardinalityConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)

    def make(sender: Context) -> Cardinality:
        report = Report(settings.meter, settings.component_id, sender.tenant, config.interval)
        return Cardinality(config, counts, report, sender)

    return PerSender(make, counts)


FACTORY = ProcessorFactory(
    config=CardinalityConfig, create=_create, signals=frozenset({Signal.METRICS})
)
