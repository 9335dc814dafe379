"""The processor: records that are alike wait for the end of the interval, as one.

The books: of the records that are taken the first of each kind waits, and the others are
`aggregated`. When a kind of record has no room, its records go through unchanged.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Final

import numpy as np

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import pack, unpack
from collectors.ottl import CONTEXTS, Conditions
from collectors.processors.logdedup.config import LogdedupConfig
from collectors.processors.logdedup.held import Held
from collectors.processors.logdedup.identities import Identities
from collectors.processors.logdedup.writing import FIRST, LAST, Suffixes
from collectors.series.counts import RECORDS_TREATED, Counts
from collectors.series.senders import PerSender
from collectors.wire.keep import keep
from collectors.wire.kernel import Longs
from collectors.wire.points import Keys
from collectors.wire.scan import Scan, locate

_CONTEXT: Final = "log_record"


class Logdedup:
    """Gathers the records of one sender."""

    def __init__(self, config: LogdedupConfig, counts: Counts, sender: Context) -> None:
        self._config = config
        self._counts = counts
        self._sender = sender
        self._conditions = Conditions(config.conditions, CONTEXTS[_CONTEXT])
        self._identities = Identities(config)
        self._suffixes = Suffixes(config.log_count_attribute, config.timezone)
        told = (config.log_count_attribute, FIRST, LAST)
        kept = Keys.without((*told, *self._identities.left_out))
        self._held = Held(config.max_records, config.max_bytes, kept)
        self._due_ns: int | None = None
        self._wall_less_steady_ns = 0

    def step(self, batch: Batch, out: Emit) -> None:
        """Take over what can wait, and put out the rest."""
        scanned = locate(Signal.LOGS, batch.payload, batch.items)
        wanted = self._wanted(scanned)
        before = len(self._held)
        row = np.empty(0, np.int64)
        if len(wanted):
            row = self._held.add(self._identities.of(scanned), wanted, batch.wall_ns)
        taken = wanted[row >= 0]
        self._counts.treated("overflow", len(wanted) - len(taken))
        self._counts.book("aggregated", len(taken) - (len(self._held) - before))
        if len(taken) < len(scanned.entries) or not len(taken):
            through = np.ones(len(scanned.entries), np.bool_)
            through[taken] = False
            left = int(through.sum())
            out(dataclasses.replace(batch, payload=keep(scanned, through), items=left))
        if len(taken) and self._due_ns is None:
            self._due_ns = batch.steady_ns + self._config.interval
        if len(taken):
            self._wall_less_steady_ns = batch.wall_ns - batch.steady_ns

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put out what waits."""
        wall_ns = max(steady_ns + self._wall_less_steady_ns, 0)
        for payload, records in self._held.requests(wall_ns, self._suffixes):
            out(Batch(Signal.LOGS, payload, records, self._sender, steady_ns, wall_ns))
        self._held.clear()
        self._due_ns = None

    def next_deadline(self) -> int | None:
        """The end of the interval; None while nothing waits."""
        return self._due_ns

    def held_items(self) -> int:
        """Distinct records that wait."""
        return len(self._held)

    def snapshot(self) -> bytes:
        """What waits, and the times."""
        words = json.dumps([self._due_ns, self._wall_less_steady_ns]).encode()
        return pack({"words": words, "held": self._held.snapshot()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._due_ns, self._wall_less_steady_ns = json.loads(parts["words"])
        self._held.restore(parts["held"])

    def begin_again(self) -> None:
        """Nothing is counted here over more than an interval."""

    def _wanted(self, scanned: Scan) -> Longs:
        """Records that are to be gathered."""
        if not self._conditions:
            return np.arange(len(scanned.entries))
        wanted: Longs = np.flatnonzero(self._conditions(self._conditions.rows(scanned)))
        return wanted


def _create(config: LogdedupConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id, RECORDS_TREATED)
    return PerSender(
        lambda sender: Logdedup(config, counts, sender),
        counts,
        config.metadata_keys,
        config.metadata_cardinality_limit,
    )


FACTORY = ProcessorFactory(config=LogdedupConfig, create=_create, signals=frozenset({Signal.LOGS}))
