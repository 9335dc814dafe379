"""The providers of language models: they take their time, and sometimes they fail.

They are outside of the fleet, so they send no telemetry: what is known of them is what
their callers saw.
"""

from __future__ import annotations

import asyncio

from alerts.gameday.fleet.actor import until_hung_up
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.frames import Message
from alerts.gameday.fleet.line import Line
from alerts.gameday.fleet.model import PROVIDERS, Provider
from alerts.gameday.fleet.traffic import Traffic


class ProviderDesk:
    """One provider: answers every call, many at a time."""

    def __init__(
        self, provider: Provider, line: Line, traffic: Traffic, conditions: Conditions
    ) -> None:
        self._provider = provider
        self._line = line
        self._traffic = traffic
        self._conditions = conditions
        self._rng = traffic.stream(provider.name)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Take calls until the message queue is gone."""
        while True:
            message = await self._line.take(f"llm.{self._provider.name}")
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Message) -> None:
        status = self._status()
        if status >= 400:
            self._line.answer(message, {"status": status})
            return
        await asyncio.sleep(self._traffic.llm.draw(self._rng) * self._traffic.latency_scale)
        self._line.answer(
            message,
            {
                "status": 200,
                "input": _tokens(self._traffic.input_tokens.draw(self._rng)),
                "output": _tokens(self._traffic.output_tokens.draw(self._rng)),
            },
        )

    def _status(self) -> int:
        """Half of the everyday failures are rate limits, half are the provider's own."""
        injected = self._conditions.llm_errors.get(self._provider.name)
        if injected is not None and self._rng.random() < injected[0]:
            return injected[1]
        if self._rng.random() < self._traffic.llm_failure:
            return 429 if self._rng.random() < 0.5 else 503
        return 200


async def serve_all(port: int, traffic: Traffic, conditions: Conditions) -> None:
    """Every provider, each on a line of its own."""
    async with asyncio.TaskGroup() as group:
        for provider in PROVIDERS:
            line = await Line.open(port)
            desk = ProviderDesk(provider, line, traffic, conditions)
            group.create_task(until_hung_up(desk.serve()))


def _tokens(drawn: float) -> int:
    """A call has at least one token."""
    return max(1, round(drawn))
