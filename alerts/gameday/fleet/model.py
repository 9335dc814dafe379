"""Calls to language models, as an agent makes them: one provider, then the other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.actor import Desk
from alerts.gameday.fleet.voice import ForeignAgent
from collectors.instrument import ErrorType, inject
from collectors.instrument.work import LlmCall, classify_status

TIMEOUT_SECONDS: Final = 60.0

BULK: Final = "and so on, at length, as models do. " * 8_000
"""What makes a span longer than 256 KiB."""


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

    def __init__(self, desk: Desk, rng: random.Random) -> None:
        self._agent = desk.agent
        self._line = desk.line
        self._traffic = desk.traffic
        self._truth = desk.truth
        self._rng = rng
        self._length = desk.traffic.stream(f"{desk.spec.key}/length")

    async def think(self, about: str = "") -> ErrorType | None:
        """Ask the preferred provider, on failure the other; the class of error if both fail.

        Args:
            about: What the prompt quotes.
        """
        preferred, fallback = PROVIDERS
        if self._rng.random() >= preferred.share:
            preferred, fallback = fallback, preferred
        if await self._ask(preferred, about) is None:
            return None
        return await self._ask(fallback, about)

    async def _ask(self, provider: Provider, about: str) -> ErrorType | None:
        with self._agent.llm_call(provider.name, provider.model) as call:
            if about:
                call.span.set_attribute("gen_ai.input.messages", f"The {about}.")
            if self._length.random() < self._traffic.bulky:
                call.span.set_attribute("gen_ai.output.messages", BULK)
            answer = await self._request(provider)
            status = int(frames.number(answer, "status"))
            if status < 400:
                self._pay(provider, call, answer)
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

    def _pay(self, provider: Provider, call: LlmCall, answer: frames.Body) -> None:
        """Tokens and their price, counted here and nowhere above."""
        sent = int(frames.number(answer, "input"))
        received = int(frames.number(answer, "output"))
        call.tokens(sent=sent, received=received)
        call.cost((sent * provider.input_dollars + received * provider.output_dollars) / 1e6)
        if not isinstance(self._agent, ForeignAgent):  # what that one told, it knows itself
            self._truth.add("tokens/input", sent)
            self._truth.add("tokens/output", received)
