"""From what the detectors found to the series of the catalogue: labels within their bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self

from collectors.connectors.agentdetectors import violations
from collectors.connectors.agentdetectors.actions import Clash
from collectors.connectors.agentdetectors.config import AgentDetectorsConfig
from collectors.connectors.agentdetectors.facts import Who
from collectors.connectors.agentdetectors.revisions import Moved
from collectors.connectors.agentdetectors.roster import Agent, Judged
from collectors.connectors.agentdetectors.runs import Loop
from collectors.connectors.agentdetectors.series import Series
from collectors.connectors.agentdetectors.violations import Violation
from collectors.dialects import Bounds
from collectors.judging import AgentState, CheckResult, ConflictType

_NAME, _ROLE, _TYPE, _TIER = (
    "gen_ai.agent.name",
    "mas.agent.role",
    "mas.action.type",
    "mas.service.tier",
)
_POLICY, _GROUP, _RULE = "mas.policy.name", "mas.election.group", "mas.compliance.rule"
_CONFLICTS, _REVERSALS = "mas.agent.action.conflicts", "mas.action.reversals"
_DEPLOYMENTS, _ROLLBACKS = "mas.deployments", "mas.deployment.rollbacks"
_GAPS, _LOOPS, _PROPAGATION = (
    "mas.audit.gaps",
    "mas.agent.loops",
    "mas.policy.propagation.duration",
)
_KINDS: Final = tuple(of.value for of in ConflictType)
_CHECKS, _RESTARTS = "mas.agent.health_checks", "mas.agent.restarts"


class Verdicts:
    """Puts what was found into series."""

    def __init__(self, config: AgentDetectorsConfig) -> None:
        """Begin with nothing seen."""
        self.series = Series(
            config.made(), config.resource_attributes, config.aggregation_cardinality_limit
        )
        self.bounds = Bounds()
        self._classes: dict[tuple[str, str], None] = {}
        self._types: dict[str, None] = {}
        self._steady_ns = 0

    def at(self, steady_ns: int) -> Self:
        """Judge at this time; what was owed is paid first."""
        self._steady_ns = steady_ns
        self.series.pay(steady_ns)
        return self

    def expect(self, types: Iterable[str]) -> None:
        """Actions of these types were seen."""
        self._types |= dict.fromkeys(types)

    def agents(self, judged: Iterable[Judged]) -> None:
        """Ticks of the roster."""
        results: Counter[tuple[str, str, CheckResult]] = Counter()
        restarts: Counter[tuple[str, str]] = Counter()
        for each in judged:
            of = self._class(each.who)
            restarts[of] += each.has_restarted
            for result in each.results:
                results[*of, result] += 1
        for name, role in self._classes:
            for metric in (_CHECKS, _RESTARTS):
                self._begin(metric, {_NAME: (name,), _ROLE: (role,)})
            for metric in (_LOOPS, _GAPS):
                self._begin(metric, {_NAME: (name,)})
        for (name, role, result), times in results.items():
            labels = {_NAME: name, _ROLE: role, "mas.check.result": result.value}
            self._count(_CHECKS, labels, times)
        for (name, role), times in restarts.items():
            self._count(_RESTARTS, {_NAME: name, _ROLE: role}, times)

    def clashes(self, found: Iterable[Clash], texts: Sequence[str]) -> None:
        """Conflicts and reversals."""
        for kind in dict.fromkeys(self.bounds.one(_TYPE, text) for text in self._types):
            types = {_TYPE: (kind,), "mas.conflict.type": _KINDS}
            self._begin(_CONFLICTS, types)
            self._begin(_REVERSALS, types)
        self._types = {}
        for clash in found:
            labels = {_TYPE: self.bounds.one(_TYPE, texts[clash.type])}
            if clash.reversal:
                self._count(_REVERSALS, labels, 1)
            if clash.conflict is not None:
                self._count(_CONFLICTS, {**labels, "mas.conflict.type": clash.conflict.value}, 1)

    def loops(self, found: Iterable[Loop], texts: Sequence[str]) -> None:
        """Runs that go round in circles."""
        for loop in found:
            name = self.bounds.one(_NAME, texts[loop.agent])
            self._begin(_LOOPS, {_NAME: (name,)})
            self._count(_LOOPS, {_NAME: name, "mas.loop.kind": loop.kind.value}, 1)

    def gaps(self, found: Mapping[int, int], texts: Sequence[str]) -> None:
        """Audit records that are missing, by the word of the class."""
        for word, times in found.items():
            self._count(_GAPS, {_NAME: self.bounds.one(_NAME, texts[word])}, times)

    def violations(self, found: Mapping[Violation, int], texts: Sequence[str]) -> None:
        """Broken rules."""
        for of, times in found.items():
            labels = {
                _NAME: self.bounds.one(_NAME, texts[of.name]),
                _RULE: self.bounds.one(_RULE, texts[of.rule]),
                "mas.compliance.severity": of.severity,
                "mas.compliance.action": of.reaction,
            }
            self._count(violations.METRIC, labels, times)

    def versions(self, moved: Iterable[Moved], rollbacks: Counter[tuple[str, str]]) -> None:
        """Deployments, and rollbacks that were told by tier and trigger, or not told."""
        for metric in (_DEPLOYMENTS, _ROLLBACKS):
            self._begin(metric, {})
        for each in moved:
            tier = self.bounds.one(_TIER, each.tier) or "standard"
            if each.is_back:
                rollbacks[tier, "inferred"] += 1
            else:
                self._count(_DEPLOYMENTS, {_TIER: tier}, 1)
        for (tier, trigger), times in rollbacks.items():
            of = self.bounds.one(_TIER, tier) or "standard"
            self._count(_ROLLBACKS, {_TIER: of, "mas.rollback.trigger": trigger}, times)

    def policies(
        self, known: Iterable[str], arrived: Mapping[str, list[int]], stale: Mapping[str, int]
    ) -> None:
        """How long revisions took, and how many agents are behind."""
        for name in known:
            self._begin(_PROPAGATION, {_POLICY: (name,)})
        for name, took_ns in arrived.items():
            self.series.observe(_PROPAGATION, {_POLICY: name}, took_ns, self._steady_ns)
        levels = [({_POLICY: name}, count) for name, count in stale.items()]
        self.series.level("mas.policy.stale_agent.count", levels)

    def leaders(self, found: Mapping[str, int]) -> None:
        """How many lead each group."""
        levels = [({_GROUP: group}, count) for group, count in found.items()]
        self.series.level("mas.leader.count", levels)

    def states(self, roster: Iterable[Agent]) -> None:
        """How many agents of each class are in each state."""
        found = Counter((*self._class(agent.who), agent.standing.state) for agent in roster)
        levels = [
            (
                {_NAME: name, _ROLE: role, "mas.agent.state": state.value},
                found[name, role, state],
            )
            for name, role in self._classes
            for state in AgentState
        ]
        self.series.level("mas.agent.count", levels)

    def state(self) -> dict[str, object]:
        """Everything but the series, in words of JSON."""
        return {
            "classes": list(self._classes),
            "types": list(self._types),
            "bounds": {key: list(seen) for key, seen in self.bounds.seen.items()},
        }

    def restore(
        self,
        classes: Iterable[tuple[str, str]],
        types: Iterable[str],
        bounds: Mapping[str, list[str]],
    ) -> None:
        """Continue from what `state` said."""
        self._classes = dict.fromkeys((name, role) for name, role in classes)
        self._types = dict.fromkeys(types)
        self.bounds.seen = {key: dict.fromkeys(of) for key, of in bounds.items()}

    def _class(self, who: Who) -> tuple[str, str]:
        """Name and role of an agent's class, which is known from now on."""
        of = self.bounds.one(_NAME, who.name), self.bounds.one(_ROLE, who.role or "other")
        self._classes[of] = None
        return of

    def _begin(self, metric: str, known: Mapping[str, tuple[str, ...]]) -> None:
        self.series.begin(metric, known, self._steady_ns)

    def _count(self, metric: str, labels: Mapping[str, str], times: int) -> None:
        self.series.count(metric, labels, times, self._steady_ns)
