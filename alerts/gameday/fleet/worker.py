"""The workers: take a task, ask the policy, call models and tools, say how it went."""

from __future__ import annotations

import asyncio
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import Actor, Desk
from alerts.gameday.fleet.canaries import person
from alerts.gameday.fleet.frames import Message
from alerts.gameday.fleet.model import Model
from alerts.gameday.fleet.supervisor import task_queue
from collectors.instrument import (
    Attribution,
    ComplianceAction,
    ComplianceSeverity,
    ErrorType,
    LoopKind,
    inject,
)

ACTIONS: Final = ("query", "change", "notify")
TOOLS: Final = {"query": "search", "change": "editor", "notify": "messenger"}
REPETITIONS: Final = 4
"""Calls that are the same in one run; three are a loop."""

_WEDGED_POLL_SECONDS: Final = 0.25


class Worker(Actor):
    """Does one task at a time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._model = Model(desk, self.rng)
        self._people = desk.traffic.stream(f"{desk.spec.key}/people")
        self._runs = desk.traffic.stream(f"{desk.spec.key}/long runs")

    async def work(self) -> None:
        """Take tasks until the end; a wedged worker holds what it took and does nothing."""
        queue = task_queue(self.spec.team)
        while True:
            message = await self.line.take(queue)
            while self._stuck():  # noqa: ASYNC110 - what ends it is a command
                await asyncio.sleep(_WEDGED_POLL_SECONDS)
            with self.agent.receive(queue, message.headers, message.wait_seconds):
                error = await self._process(message)
            self.line.answer(message, {"error": "" if error is None else error.value})

    def _stuck(self) -> bool:
        return self.paused or self.is_silent() or self.spec.key in self.conditions.wedged

    async def _process(self, message: Message) -> ErrorType | None:
        """Work through one task; the class of its first error, if there was one."""
        first: ErrorType | None = None
        about = person(self._people) if self.traffic.speaks_of_a_person(self._people) else ""
        with self.agent.invocation() as invocation:
            invocation.span.set_attribute("mas.lease.epoch", frames.number(message.body, "epoch"))
            await asyncio.sleep(self.traffic.pause(self._runs))
            for number in range(self.traffic.actions_per_task):
                kind = ACTIONS[number % len(ACTIONS)]
                thinks = number < self.traffic.llm_calls_per_task
                error = await self._act(kind, thinks=thinks, about=about)
                first = first or error
            if first is not None:
                invocation.fail(first)
        return first

    async def _act(self, kind: str, *, thinks: bool, about: str) -> ErrorType | None:
        """One logical action: think, ask the policy, use the tool, write it down."""
        target = f"{self.spec.team}/{self.rng.getrandbits(48):012x}"
        with self.agent.action(self._told(kind), target=target) as action:
            if about:
                action.span.set_attribute("mas.action.reason", f"The {about}.")
                action.span.add_event("quoted", {"text": about})
                self.agent.log.info("%s for: %s", kind, about)
            if thinks and (error := await self._model.think(about)) is not None:
                action.fail(Attribution.PROVIDER)
                self.audit(kind, target)
                return error
            if await self._ask_policy(kind) != "allow":
                action.reject()
                self.audit(kind, target)
                return None
            if self.conditions.breaches:
                self._breach()
            error, attribution = await self._use_tool(kind)
            if error is not None:
                action.fail(attribution)
            self.audit(kind, target, "changed" if kind == "change" else "")
            return error

    def _told(self, kind: str) -> str:
        """The type of an action, as it is counted."""
        if self.spec.key not in self.conditions.naming:
            return kind
        return f"{kind}-{self.rng.getrandbits(48):012x}"

    async def _ask_policy(self, kind: str) -> str:
        question: frames.Body = {"kind": kind, "agent": self.spec.key}
        try:
            answer = await self.line.call("policy", question, inject())
        except TimeoutError:
            self.agent.log.warning("no policy agent answered about %s", kind)
            return "error"
        return frames.text(answer, "decision")

    async def _use_tool(self, kind: str) -> tuple[ErrorType | None, Attribution]:
        name = TOOLS[kind]
        if self.spec.key in self.conditions.looping and kind == ACTIONS[0]:
            await self._repeat(name)
        with self.agent.tool(name) as tool:
            await asyncio.sleep(self.traffic.tool.draw(self.rng) * self.traffic.latency_scale)
            error, attribution = self._luck()
            if error is not None:
                tool.fail(error)
                self.agent.log.warning("tool %s failed: %s", name, error.value)
        return error, attribution

    async def _repeat(self, name: str) -> None:
        """Go round in a circle: ask the same thing again and again."""
        for _ in range(REPETITIONS):
            with self.agent.tool(name) as tool:
                tool.span.set_attribute("gen_ai.tool.call.arguments", '{"query": "status"}')
                await asyncio.sleep(0)
        self.agent.loop(LoopKind.REPETITION)
        self.truth.add("loops/repetition")

    def _luck(self) -> tuple[ErrorType | None, Attribution]:
        """Everyday failures are a dependency's; injected ones are the agent's own."""
        failing = self.conditions.action_failure
        injected = failing.get(self.spec.name, failing.get("*"))
        draw = self.rng.random()
        if injected is not None:
            return (ErrorType.OTHER if draw < injected else None), Attribution.AGENT
        failed = draw < self.traffic.action_failure
        return (ErrorType.DEPENDENCY if failed else None), Attribution.DEPENDENCY

    def _breach(self) -> None:
        """Break a rule, be caught, and report it: the supervisor pauses us at once."""
        breach = self.conditions.breaches.popleft()
        severity = ComplianceSeverity(breach.severity)
        self.agent.violation(breach.rule, ComplianceAction.PAUSED, severity)
        self.truth.add("violations")
        self.line.publish("breaches", {"agent": self.spec.key, "rule": breach.rule})
