"""What every agent of the fleet does beside its work: heartbeats, policy news, probes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.frames import Body
from alerts.gameday.fleet.line import Line, LineClosedError
from alerts.gameday.fleet.topology import AgentSpec
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.fleet.truth import Truth
from alerts.gameday.fleet.voice import PlainAgent
from collectors.instrument import TICK_SECONDS, Agent, Dependency, DependencyState

POLICY_SET: Final = "fleet-guardrails"
CREDENTIAL: Final = "api_token"
CREDENTIAL_SECONDS: Final = 90 * 24 * 3600.0
_STORES: Final = {
    Dependency.STATE_STORE: "state-store",
    Dependency.POLICY_STORE: "policy-store",
}
_PROBE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent is given to work with."""

    spec: AgentSpec
    line: Line
    agent: Agent
    traffic: Traffic
    conditions: Conditions
    truth: Truth


class Actor:
    """An agent that is alive and does nothing; the roles add the work."""

    def __init__(self, desk: Desk) -> None:
        self.spec = desk.spec
        self.line = desk.line
        self.agent = desk.agent
        self.traffic = desk.traffic
        self.conditions = desk.conditions
        self.truth = desk.truth
        self.rng = desk.traffic.stream(desk.spec.key)
        self.policy_revision = 1
        self.paused = False
        self._sequence = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Work and beat until the message queue is gone or the task is cancelled."""
        self.line.subscribe("policy", self._hear_policy)
        self.line.subscribe("pause", self._hear_pause)
        async with asyncio.TaskGroup() as group:
            group.create_task(until_hung_up(self._beat()))
            group.create_task(until_hung_up(self.work()))

    async def work(self) -> None:
        """The role's own work; returns only at the end."""

    def healthy(self) -> bool:
        """Whether the agent would say of itself that it is well."""
        return self.spec.key not in self.conditions.wedged

    def is_silent(self) -> bool:
        """Whether nothing of it gets through: where all that is heard are spans and records."""
        return self.spec.key in self.conditions.muted and isinstance(self.agent, PlainAgent)

    def leads(self) -> str:
        """The group that the agent calls itself leader of; empty for none."""
        return ""

    def audit(self, kind: str, target: str, value: str = "", epoch: int = 0) -> None:
        """Write down what was done to what, here and where conflicts are looked for."""
        number = next(self._sequence)
        self.truth.add(f"actions/{kind}")
        said = {"mas.action.type": kind, "mas.action.target": target, "mas.action.value": value}
        if epoch:
            said["mas.lease.epoch"] = str(epoch)
        self.agent.audit(kind, {key: text for key, text in said.items() if text})
        self.line.publish(
            "audit",
            {
                "agent": self.spec.key,
                "name": self.spec.name,
                "sequence": number,
                "kind": kind,
                "target": target,
                "value": value,
                "key": f"{self.spec.key}/{number}",
                "epoch": epoch,
            },
        )

    def start(self, work: Awaitable[None]) -> None:
        """Let `work` go on beside us."""
        task = asyncio.create_task(until_hung_up(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self) -> None:
        """Call off what still goes on beside us: from here on nothing is done any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _beat(self) -> None:
        """Every fifteen seconds, a second earlier or later so that nobody beats in step."""
        while True:
            await self._probe()
            muted = self.spec.key in self.conditions.muted
            self.agent.log.disabled = self.is_silent()
            self.agent.credential(CREDENTIAL, -1.0 if muted else CREDENTIAL_SECONDS)
            self.agent.policy_revision(POLICY_SET, self.policy_revision)
            if not muted and self.rng.random() >= self.traffic.heartbeat_loss:
                self.line.publish("heartbeats", self._heartbeat())
            await asyncio.sleep(TICK_SECONDS + self.rng.uniform(-1.0, 0.0))

    def _heartbeat(self) -> Body:
        return {
            "place": self.spec.key,
            "beat": self.agent.heartbeat(healthy=self.healthy(), leads=self.leads()).to_json(),
            "policy": self.policy_revision,
        }

    async def _probe(self) -> None:
        """Ask the stores how they are; the queue is up when anybody answers through it."""
        answered = False
        for store, queue in _STORES.items():
            state = DependencyState.DOWN
            with contextlib.suppress(TimeoutError):
                await self.line.call(queue, {"op": "ping"}, timeout_seconds=_PROBE_SECONDS)
                state = DependencyState.UP
                answered = True
            self.agent.dependency(store, state)
        found = DependencyState.UP if answered else DependencyState.DOWN
        self.agent.dependency(Dependency.QUEUE, found)

    def _hear_policy(self, news: Body) -> None:
        if self.spec.key not in self.conditions.deaf:
            self.policy_revision = int(frames.number(news, "revision"))
            self.agent.policy_revision(POLICY_SET, self.policy_revision)

    def _hear_pause(self, order: Body) -> None:
        if frames.text(order, "agent") == self.spec.key:
            self.paused = frames.flag(order, "paused")
            self.agent.log.warning("%s, by order", "paused" if self.paused else "resumed")


def this_task() -> str:
    """The task that is at work: one task is one trace."""
    return f"task/{trace.get_current_span().get_span_context().trace_id:032x}"


async def until_hung_up(work: Awaitable[None]) -> None:
    """Run `work`; the end of the line is the end of the work and no failure."""
    with contextlib.suppress(LineClosedError):
        await work
