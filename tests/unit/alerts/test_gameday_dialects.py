"""Agents of the fleet at work in every dialect, without servers: what is counted is the truth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider

from alerts.gameday.fleet import providers, repertoire
from alerts.gameday.fleet.actor import Desk
from alerts.gameday.fleet.broker import Broker
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.guards import PolicyAgent
from alerts.gameday.fleet.line import Line
from alerts.gameday.fleet.supervisor import Supervisor
from alerts.gameday.fleet.topology import AgentSpec, Role, Topology
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.fleet.truth import Truth
from alerts.gameday.fleet.voice import MIXED, ForeignAgent, dialect_of, spoken
from alerts.gameday.fleet.worker import Worker
from collectors.instrument import Providers
from collectors.instrument.dialects import shapes
from tests.agent_spans import Recording, Seen, counted, merged

TASKS = 5
TRAFFIC = Traffic(latency_scale=0.001, action_failure=0.2, llm_failure=0.3, bulky=0.0)
TEAM = "research"
SPECS = (
    AgentSpec(f"supervisor-{TEAM}", Role.SUPERVISOR, TEAM, 1),
    AgentSpec(f"worker-{TEAM}", Role.WORKER, TEAM, 1),
    AgentSpec("policy-agent", Role.POLICY, "", 1),
)
ROLES = {Role.SUPERVISOR: Supervisor, Role.WORKER: Worker, Role.POLICY: PolicyAgent}


@dataclass(frozen=True)
class Told:
    """What a small fleet did, and what a collector makes of its spans."""

    truth: dict[str, int]
    seen: Seen


def told(dialect: str) -> Told:
    """Let a supervisor, a worker and a policy agent do some tasks, each a resource of its own."""
    return asyncio.run(_told(dialect))


async def _told(dialect: str) -> Told:
    broker, conditions, truth = Broker(), Conditions(), Truth()
    port = await broker.start()
    recordings: list[Recording] = []
    agents: list[ForeignAgent] = []
    working: list[asyncio.Task[None]] = [
        asyncio.create_task(providers.serve_all(port, TRAFFIC, conditions))
    ]
    for spec in SPECS:
        recordings.append(Recording(spec.name))
        of = Providers(recordings[-1].provider, MeterProvider(), LoggerProvider())
        agents.append(ForeignAgent(repertoire.identity(spec), repertoire.speaks(spec), of, dialect))
        desk = Desk(spec, await Line.open(port), agents[-1], TRAFFIC, conditions, truth)
        working.append(asyncio.create_task(ROLES[spec.role](desk).live()))
    asker = await Line.open(port)
    async with asyncio.timeout(30):
        calls = [asker.call(f"inbox.supervisor-{TEAM}", {"team": TEAM}) for _ in range(TASKS)]
        await asyncio.gather(*calls)
    await asker.close()
    await broker.stop()
    await asyncio.gather(*working, return_exceptions=True)
    for agent in agents:
        truth.add_told(agent.speaker.truth)
        agent.stop()
    return Told(truth.counts(), counted([merged(each.request() for each in recordings)]))


@pytest.mark.parametrize("dialect", sorted(shapes()))
def test_tokens_and_invocations_of_the_fleet_are_exact_in_every_dialect(dialect: str) -> None:
    found = told(dialect)

    truth, seen = found.truth, found.seen
    assert (
        sum(seen.by("gen_ai.invoke_agent.duration", "gen_ai.agent.name").values())
        == (truth["invocations"])
    )
    assert sum(seen.by("gen_ai.client.operation.duration", "error.type").values()) == truth["calls"]
    assert (
        sum(seen.by("gen_ai.execute_tool.duration", "gen_ai.tool.name").values())
        == (truth["tools"])
    )
    tokens = "gen_ai.client.token.usage"
    assert seen.sum(tokens, gen_ai__token__type="input") == truth["tokens/input"]
    assert seen.sum(tokens, gen_ai__token__type="output") == truth["tokens/output"]
    assert sum(truth.values()) > 2 * TASKS


def test_a_rate_limit_is_told_as_the_clients_of_models_tell_it() -> None:
    errors = told("otel-genai").seen.by("gen_ai.client.operation.duration", "error.type")

    assert {"rate_limit", "provider"} <= errors.keys()


def test_in_a_mixed_fleet_each_agent_has_its_own_and_another_seed_deals_anew() -> None:
    fleet = Topology()
    workers = [spec for spec in fleet.agents() if spec.role is Role.WORKER]

    dealt = [[dialect_of(spec, fleet, MIXED, seed) for spec in workers] for seed in (1, 2)]

    assert all(len(set(each)) == len(workers) for each in dealt)
    assert dealt[0] != dealt[1]
    assert set(spoken()) == {MIXED, *shapes()}
    assert dialect_of(workers[0], fleet, "", 1) == ""
