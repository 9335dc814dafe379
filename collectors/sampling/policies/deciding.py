"""All policies of a sampler, asked together: what they say becomes what is done.

Drop goes first and wins. Then one policy that wants a trace is enough. Where inverted
decisions are on, one that refuses by `invert_match` vetoes all but drop, and one that
wants by it counts only where no other refuses.

Source: opentelemetry-collector-contrib, tail sampling processor, README.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from collectors.ottl.columns import Mask
from collectors.sampling.dynamic.keys import Fields
from collectors.sampling.late import Late
from collectors.sampling.plan import MOST_TOLD, NOBODY, UNKNOWN, Decisions, Extra, Facts
from collectors.sampling.policies.build import Builder
from collectors.sampling.policies.questions import Leaves
from collectors.sampling.policies.schema import PolicyConfig
from collectors.sampling.thresholds import ALWAYS
from collectors.sampling.votes import Asking, Policy, is_open
from collectors.wire.kernel import Shorts, Words
from collectors.wire.scan import Scan


class _Round:
    """What has been said so far about the traces of one round."""

    def __init__(self, traces: int, policies: int) -> None:
        self.dropped_by = _nobody(traces)
        self.vetoed_by = _nobody(traces)
        self.wanted_by = _nobody(traces)
        self.inverted_by = _nobody(traces)
        self.is_refused: Mask = np.zeros(traces, np.bool_)
        self.is_spared: Mask = np.zeros(traces, np.bool_)  # by a policy that drops by chance
        self.least = np.full(traces, UNKNOWN, np.uint64)
        self.votes = np.zeros((policies, 2), np.int64)
        self.said = np.zeros(traces, np.uint64)

    def tally(self, facts: Facts, place: int, rows: Mask) -> None:
        """Note for whom policy `place` said yes."""
        self.votes[place] = int(np.count_nonzero(rows)), int(facts.spans[rows].sum())
        if place < MOST_TOLD:
            self.said[rows] |= np.uint64(1 << place)

    def decided(self) -> Decisions:
        """What that comes to."""
        is_final = (self.dropped_by != NOBODY) | (self.vetoed_by != NOBODY)
        is_wanted = self.wanted_by != NOBODY
        by_inversion = ~is_wanted & (self.inverted_by != NOBODY) & ~self.is_refused
        keep = ~is_final & (is_wanted | by_inversion)
        policies = np.where(is_wanted, self.wanted_by, self.inverted_by)
        policies[~keep] = NOBODY
        for against in (self.vetoed_by, self.dropped_by):
            policies = np.where(against != NOBODY, against, policies)
        thresholds = np.where(by_inversion, np.uint64(ALWAYS), self.least)
        thresholds[self.is_spared] = UNKNOWN
        return Decisions(keep, policies.astype(np.int16), thresholds, self.votes, self.said)


class CompiledPlan:
    """A `Plan` of configured policies."""

    def __init__(
        self,
        policies: Sequence[PolicyConfig],
        *,
        sample_on_first_match: bool = False,
        invert_decisions: bool = False,
    ) -> None:
        """Make the policies ready.

        Args:
            policies: As configured.
            sample_on_first_match: No policy with a memory is asked about a trace that one
                before it wants.
            invert_decisions: `invert_match` gives decisions of a kind of its own.
        """
        ordered = sorted(policies, key=lambda policy: policy.type != "drop")
        self._leaves = Leaves()
        self._fields = Fields()
        builder = Builder(self._leaves, self._fields, invert_decisions=invert_decisions)
        self._policies: list[Policy] = [builder.build(policy) for policy in ordered]
        self._slos = builder.slos
        self._tallies = builder.tallies
        self._drops = [policy.type == "drop" for policy in ordered]
        # Of late spans, those with a budget are asked about what the others do not bring back.
        self._free_first = sorted(
            range(len(ordered)),
            key=lambda place: not self._drops[place] and self._policies[place].has_memory,
        )
        self._stops = sample_on_first_match
        self.names = tuple(policy.name for policy in ordered)

    @property
    def leaves(self) -> Sequence[str]:
        """See `Plan.leaves`."""
        return self._leaves.texts()

    @property
    def extras(self) -> Sequence[Extra]:
        """See `Plan.extras`."""
        return (*self._fields.extras(), *self._tallies.extras())

    @property
    def keys(self) -> Sequence[str]:
        """Attribute keys that are read; those in OTTL conditions are not among them."""
        return sorted({*self._leaves.keys(), *self._fields.keys()})

    def flags(self, scanned: Scan) -> Words:
        """See `Plan.flags`."""
        return self._leaves.flags(scanned)

    def measure(self, scanned: Scan) -> Words:
        """See `Plan.measure`."""
        return np.concatenate((self._fields.measure(scanned), self._tallies.measure(scanned)))

    def arrived(self, flags: Words, steady_ns: int) -> None:
        """See `Plan.arrived`."""
        for slo in self._slos:
            slo.arrived(flags, steady_ns)

    def decide(self, facts: Facts, steady_ns: int) -> Decisions:
        """See `Plan.decide`."""
        asking = Asking(facts, steady_ns)
        found = _Round(len(facts), len(self._policies))
        for place, policy in enumerate(self._policies):
            if self._drops[place]:
                self._ask_drop(found, asking, place, policy)
            else:
                self._ask(found, asking, place, policy)
        decided = found.decided()
        for count, lost in asking.shed:
            count(facts, lost & ~decided.keep)
        return decided

    def reconsider(self, facts: Facts, steady_ns: int) -> Shorts:
        """See `Plan.reconsider`."""
        asking = Asking(facts, steady_ns, is_alone=True)
        found, _ = self._lasting(asking)
        if asking.shed:
            kept = Late(facts).since(found != NOBODY)
            for count, lost in asking.shed:
                count(facts, lost & ~kept)
        return found

    def settled(self, facts: Facts) -> Mask:
        """See `Plan.settled`; where a policy drops, a span that it drops by may always come."""
        keeps, dropped = self._lasting(Asking(facts, 0, is_alone=True))
        return dropped if any(self._drops) else keeps != NOBODY

    def _lasting(self, asking: Asking) -> tuple[Shorts, Mask]:
        """Who keeps each for certain whatever else comes, and what is dropped likewise."""
        found = _nobody(len(asking.facts))
        dropped: Mask = np.zeros(len(asking.facts), np.bool_)
        for place in self._free_first:
            policy = self._policies[place]
            rows = ~dropped
            if policy.has_memory and (kept := found != NOBODY).any():
                rows &= ~Late(asking.facts).behind(kept)
                if self._stops:
                    rows &= ~kept | (found > place)
            sampled = policy.ask(asking, rows).sampled
            if self._drops[place]:
                dropped |= sampled
            else:
                found[sampled & ((found == NOBODY) | (found > place))] = place
        return found, dropped

    def totals(self) -> Iterator[tuple[str, dict[str, str], int]]:
        """See `Plan.totals`."""
        for slo in self._slos:
            yield from slo.totals()

    def snapshot(self) -> bytes:
        """See `Plan.snapshot`."""
        words = {
            name: policy.words()
            for name, policy in zip(self.names, self._policies, strict=True)
            if policy.has_memory
        }
        return json.dumps(words, sort_keys=True).encode()

    def restore(self, state: bytes) -> None:
        """See `Plan.restore`."""
        words = _map(state)
        for name, policy in zip(self.names, self._policies, strict=True):
            if name in words:
                policy.take(words[name])

    def _ask_drop(self, found: _Round, asking: Asking, place: int, policy: Policy) -> None:
        rows: Mask = found.dropped_by == NOBODY
        vote = policy.ask(asking, rows)
        _tell(found.dropped_by, vote.sampled, place)
        found.is_refused |= rows & ~vote.sampled  # as the Collector has it
        found.is_spared |= is_open(vote.thresholds) & ~vote.sampled
        found.tally(asking.facts, place, vote.sampled)

    def _ask(self, found: _Round, asking: Asking, place: int, policy: Policy) -> None:
        rows: Mask = found.dropped_by == NOBODY
        voting: Mask = rows & (found.wanted_by == NOBODY) if self._stops else rows
        # One without a memory is asked about all, to know how likely it was to keep them.
        vote = policy.ask(asking, voting if policy.has_memory else rows)
        sampled = vote.sampled & voting
        found.tally(asking.facts, place, sampled)
        if vote.is_inverted:
            _tell(found.inverted_by, sampled, place)
            _tell(found.vetoed_by, voting & ~sampled, place)
            return
        _tell(found.wanted_by, sampled, place)
        found.is_refused |= voting & ~sampled
        said = np.where(vote.sampled, vote.thresholds, np.uint64(UNKNOWN))
        np.minimum(found.least, said, out=found.least)


def _map(state: bytes) -> dict[str, object]:
    try:
        words: object = json.loads(state or b"{}")
    except ValueError as error:
        msg = f"a plan's state must be JSON, got {len(state)} bytes: {error}"
        raise ValueError(msg) from error
    if not isinstance(words, dict):
        msg = f"a plan's state must be a map, got {type(words).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - as the seam says
    return words


def _nobody(traces: int) -> Shorts:
    return np.full(traces, NOBODY, np.int16)


def _tell(by: Shorts, rows: Mask, place: int) -> None:
    """Note the first who says so."""
    by[rows & (by == NOBODY)] = place
