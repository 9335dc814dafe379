"""What each agent may speak of, so that every counter exists at 0 before its first event."""

from __future__ import annotations

from typing import Final

from alerts.gameday.fleet import guards, orchestrator, supervisor, worker
from alerts.gameday.fleet.actor import POLICY_SET
from alerts.gameday.fleet.broker import DEAD_LETTERS
from alerts.gameday.fleet.model import PROVIDERS
from alerts.gameday.fleet.supervisor import task_queue
from alerts.gameday.fleet.topology import NAMESPACE, PLATFORM, TEAMS, VERSION, AgentSpec, Role
from collectors.instrument import (
    ComplianceSeverity,
    Dependency,
    Identity,
    RemediationClass,
    Speaks,
)
from collectors.instrument import Role as SpokenRole

BROKER: Final = "loopback"
POOLS: Final = ("gpu", "memory")
RULES: Final = {
    "pii-egress": ComplianceSeverity.CRITICAL,
    "unapproved-change": ComplianceSeverity.HIGH,
}
QUEUES: Final = (*(task_queue(team) for team in TEAMS), DEAD_LETTERS)
DEPENDENCIES: Final = (Dependency.QUEUE, Dependency.STATE_STORE, Dependency.POLICY_STORE)


def identity(spec: AgentSpec) -> Identity:
    """The resource of an agent of the topology."""
    return Identity(
        name=spec.name,
        role=SpokenRole(spec.role.value),
        team=spec.team,
        namespace=NAMESPACE,
        instance_id=spec.instance_id,
        version=VERSION,
    )


def platform_identity() -> Identity:
    """The resource of the process that is the platform."""
    return Identity(
        name=PLATFORM,
        role=SpokenRole.OTHER,
        namespace=NAMESPACE,
        instance_id=f"{PLATFORM}-1",
        version=VERSION,
    )


def speaks(spec: AgentSpec) -> Speaks:
    """What an agent of the topology may count."""
    queues = (task_queue(spec.team),) if spec.team else ()
    match spec.role:
        case Role.ORCHESTRATOR:
            return _speaks(orchestrator.ACTIONS, elections=(orchestrator.ELECTION_GROUP,))
        case Role.SUPERVISOR:
            return _speaks(supervisor.ACTIONS, queues=queues)
        case Role.WORKER:
            return _speaks(
                worker.ACTIONS,
                queues=queues,
                models={provider.name: (provider.model,) for provider in PROVIDERS},
                rules=RULES,
            )
        case Role.POLICY:
            return _speaks(())
        case Role.REMEDIATION:
            return _speaks(guards.ACTIONS, remediations=(RemediationClass.OPS,))


def platform_own() -> Speaks:
    """What the platform may count of itself: its scheduler turns requests down."""
    return Speaks(messaging_system=BROKER, pools=POOLS)


def platform_speaks() -> Speaks:
    """What the observer of the fleet may count."""
    kinds = (*orchestrator.ACTIONS, *supervisor.ACTIONS, *worker.ACTIONS, *guards.ACTIONS)
    return Speaks(
        action_types=kinds,
        policies=(POLICY_SET,),
        queues=QUEUES,
        messaging_system=BROKER,
        elections=(orchestrator.ELECTION_GROUP,),
        remediations=(RemediationClass.OPS,),
    )


def _speaks(
    actions: tuple[str, ...],
    *,
    queues: tuple[str, ...] = (),
    models: dict[str, tuple[str, ...]] | None = None,
    rules: dict[str, ComplianceSeverity] | None = None,
    remediations: tuple[RemediationClass, ...] = (),
    elections: tuple[str, ...] = (),
) -> Speaks:
    return Speaks(
        action_types=actions,
        policies=(POLICY_SET,),
        queues=queues,
        messaging_system=BROKER,
        models=models or {},
        rules=rules or {},
        remediations=remediations,
        dependencies=DEPENDENCIES,
        elections=elections,
    )
