"""The agents that serve all teams: policy agents answer, remediation agents repair."""

from __future__ import annotations

import asyncio
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import Actor
from alerts.gameday.fleet.frames import Message
from collectors.instrument import RemediationClass

POLICIES: Final = ("change-window", "data-egress", "spend-limit")
ACTIONS: Final = ("remediate", "scale")
FLIP_SECONDS: Final = 60.0
CONTESTED: Final = "deployment/search/replicas"


class PolicyAgent(Actor):
    """Says whether an action is allowed."""

    async def work(self) -> None:
        """Answer questions, many at a time."""
        while True:
            message = await self.line.take("policy")
            self.start(self._evaluate(message))

    async def _evaluate(self, message: Message) -> None:
        policy = self.rng.choice(POLICIES)
        with (
            self.agent.invocation(message.headers),
            self.agent.policy_evaluation(policy, self.policy_revision),
        ):
            await asyncio.sleep(self.traffic.policy.draw(self.rng))
        self.line.answer(message, {"decision": "allow"})


class RemediationAgent(Actor):
    """Repairs what has been found broken; two of them can be made to fight."""

    async def work(self) -> None:
        """Take incidents one at a time."""
        self.start(self._contest())
        while True:
            message = await self.line.take("incidents")
            await self._remediate(message)

    async def _remediate(self, message: Message) -> None:
        target = frames.text(message.body, "target")
        with self.agent.action("remediate", target=target):
            with self.agent.remediation(RemediationClass.OPS, incident=target) as remediation:
                remediation.waited(message.wait_seconds)
                seconds = self.traffic.remediation.draw(self.rng) * self.traffic.latency_scale
                await asyncio.sleep(seconds)
            self.audit("remediate", target)
        self.agent.log.info("incident at %s remediated", target)
        self.line.publish("remediated", {"target": target})
        self.line.answer(message, {"outcome": "fixed"})

    async def _contest(self) -> None:
        """While the fault is in force: two agents set one thing to two values, in turns."""
        if self.spec.index > 2:
            return
        value = {1: "4", 2: "6"}[self.spec.index]
        while True:
            await asyncio.sleep(0.5)
            if not self.conditions.oscillating:
                continue
            await asyncio.sleep((self.spec.index - 1) * FLIP_SECONDS / 2)
            while self.conditions.oscillating:
                with self.agent.action("scale", target=CONTESTED):
                    self.audit("scale", CONTESTED, value)
                await asyncio.sleep(FLIP_SECONDS)
