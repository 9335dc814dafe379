"""The processor: series that differ in dropped labels alone become one."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.processors.aggregate.config import AggregateConfig
from collectors.series.counts import Counts
from collectors.series.senders import PerSender
from collectors.series.summing import Rule, Summing, addable
from collectors.wire.kernel import Octets
from collectors.wire.points import read, rebuild
from collectors.wire.scan import locate

_NOTHING: Final[Octets] = np.empty(0, np.uint8)


class Aggregate:
    """Adds up the series of one sender that are meant, and lets the others through."""

    def __init__(self, config: AggregateConfig, counts: Counts, sender: Context) -> None:
        self._config = config
        self._sums = Summing(
            Rule(
                resources=config.resources,
                gauges=config.gauges,
                interval_ns=config.interval,
                gauge_lookback_ns=config.gauge_lookback,
                max_stale_ns=config.max_stale,
                max_streams=config.max_streams,
            ),
            counts,
            sender,
        )

    def step(self, batch: Batch, out: Emit) -> None:
        """Take over what is to be aggregated, and put out the rest."""
        scanned = locate(Signal.METRICS, batch.payload, batch.items)
        columns = read(scanned)
        self._sums.begin(batch.wall_ns)
        wanted = addable(columns) & self._config.selected(columns)
        if not bool(wanted.any()):
            out(batch)
            return
        keys = self._config.points
        reduced = read(scanned, self._config.resources, keys)
        through = ~self._sums.add(columns, reduced, keys, wanted, batch)
        if bool(through.any()):
            points = np.column_stack((columns.spots, columns.at[:, 3]))[through]
            payload = rebuild(columns, _NOTHING, points, np.zeros(len(columns.data), np.uint8))
            out(dataclasses.replace(batch, payload=payload, items=len(points)))

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put out every aggregated series that something was added to."""
        self._sums.tick(steady_ns, out)

    def next_deadline(self) -> int | None:
        """The end of the interval; None while nothing was added."""
        return self._sums.next_deadline()

    def held_items(self) -> int:
        """Points become part of others at once."""
        return 0

    def snapshot(self) -> bytes:
        """Every series, what it added, and what it is added to."""
        return self._sums.snapshot()

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        self._sums.restore(state)

    def begin_again(self) -> None:
        """Every total to zero; where each series stands is found out anew."""
        self._sums.begin_again()


def _create(config: AggregateConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)
    return PerSender(lambda sender: Aggregate(config, counts, sender), counts)


FACTORY = ProcessorFactory(
    config=AggregateConfig, create=_create, signals=frozenset({Signal.METRICS})
)
