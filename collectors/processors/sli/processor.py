"""The processor: what comes in goes out unchanged, and is counted on the way.

The totals are state of the graph: after a restart they are what the whole inbox makes
them, neither more nor less, and are shown as the daemon's own metric.
"""

from __future__ import annotations

from collectors.component import Batch, Emit, ProcessorFactory, Settings, Signal
from collectors.processors.sli.config import SliConfig
from collectors.processors.sli.counting import Counter
from collectors.processors.sli.tally import Tally
from collectors.stateless import Stateless
from slo.names import SLI_EVENTS


class SliProcessor(Stateless):
    """Counts the events of its SLOs on every span that passes."""

    def __init__(self, config: SliConfig, settings: Settings) -> None:
        self._counter = Counter(config.slos)
        self._tally = Tally(tuple(config.slos))
        self._meter = settings.meter
        self._show()

    def step(self, batch: Batch, out: Emit) -> None:
        """Count `batch` and put it out as it came."""
        counts = self._counter.count(batch.payload, batch.items)
        if counts.any():
            self._tally.add(counts)
            self._show()
        out(batch)

    def snapshot(self) -> bytes:
        """The totals."""
        return self._tally.encode()

    def restore(self, state: bytes) -> None:
        """Continue from totals."""
        self._tally.decode(state)
        self._show()

    def begin_again(self) -> None:
        """See `Cumulative.begin_again`."""
        self._tally.begin_again()
        self._show()

    def _show(self) -> None:
        for slo, outcome, total in self._tally.totals():
            self._meter.set(SLI_EVENTS, total, slo_id=slo, outcome=outcome)


FACTORY = ProcessorFactory(
    config=SliConfig,
    create=SliProcessor,
    signals=frozenset({Signal.TRACES}),
    counts=SliConfig.counted,
)
