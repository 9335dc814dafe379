"""The processor: what comes in goes out unchanged, and is counted on the way.

The totals are state of the graph: after a restart they are what the whole inbox makes
them, neither more nor less, and are shown as the daemon's own metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from collectors.component import Batch, Emit, ProcessorFactory, Settings, Signal
from collectors.processors.sli.config import SliConfig
from collectors.processors.sli.counting import Counter
from collectors.processors.sli.tally import Tally, Total
from collectors.stateless import Stateless
from slo.names import SLI_EVENTS


class SliProcessor(Stateless):
    """Counts the events of its SLOs on every span that passes."""

    def __init__(self, config: SliConfig, settings: Settings) -> None:
        self._counter = Counter(config.slos)
        self._tally = Tally(config.slos)
        self._meter = settings.meter
        self._show(self._tally.totals())

    def step(self, batch: Batch, out: Emit) -> None:
        """Count `batch` and put it out as it came."""
        self._show(self._tally.add(self._counter.count(batch.payload, batch.items)))
        out(batch)

    def snapshot(self) -> bytes:
        """The totals."""
        return self._tally.encode()

    def restore(self, state: bytes) -> None:
        """Continue from totals.

        Label sets of a step that is undone are told at zero: they come again.
        """
        undone = [replace(each, value=0) for each in self._tally.totals()]
        self._tally.decode(state)
        self._show((*undone, *self._tally.totals()))

    def begin_again(self) -> None:
        """See `Cumulative.begin_again`."""
        self._tally.begin_again()
        self._show(self._tally.totals())

    def _show(self, totals: Iterable[Total]) -> None:
        for each in totals:
            self._meter.set(
                SLI_EVENTS, each.value, slo_id=each.slo, outcome=each.outcome, **each.labels
            )


FACTORY = ProcessorFactory(
    config=SliConfig,
    create=SliProcessor,
    signals=frozenset({Signal.TRACES}),
    counts=SliConfig.counted,
)
