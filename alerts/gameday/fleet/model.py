"""Calls to language models, as an agent makes them: one provider, then the other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.line import Line
from alerts.gameday.fleet.traffic import Traffic
from collectors.instrument import Agent, ErrorType, inject
from collectors.instrument.work import LlmCall, classify_status

TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Provider:
    """Who runs a model; `share` of the calls go there first, prices per million tokens."""

    name: str
    model: str
    share: float
    input_dollars: float
    output_dollars: float


PROVIDERS: Final = (
    Provider("provider-a", "large-1", 0.7, 3.0, 15.0),
    Provider("provider-b", "swift-2", 0.3, 0.8, 4.0),
)


class Model:
    """One agent's access to the providers."""

    def __init__(self, agent: Agent, line: Line, traffic: Traffic, rng: random.Random) -> None:
        self._agent = agent
        self._line = line
        self._traffic = traffic
        self._rng = rng

    async def think(self) -> ErrorType | None:
        """Ask the preferred provider, on failure the other; the class of error if both fail."""
        preferred, fallback = PROVIDERS
        if self._rng.random() >= preferred.share:
            preferred, fallback = fallback, preferred
        if await self._ask(preferred) is None:
            return None
        return await self._ask(fallback)

    async def _ask(self, provider: Provider) -> ErrorType | None:
        with self._agent.llm_call(provider.name, provider.model) as call:
            answer = await self._request(provider)
            status = int(frames.number(answer, "status"))
            if status < 400:
                _pay(provider, call, answer)
                return None
            error = classify_status(status)
            call.fail(error)
            self._agent.log.warning("%s answered %d", provider.name, status)
            return error

    async def _request(self, provider: Provider) -> frames.Body:
        try:
            return await self._line.call(
                f"llm.{provider.name}", {}, inject(), timeout_seconds=TIMEOUT_SECONDS
            )
        except TimeoutError:
            return {"status": 408}


def _pay(provider: Provider, call: LlmCall, answer: frames.Body) -> None:
    """Tokens and their price, counted here and nowhere above."""
    sent = int(frames.number(answer, "input"))
    received = int(frames.number(answer, "output"))
    call.tokens(sent=sent, received=received)
    call.cost((sent * provider.input_dollars + received * provider.output_dollars) / 1e6)
