"""Who is in the fleet, and which process each of them lives in.

Hierarchical delegation, as the runbook describes it: orchestrators with a leader lease,
a supervisor and a pool of workers per team, policy agents and remediation agents. Every
agent is a resource of its own; the processes are real, so that a trace really crosses
process boundaries.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TEAMS: Final = ("research", "ops", "data", "compliance")
NAMESPACE: Final = "fleet"
VERSION: Final = "1.4.0"
PLATFORM: Final = "platform"
LLM: Final = "llm-providers"
_IDS: Final = uuid.UUID("6d1f5e1e-6f0f-5b53-9a0e-2f6b8a2d1c11")


class Role(StrEnum):
    """What an agent is for: the values of `mas.agent.role`."""

    ORCHESTRATOR = "orchestrator"
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    POLICY = "policy"
    REMEDIATION = "remediation"


class Protocol(StrEnum):
    """How a process sends its telemetry; the fleet uses both."""

    GRPC = "grpc"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """One agent.

    Attributes:
        name: Its class, bounded: `service.name` and `gen_ai.agent.name`.
        team: The team of agents it works for; empty for those that serve all.
        index: From 1 within its class.
    """

    name: str
    role: Role
    team: str
    index: int

    @property
    def key(self) -> str:
        """How it is addressed: ``worker-research-2``."""
        return f"{self.name}-{self.index}"

    @property
    def instance_id(self) -> str:
        """`service.instance.id`: the same in every run."""
        return str(uuid.uuid5(_IDS, self.key))


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One operating system process and the agents inside it."""

    name: str
    agents: tuple[AgentSpec, ...]
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole fleet.

    Attributes:
        workers_per_team: At least 1. Three suit a laptop, ten are the full fleet.
        worker_processes: The pool is dealt onto so many processes, at least 1.
    """

    workers_per_team: int = 3
    worker_processes: int = 2

    def __post_init__(self) -> None:
        if self.workers_per_team < 1 or self.worker_processes < 1:
            msg = (
                "a fleet needs at least 1 worker per team in 1 process, "
                f"got {self.workers_per_team} in {self.worker_processes}"
            )
            raise ValueError(msg)

    def processes(self) -> tuple[ProcessSpec, ...]:
        """The processes with agents, in the order they are started."""
        orchestrators = tuple(
            ProcessSpec(agent.key, (agent,), Protocol.GRPC if agent.index == 1 else Protocol.HTTP)
            for agent in _class("orchestrator", Role.ORCHESTRATOR, "", 2)
        )
        supervisors = tuple(
            AgentSpec(f"supervisor-{team}", Role.SUPERVISOR, team, 1) for team in TEAMS
        )
        guards = (
            *_class("policy-agent", Role.POLICY, "", 2),
            *_class("remediation-agent", Role.REMEDIATION, "", 3),
        )
        return (
            *orchestrators,
            ProcessSpec("supervisors", supervisors, Protocol.GRPC),
            ProcessSpec("guards", guards, Protocol.HTTP),
            *self._workers(),
        )

    def agents(self) -> tuple[AgentSpec, ...]:
        """Every agent, in the order of the processes."""
        return tuple(agent for process in self.processes() for agent in process.agents)

    def _workers(self) -> tuple[ProcessSpec, ...]:
        """Each team is dealt over all processes, so that one that dies takes no team along."""
        dealt: list[list[AgentSpec]] = [[] for _ in range(self.worker_processes)]
        for index in range(1, self.workers_per_team + 1):
            for number, team in enumerate(TEAMS):
                spec = AgentSpec(f"worker-{team}", Role.WORKER, team, index)
                dealt[(index + number) % self.worker_processes].append(spec)
        return tuple(
            ProcessSpec(
                f"workers-{number}",
                tuple(hand),
                Protocol.GRPC if number % 2 else Protocol.HTTP,
            )
            for number, hand in enumerate(dealt, start=1)
        )


def _class(name: str, role: Role, team: str, count: int) -> tuple[AgentSpec, ...]:
    return tuple(AgentSpec(name, role, team, index) for index in range(1, count + 1))
