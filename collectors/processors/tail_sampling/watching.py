"""The shadow of a sampler: policies that only watch, and remember what they would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from collectors.processors.tail_sampling.arrival import Arrived
from collectors.processors.tail_sampling.config import DecisionCacheConfig
from collectors.processors.tail_sampling.past import Past
from collectors.processors.tail_sampling.sorting import Ways
from collectors.sampling.plan import NOBODY, Decisions, Facts, Flags
from collectors.sampling.shadow import Beside, Shadow
from collectors.wire.kernel import Words

_PLAN: Final = "shadow"
_PAST: Final = "shadow/"


class Watching:
    """A shadow, with a memory of its own for the spans that come late."""

    def __init__(self, shadow: Shadow, cache: DecisionCacheConfig) -> None:
        """Watch.

        Args:
            shadow: Decides.
            cache: How much it remembers: as much as those that it watches.
        """
        self._shadow = shadow
        self._past = Past(cache)

    @property
    def names(self) -> Sequence[str]:
        """The policies' names."""
        return self._shadow.names

    @property
    def beside(self) -> Beside:
        """What it asks about spans."""
        return self._shadow.beside

    def arrived(self, extras: Words, steady_ns: int) -> None:
        """See `Plan.arrived`; of all extras of the spans."""
        self._shadow.arrived(extras, steady_ns)

    def decide(self, facts: Facts, digests: Words, steady_ns: int) -> Decisions:
        """What it would do with traces that are decided on."""
        decisions = self._shadow.decide(facts, steady_ns)
        is_final = ~decisions.keep & (decisions.policies != NOBODY)
        self.remember(decisions, is_final, digests, steady_ns)
        return decisions

    def remember(
        self, decisions: Decisions, is_final: Flags, digests: Words, steady_ns: int
    ) -> None:
        """Hold on to what was decided about traces, and which are dropped for good."""
        keep = decisions.keep
        self._past.keep(digests[keep], decisions.thresholds[keep], steady_ns)
        self._past.drop(digests[~keep], is_final[~keep])

    def late(self, found: Arrived, ways: Ways, steady_ns: int) -> tuple[Flags, Flags]:
        """What it would do with late spans: which it knows the trace of, and which it keeps.

        Its memory forgets at other times than that of those that decide, and begins later.
        """
        rows = np.flatnonzero(ways.follows | ways.returns | ways.ends)
        digests = found.rows["digest"][rows]
        keeps: Flags = self._past.kept(digests) >= 0
        is_dropped, is_final = self._past.dropped(digests)
        knows = keeps | is_dropped
        is_open = ~keeps & is_dropped & ~is_final
        chosen = np.flatnonzero(is_open)
        if len(chosen):
            late = found.alone(rows[chosen], ways.held[rows[chosen]])
            wanted = self._shadow.reconsider(late, steady_ns) != NOBODY
            back = np.unique(digests[chosen[wanted]])
            self._past.keep(back, np.zeros(len(back), np.uint64), steady_ns)
            keeps |= is_open & np.isin(digests, back)
        self._past.renew(digests[knows])
        known, kept = np.zeros((2, len(ways.follows)), np.bool_)
        known[rows], kept[rows] = knows, keeps
        return known, kept

    def dump(self) -> dict[str, bytes]:
        """All state."""
        past = {_PAST + name: value for name, value in self._past.dump().items()}
        return {_PLAN: self._shadow.snapshot()} | past

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Continue from what `dump` gave, if it did; raises ValueError if it is of another plan."""
        past = {k.removeprefix(_PAST): v for k, v in parts.items() if k.startswith(_PAST)}
        if past:
            self._past.load(past)
        if _PLAN in parts:
            self._shadow.restore(parts[_PLAN])
