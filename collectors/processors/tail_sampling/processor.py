"""The processor: spans wait on disk, the index knows where, and whole traces are decided on.

Steps and ticks only say what happens in which order. What a span is comes from `arrival`,
which way it goes from `sorting`, what is decided from the plan, and what is put out from
`release`.
"""

from __future__ import annotations

import dataclasses
import logging
from hashlib import blake2b
from typing import Final

import numpy as np

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.net.peers import host_of
from collectors.processors.tail_sampling.arrival import Arrived, arrived
from collectors.processors.tail_sampling.config import SPAN_INGEST, TailSamplingConfig
from collectors.processors.tail_sampling.holding import Holding
from collectors.processors.tail_sampling.metrics import Counts
from collectors.processors.tail_sampling.past import Past
from collectors.processors.tail_sampling.release import Release
from collectors.processors.tail_sampling.sorting import Ways, sort
from collectors.processors.tail_sampling.watching import Watching
from collectors.sampling import counted
from collectors.sampling.index_kernel import NEVER
from collectors.sampling.index_parts import Spans
from collectors.sampling.notes import Cause, Header, encode
from collectors.sampling.plan import MOST_TOLD, NOBODY, Decisions, Facts
from collectors.sampling.restate import restate
from collectors.sampling.shadow import Asked, Shadow, Watch
from collectors.waiting import Pins, Shelf
from collectors.wire.keep import keep
from collectors.wire.kernel import Codes, Longs, Words

_log = logging.getLogger(__name__)

_COARSEST_NS: Final = 1_000_000_000
"""Decisions are made together once a second, as the Collector's are."""

_MOST_AT_ONCE: Final = 50_000
"""Traces that are decided on together: a million at a time would take as much memory again."""

_OVERSHOOT: Final = 1.25
"""Late spans of dropped traces may be so many more between two ticks: to look for the oldest
costs a look at all."""

_STEPS_PER_WAIT: Final = 30
"""Or finer than that, where the wait is short."""

_PLAN: Final = "plan"


