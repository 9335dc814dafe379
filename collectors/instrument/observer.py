"""What one sees of others: queues, leaders, conflicts, verdicts, deployments."""

from __future__ import annotations

from collectors.instrument.identity import Speaks
from collectors.instrument.instruments import Instruments
from collectors.instrument.values import (
    ConflictType,
    RemediationClass,
    RollbackTrigger,
    Tier,
    Verdict,
)
from slo.catalog import Source


class Observer:
    """Counts what no single agent can know of itself. One per fleet and fact, or all is doubled."""

    def __init__(
        self, instruments: Instruments, speaks: Speaks, agents: tuple[str, ...] = ()
    ) -> None:
        """Count with `instruments`, from 0 for what `speaks` lists and the `agents` watched."""
        self._instruments = instruments
        self._speaks = speaks
        # No role: what has one is counted by the roster, for the agents on it.
        known = {**speaks.known(), "gen_ai.agent.name": agents, "mas.agent.role": ()}
        instruments.start_at_zero(Source.OBSERVER, known)

    def queue(self, name: str, depth: int, oldest_age: float) -> None:
        """Say how many messages wait in a queue, and the age of the oldest in seconds."""
        labels = {
            "messaging.destination.name": name,
            "messaging.system": self._speaks.messaging_system,
        }
        self._instruments.set("mas.queue.depth", depth, labels)
        self._instruments.set("mas.queue.oldest_message.age", max(0.0, oldest_age), labels)

    def leaders(self, group: str, count: int) -> None:
        """Say how many agents call themselves leader of `group`."""
        self._instruments.set("mas.leader.count", count, {"mas.election.group": group})

    def stale_agents(self, policy: str, count: int) -> None:
        """Say how many agents do not enforce the desired revision of `policy`."""
        self._instruments.set("mas.policy.stale_agent.count", count, {"mas.policy.name": policy})

    def propagated(self, policy: str, seconds: float) -> None:
        """A revision of `policy` has reached an agent that enforced an older one."""
        labels = {"mas.policy.name": policy}
        self._instruments.record("mas.policy.propagation.duration", seconds, labels)

    def conflict(self, kind: ConflictType, action_type: str) -> None:
        """Count two actions that clashed on one target."""
        labels = {"mas.conflict.type": kind.value, "mas.action.type": action_type}
        self._instruments.add("mas.agent.action.conflicts", 1, labels)

    def reversal(self, action_type: str) -> None:
        """Count a change from A to B and back to A within 15 minutes."""
        self._instruments.add("mas.action.reversals", 1, {"mas.action.type": action_type})

    def verdict(self, kind: RemediationClass, verdict: Verdict) -> None:
        """Count what was found of a remediation."""
        labels = {"mas.remediation.class": kind.value, "mas.remediation.verdict": verdict.value}
        self._instruments.add("mas.remediation.verdicts", 1, labels)

    def audit_gap(self, agent: str, records: int) -> None:
        """Count audit records of `agent` that are missing."""
        self._instruments.add("mas.audit.gaps", records, {"gen_ai.agent.name": agent})


class Deployer:
    """Counts deployments, for the pipeline that makes them."""

    def __init__(self, instruments: Instruments) -> None:
        """Count with `instruments`; every counter starts at 0."""
        self._instruments = instruments
        instruments.start_at_zero(Source.DEPLOYER, {})

    def deployed(self, tier: Tier) -> None:
        """Count a deployment that began."""
        self._instruments.add("mas.deployments", 1, {"mas.service.tier": tier.value})

    def rolled_back(self, tier: Tier, trigger: RollbackTrigger) -> None:
        """Count a deployment that was taken back."""
        labels = {"mas.service.tier": tier.value, "mas.rollback.trigger": trigger.value}
        self._instruments.add("mas.deployment.rollbacks", 1, labels)
