"""What the sampler counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from collectors.component import Meter
from collectors.graph import ITEMS
from collectors.sampling.counted import (
    BROUGHT_BACK,
    DECIDED_EARLY,
    DOUBTFUL,
    GONE,
    LATE_AGE,
    NEW,
    RELEASES,
    SHADOW_SPANS,
    SHADOW_TRACES,
    SPANS_BY_POLICY,
    TRACES,
    TRACES_BY_POLICY,
    WITHOUT_ID,
)
from collectors.sampling.notes import Cause
from collectors.sampling.plan import NOBODY, Decisions, Facts, Flags
from collectors.wire.kernel import Longs

_SAMPLED: Final[Mapping[str, str]] = {"sampled": "true", "decision": "sampled"}
_NOT_SAMPLED: Final[Mapping[str, str]] = {"sampled": "false", "decision": "not_sampled"}
_DROPPED: Final[Mapping[str, str]] = {"sampled": "false", "decision": "dropped"}
_SHADOW: Final = ("neither", "policies", "shadow", "both")
"""Who keeps a trace: one for the policies, and two for the shadow."""


class Counts:
    """Counts for one sampler."""

    def __init__(self, meter: Meter, component_id: str, drops: frozenset[str]) -> None:
        """Count into `meter`; `drops` are the policies whose yes is a no."""
        self._meter = meter
        self._id = component_id
        self._drops = drops

    def appear(self, policies: Sequence[str], *, has_shadow: bool) -> None:
        """Let every counter stand at zero: an alert on its rate waits for no second event."""
        for labels in (_SAMPLED, _NOT_SAMPLED, _DROPPED):
            self._meter.add(TRACES, 0, processor=self._id, **labels)
        for policy in policies:
            for labels in (self._yes(policy), _NOT_SAMPLED):
                for name in (TRACES_BY_POLICY, SPANS_BY_POLICY):
                    self._meter.add(name, 0, processor=self._id, policy=policy, **labels)
        for kept_by in _SHADOW if has_shadow else ():
            for name in (SHADOW_TRACES, SHADOW_SPANS):
                self._meter.add(name, 0, processor=self._id, kept_by=kept_by)
        for answer in ("true", "false"):
            self._meter.add(RELEASES, 0, processor=self._id, sampled=answer)
        for name in (NEW, BROUGHT_BACK, WITHOUT_ID, DOUBTFUL, GONE):
            self._meter.add(name, 0, processor=self._id)

    def _yes(self, policy: str) -> Mapping[str, str]:
        return _DROPPED if policy in self._drops else _SAMPLED

    def add(self, name: str, value: int, **labels: str) -> None:
        """Count, unless it is nothing."""
        if value:
            self._meter.add(name, value, processor=self._id, **labels)

    def level(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._meter.set(name, value, processor=self._id)

    def totals(self, of_plan: Iterable[tuple[str, dict[str, str], int]]) -> None:
        """Show what the plan counts in its own state."""
        for name, labels, value in of_plan:
            self._meter.set(name, value, processor=self._id, **labels)

    def booked(self, outcome: str, items: int) -> None:
        """Tell the books what became of items."""
        if items:
            self._meter.add(ITEMS, items, outcome=outcome)

    def followed(self, ages_seconds: Longs, kept: int, dropped: int) -> None:
        """Late spans that followed their trace, and how long after it was kept."""
        for age, spans in zip(*np.unique(ages_seconds, return_counts=True), strict=True):
            self._meter.observe(LATE_AGE, float(age), int(spans), processor=self._id)
        self.add(RELEASES, kept, sampled="true")
        self.add(RELEASES, dropped, sampled="false")

    def compared(self, kept: Flags, by_shadow: Flags) -> None:
        """Late spans, by whether they are kept, and whether the shadow would keep them."""
        for name, rows in _kept_by(kept, by_shadow):
            self.add(SHADOW_SPANS, int(np.count_nonzero(rows)), kept_by=name)

    def decided(
        self,
        facts: Facts,
        decisions: Decisions,
        policies: Sequence[str],
        cause: Cause,
        shadow: Decisions | None,
    ) -> None:
        """Traces that were decided on, by the policies and by the shadow."""
        kept = int(np.count_nonzero(decisions.keep))
        for_good = int(np.count_nonzero(~decisions.keep & (decisions.policies != NOBODY)))
        self.add(TRACES, kept, **_SAMPLED)
        self.add(TRACES, for_good, **_DROPPED)
        self.add(TRACES, len(facts) - kept - for_good, **_NOT_SAMPLED)
        spans = int(facts.spans.sum())
        for policy, (traces, of_them) in zip(policies, decisions.votes.tolist(), strict=True):
            yes = self._yes(policy)
            self.add(TRACES_BY_POLICY, traces, policy=policy, **yes)
            self.add(TRACES_BY_POLICY, len(facts) - traces, policy=policy, **_NOT_SAMPLED)
            self.add(SPANS_BY_POLICY, of_them, policy=policy, **yes)
            self.add(SPANS_BY_POLICY, spans - of_them, policy=policy, **_NOT_SAMPLED)
        if shadow is not None:
            for name, rows in _kept_by(decisions.keep, shadow.keep):
                self.add(SHADOW_TRACES, int(np.count_nonzero(rows)), kept_by=name)
                self.add(SHADOW_SPANS, int(facts.spans[rows].sum()), kept_by=name)
        if cause not in {Cause.WAITED, Cause.SETTLED}:
            self.add(DECIDED_EARLY, len(facts), reason=cause.value)


def _kept_by(kept: Flags, by_shadow: Flags) -> Iterator[tuple[str, Flags]]:
    """Which are kept by whom."""
    whose = kept + np.int64(2) * by_shadow
    for which, name in enumerate(_SHADOW):
        yield name, whose == which
