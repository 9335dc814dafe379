"""The processor: decides on all items of a request at once, copies what is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import ITEMS
from collectors.processors.probabilistic_sampler.config import SamplerConfig
from collectors.processors.probabilistic_sampler.deciding import Decider
from collectors.processors.probabilistic_sampler.records import RecordCarriers
from collectors.processors.probabilistic_sampler.spans import SpanCarriers
from collectors.stateless import Stateless
from collectors.wire.keep import keep
from collectors.wire.scan import Scan, locate


class ProbabilisticSampler(Stateless):
    """Keeps a share of what passes; what it drops is counted as sampled out."""

    def __init__(self, config: SamplerConfig, settings: Settings) -> None:
        self._config = config
        self._meter = settings.meter
        self._modes = {signal: config.chosen_mode(signal) for signal in Signal}
        self._deciders = {signal: Decider(config, mode) for signal, mode in self._modes.items()}

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out what is kept of `batch`, each item with its threshold."""
        scanned = locate(batch.signal, batch.payload, batch.items)
        if batch.signal is Signal.TRACES:
            kept, edited = self._spans(scanned)
        else:
            kept, edited = self._records(scanned)
        survivors = int(np.count_nonzero(kept))
        payload = keep(scanned, kept, edited)
        if survivors < batch.items:
            self._meter.add(ITEMS, batch.items - survivors, outcome="sampled_out")
        if survivors or not batch.items:
            out(dataclasses.replace(batch, payload=payload, items=survivors))

    def _spans(self, scanned: Scan) -> tuple[NDArray[np.bool_], Mapping[int, bytes]]:
        carriers = SpanCarriers(scanned, self._modes[Signal.TRACES], self._config.hash_seed)
        decided = self._deciders[Signal.TRACES].decide(carriers.arriving, *carriers.priorities())
        return decided.kept, carriers.edited(decided)

    def _records(self, scanned: Scan) -> tuple[NDArray[np.bool_], Mapping[int, bytes]]:
        carriers = RecordCarriers(scanned, self._config, self._modes[Signal.LOGS])
        decided = self._deciders[Signal.LOGS].decide(carriers.arriving, None, carriers.priorities())
        return decided.kept, carriers.edited(decided)


FACTORY = ProcessorFactory(
    config=SamplerConfig,
    create=ProbabilisticSampler,
    signals=frozenset({Signal.TRACES, Signal.LOGS}),
    drops="all but a sample",
)
