"""Who an agent is, and what it may speak of: known before its first measurement."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from opentelemetry.sdk.resources import Resource

from collectors.instrument.values import ComplianceSeverity, Dependency, RemediationClass, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One agent: a class of agents by `name`, one process or replica by `instance_id`.

    Attributes:
        name: Class of the agent, at most 50 in a fleet; never an id. Label and `service.name`.
        team: The team of agents that it works in.
        instance_id: Unique in the fleet; random when not given.
        version: What is deployed.
    """

    name: str
    role: Role
    team: str = ""
    namespace: str = "fleet"
    instance_id: str = field(default_factory=lambda: str(uuid4()))
    version: str = "0.0.0"
    environment: str = "production"
    host: str = field(default_factory=platform.node)

    def resource(self) -> Resource:
        """The OpenTelemetry resource, `OTEL_RESOURCE_ATTRIBUTES` merged below it."""
        return Resource.create(
            {
                "service.namespace": self.namespace,
                "service.name": self.name,
                "service.instance.id": self.instance_id,
                "service.version": self.version,
                "deployment.environment.name": self.environment,
                "host.name": self.host,
                "mas.team": self.team,
            }
        )

    def constants(self) -> dict[str, str]:
        """The attributes that every measurement of this agent carries, where declared."""
        return {
            "gen_ai.agent.name": self.name,
            "mas.agent.role": self.role.value,
            "mas.source.agent": self.name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaks:
    """What an agent may speak of, so that every series exists at 0 from the start.

    A counter that is born at 1 never rose, so `rate` and `increase` do not see its first
    event. What is not listed here still counts, but its first event is invisible.

    Attributes:
        models: Provider of models, and the models that it is asked for.
        rules: Compliance rule, and how grave a breach of it is.
        hands_to: Names of the agents that it hands work to.
    """

    action_types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    messaging_system: str = "memory"
    pools: tuple[str, ...] = ()
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    rules: Mapping[str, ComplianceSeverity] = field(default_factory=dict[str, ComplianceSeverity])
    remediations: tuple[RemediationClass, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    elections: tuple[str, ...] = ()
    hands_to: tuple[str, ...] = ()

    def known(self) -> dict[str, tuple[str, ...]]:
        """The values of each attribute; an empty one starts no series."""
        return {
            "mas.action.type": self.action_types,
            "mas.policy.name": self.policies,
            "messaging.destination.name": self.queues,
            "messaging.system": (self.messaging_system,),
            "mas.resource.pool": self.pools,
            "gen_ai.provider.name": tuple(self.models),
            "mas.remediation.class": self.remediations,
            "mas.dependency.name": self.dependencies,
            "mas.election.group": self.elections,
            "mas.target.agent": self.hands_to,
        }