class TailSampler:
    """Holds spans until their trace is due, then keeps or drops the trace as a whole."""

    def __init__(
        self,
        config: TailSamplingConfig,
        settings: Settings,
        shelf: Shelf,
        *,
        watch: Watch | None = None,
    ) -> None:
        """Hold nothing yet.

        Args:
            config: The policies, and how long to wait.
            settings: Its id and its meter.
            shelf: Where the spans stand.
            watch: Told of decisions, in place of the decision log.
        """
        self._config = config
        self._id = settings.component_id
        self._shelf = shelf
        self._plan = config.plan()
        shadow = config.shadow.plan() if config.shadow is not None else None
        self._shadow: Watching | None = None
        if shadow is not None:
            first = len(self._plan.extras)
            self._shadow = Watching(Shadow(shadow, first), config.decision_cache)
        besides = [self._shadow.beside] if self._shadow is not None else []
        self._asked = Asked(self._plan, [*besides, *([watch.beside] if watch is not None else [])])
        self._watch = watch
        self._past = Past(config.decision_cache)
        self._held = Holding(self._asked, shelf)
        drops = frozenset(policy.name for policy in config.policies if policy.type == "drop")
        self._drops = len(drops)
        self._counts = Counts(settings.meter, settings.component_id, drops)
        self._counts.appear(self._plan.names, has_shadow=self._shadow is not None)
        self._counts.totals(self._plan.totals())
        self._grain_ns = max(1, min(_COARSEST_NS, config.decision_wait // _STEPS_PER_WAIT))

    # ------------------------------------------------------------ arrival

    def step(self, batch: Batch, out: Emit) -> None:
        """Take spans in; put those out whose trace was kept before."""
        seed = self._held.index.seed or _seed(batch)
        found = arrived(batch, self._asked, seed)
        self._held.index.seed = seed
        # First counted: a bad event with which a budget begins to burn is wanted by itself.
        self._plan.arrived(found.rows["bits"], batch.steady_ns)
        if self._shadow is not None:
            self._shadow.arrived(found.told.extras, batch.steady_ns)
        ways = sort(found, self._held.index, self._past, self._plan, batch.steady_ns)
        if ways.is_open.any():
            self._counts.totals(self._plan.totals())
        row = self._held.row(batch, _context(batch.context), ways)
        if (policies := ways.policies != NOBODY).any():
            self._bring_back(found, ways, np.flatnonzero(policies), batch.steady_ns, out)
        self._pass_on(batch, found, ways, out)
        self._count(found, ways, batch.steady_ns)
        if (late := ways.follows | ways.ends).any():
            self._past.renew(found.rows["digest"][late])
        if row is not None:
            self._take_in(row, found, ways, batch.steady_ns, out)
        if self._held.index.dropped_spans > self._config.reconsider_spans * _OVERSHOOT:
            self._held.forget_excess(self._config.reconsider_spans)

    def _take_in(self, row: int, found: Arrived, ways: Ways, steady_ns: int, out: Emit) -> None:
        wait, after_root = (
            self._config.decision_wait,
            self._config.decision_wait_after_root_received,
        )
        slots, began = self._held.add(
            row,
            found,
            ways,
            self._due(steady_ns + wait),
            self._due(steady_ns + after_root) if after_root else NEVER,
        )
        self._counts.add(counted.NEW, began)
        if most := self._config.maximum_trace_size_bytes:
            is_large = self._held.index.sizes(slots) > most
            large, slots = np.unique(slots[is_large]), slots[~is_large]
            self._settle(self._held.index.in_order(large), steady_ns, out, Cause.TOO_LARGE)
        if self._config.sampling_strategy == SPAN_INGEST and len(slots):
            slots = self._held.index.in_order(np.unique(slots))
            sure = self._plan.settled(self._held.index.facts(slots))
            self._settle(slots[sure], steady_ns, out, Cause.SETTLED)
        if (most := self._config.num_traces) and self._held.index.traces > most:
            excess = self._held.index.traces - most
            self._settle(self._held.index.oldest(excess), steady_ns, out, Cause.EARLY)
        self._counts.level(counted.WAITING, self._held.index.traces)

    def _due(self, steady_ns: int) -> int:
        """The tick at or after that time."""
        return -(-steady_ns // self._grain_ns) * self._grain_ns

    def _pass_on(self, batch: Batch, found: Arrived, ways: Ways, out: Emit) -> None:
        wanted = ways.follows | ways.passes | ways.returns
        items = int(np.count_nonzero(wanted))
        if items or not batch.items:
            rows = np.flatnonzero(ways.follows)
            thresholds = self._past.thresholds(ways.places[rows])
            payload = keep(found.scanned, wanted, restate(found.scanned, rows, thresholds))
            out(dataclasses.replace(batch, payload=payload, items=items))

    def _count(self, found: Arrived, ways: Ways, steady_ns: int) -> None:
        if self._shadow is not None:
            known, kept = self._shadow.late(found, ways, steady_ns)
            self._counts.compared((ways.follows | ways.returns)[known], kept[known])
        dropped = int(np.count_nonzero(ways.ends))
        ages = self._past.ages_seconds(ways.places[ways.follows], steady_ns)
        self._counts.followed(ages, len(ages), dropped)
        self._counts.booked("sampled_out", dropped)
        self._counts.add(counted.WITHOUT_ID, int(np.count_nonzero(ways.passes)))
        self._counts.add(counted.DOUBTFUL, found.doubtful)

    def _bring_back(
        self, found: Arrived, ways: Ways, rows: Longs, steady_ns: int, out: Emit
    ) -> None:
        """Keep dropped traces after all, with those of their spans that are still known."""
        _, first = np.unique(found.rows["digest"][rows], return_index=True)
        rows = rows[np.sort(first)]
        sure = np.zeros(len(rows), np.uint64)
        slots = ways.slots[rows]
        indexed = np.ascontiguousarray(slots[ways.is_indexed[rows]])
        spans = self._held.index.spans_of(indexed)
        gone = self._release(spans, sure, steady_ns, out)
        self._held.forget(indexed, spans)
        self._past.keep(found.rows["digest"][rows], sure, steady_ns)
        self._counts.booked("made", len(spans.nodes) - gone)
        self._counts.add(counted.BROUGHT_BACK, len(spans.nodes) - gone)
        facts = found.alone(rows)
        votes = np.zeros((len(self._plan.names), 2), np.int64)
        policies = ways.policies[rows]
        said = np.left_shift(np.uint64(1), (policies % MOST_TOLD).astype(np.uint64))
        kept = Decisions(np.ones(len(rows), np.bool_), policies, sure, votes, said)
        self._note(facts, kept, None, steady_ns, Cause.BROUGHT_BACK)

    # ------------------------------------------------------------ decision

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Decide on the traces that are due."""
        self._settle(self._held.index.due(steady_ns), steady_ns, out, Cause.WAITED)
        self._held.forget_excess(self._config.reconsider_spans)
        self._held.pack_together()
        self._counts.totals(self._plan.totals())

    def decide_early(self, most_bytes: int, steady_ns: int, out: Emit) -> None:
        """See `Waiting.decide_early`."""
        index = self._held.index
        if index.size_bytes <= most_bytes:
            return
        slots = index.oldest()
        left = index.size_bytes - np.cumsum(index.sizes(slots))
        enough = int(np.count_nonzero(left > most_bytes)) + 1
        self._settle(slots[:enough], steady_ns, out, Cause.EARLY)
        self._held.forget_excess(self._config.reconsider_spans)

    def _settle(self, slots: Codes, steady_ns: int, out: Emit, cause: Cause) -> None:
        """Decide on traces and be done with them."""
        for at in range(0, len(slots), _MOST_AT_ONCE):
            self._settle_some(slots[at : at + _MOST_AT_ONCE], steady_ns, out, cause)

    def _settle_some(self, slots: Codes, steady_ns: int, out: Emit, cause: Cause) -> None:
        index = self._held.index
        facts, digests = index.facts(slots), index.digests(slots)
        shadow = None
        if cause is Cause.TOO_LARGE:
            decisions, is_final = self._refused(facts), np.ones(len(slots), np.bool_)
            if self._shadow is not None:
                shadow = decisions
                self._shadow.remember(shadow, is_final, digests, steady_ns)
        else:
            decisions = self._plan.decide(facts, steady_ns)
            is_final = ~decisions.keep & (decisions.policies != NOBODY)
            if self._shadow is not None:
                shadow = self._shadow.decide(facts, digests, steady_ns)
        kept = np.flatnonzero(decisions.keep)
        spans = index.spans_of(slots[kept])
        gone = self._release(spans, decisions.thresholds[kept], steady_ns, out)
        self._counts.booked("lost", gone)
        self._counts.booked("sampled_out", int(facts.spans.sum()) - len(spans.nodes))
        self._held.let_go(slots[kept], spans)
        dropped = ~decisions.keep
        self._held.drop(slots[dropped & ~is_final])
        final = slots[dropped & is_final]
        self._held.let_go(final, index.spans_of(final))
        self._past.keep(digests[kept], decisions.thresholds[kept], steady_ns)
        self._past.drop(digests[dropped], is_final[dropped])
        self._counts.decided(facts, decisions, self._plan.names, cause, shadow)
        self._counts.level(counted.WAITING, index.traces)
        self._note(facts, decisions, shadow, steady_ns, cause)

    def _refused(self, facts: Facts) -> Decisions:
        """What the policies would say if they were asked to drop all."""
        return Decisions(
            np.zeros(len(facts), np.bool_),
            np.full(len(facts), NOBODY, np.int16),
            np.zeros(len(facts), np.uint64),
            np.zeros((len(self._plan.names), 2), np.int64),
            np.zeros(len(facts), np.uint64),
        )

    def _release(self, spans: Spans, thresholds: Words, steady_ns: int, out: Emit) -> int:
        release = Release(self._shelf, self._held.payloads, out, steady_ns)
        gone = release.put(spans, thresholds)
        self._counts.add(counted.GONE, gone)
        return gone

    def _note(
        self,
        facts: Facts,
        decisions: Decisions,
        shadow: Decisions | None,
        steady_ns: int,
        cause: Cause,
    ) -> None:
        if self._watch is not None:
            self._watch.decided(facts, decisions, cause)
            return
        header = Header(
            self._id,
            steady_ns,
            cause,
            self._plan.names,
            self._plan.leaves,
            self._drops,
            self._config.sample_on_first_match,
            self._shadow.names if self._shadow is not None else (),
        )
        for note in encode(header, facts, decisions, shadow):
            self._shelf.note(note)

    # ------------------------------------------------------------ the seam

    def next_deadline(self) -> int | None:
        """When the first trace is due."""
        return self._held.index.next_due()

    def held_items(self) -> int:
        """Spans that wait."""
        return self._held.index.spans

    def pins(self) -> Pins:
        """See `Waiting.pins`."""
        return self._held.payloads.pins()

    def waiting_bytes(self) -> int:
        """See `Waiting.waiting_bytes`."""
        return self._held.index.size_bytes

    def relocate(self, inbox_before: int, held_before: int) -> None:
        """See `Waiting.relocate`."""
        self._held.relocate(inbox_before, held_before)

    def snapshot(self) -> bytes:
        """The index, the memory and the plan's own state, as flat arrays."""
        shadow = self._shadow.dump() if self._shadow is not None else {}
        return self._held.dump(self._past.dump() | shadow | {_PLAN: self._plan.snapshot()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`, which may be of other policies.

        Spans that wait are asked anew where the policies ask other things; what policies
        remember is taken over as far as they are the same.

        Raises:
            ValueError: It is of another layout.
        """
        parts = self._held.load(state)
        self._past.load(parts)
        try:
            self._plan.restore(parts[_PLAN])
            if self._shadow is not None:
                self._shadow.load(parts)
        except ValueError as error:
            _log.warning("%s: the budgets of its policies begin anew: %s", self._id, error)
        self._counts.totals(self._plan.totals())


def _seed(batch: Batch) -> int:
    """A number above 0 that nobody who sends spans can know, and that a replay finds again."""
    words = f"{batch.wall_ns} {batch.steady_ns} ".encode() + batch.payload[:4096]
    return int.from_bytes(blake2b(words, digest_size=8).digest(), "little") | 1


def _context(context: Context) -> Context:
    """What is kept of a context: whose it is and what it said, not by which connection."""
    return Context(context.tenant, host_of(context.peer), context.headers)


def _create(config: TailSamplingConfig, settings: Settings) -> TailSampler:
    if settings.shelf is None:
        msg = "tail_sampling needs a shelf for the spans that wait"
        raise ValueError(msg)
    return TailSampler(config, settings, settings.shelf)


FACTORY = ProcessorFactory(
    config=TailSamplingConfig,
    create=_create,
    signals=frozenset({Signal.TRACES}),
    drops="all but a sample",
    waits=True,
)
