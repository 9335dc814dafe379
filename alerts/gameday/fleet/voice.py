"""Agents that tell of their work in another framework's words, and count none of it themselves.

Invocations, calls to models and tools are spans of the dialect, and what they come to is the
collector's to count. Everything else they count as all agents do.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from opentelemetry import context as otel_context
from opentelemetry import trace

from alerts.gameday.fleet.topology import AgentSpec, Topology
from collectors.instrument import (
    Agent,
    AgentState,
    AttemptResult,
    ErrorType,
    Heartbeat,
    Identity,
    Operation,
    Providers,
    Speaks,
    extract,
)
from collectors.instrument.dialects import Call, Speaker, shapes
from collectors.instrument.duties import Invocation, ToolCall
from collectors.instrument.work import LlmCall, Work

MIXED: Final = "mixed"
"""Every agent speaks another one."""

_NAMES: Final = {
    ErrorType.RATE_LIMIT: "RateLimitError",
    ErrorType.AUTH: "AuthenticationError",
    ErrorType.TIMEOUT: "APITimeoutError",
    ErrorType.PROVIDER: "InternalServerError",
    ErrorType.CLIENT: "BadRequestError",
}
"""What the clients of models call their exceptions; dialects tell the class by its name."""


def spoken() -> tuple[str, ...]:
    """What a fleet can be told to speak, beside its own."""
    return (MIXED, *sorted(shapes()))


def dialect_of(spec: AgentSpec, topology: Topology, chosen: str, seed: int) -> str:
    """What an agent speaks: what was chosen, or its turn of all, another one for another seed."""
    if chosen != MIXED:
        return chosen
    names = sorted(shapes())
    place = [each.key for each in topology.agents()].index(spec.key)
    return names[(seed + place) % len(names)]


class ForeignAgent(Agent):
    """An agent that was written with some framework.

    Attributes:
        speaker: Knows what was told.
    """

    def __init__(
        self, identity: Identity, speaks: Speaks, providers: Providers, dialect: str
    ) -> None:
        """Speak `dialect`, one of `shapes()`; models that it calls are counted by nobody here."""
        super().__init__(identity, replace(speaks, models={}), providers)
        self.speaker = Speaker(dialect, providers.traces)

    def invocation(self, headers: Mapping[str, str] | None = None) -> Invocation:
        """One invocation, in the dialect's spans."""
        spoken = _SpokenInvocation(
            self._tools, "", {}, parent=extract(headers) if headers else None
        )
        return spoken.by(self.speaker.invocation(self.identity.name))

    def tool(self, name: str) -> ToolCall:
        """One execution of a tool, in the dialect's spans."""
        return _SpokenTool(self._tools, "", {}).by(self.speaker.tool(name))

    def llm_call(self, provider: str, model: str, operation: Operation = Operation.CHAT) -> LlmCall:
        """One call to a model, in the dialect's spans; every dialect knows chats."""
        del operation
        return _SpokenCall(self._tools, "", {}).by(self.speaker.llm_call(provider, model))


class PlainAgent(ForeignAgent):
    """An agent whose spans and log records are all that anybody hears of it.

    What others keep a roster by, it writes down: that it is there, what it leads, and which
    revision of the policies it enforces.
    """

    def heartbeat(
        self, *, healthy: bool = True, draining: bool = False, leads: str = ""
    ) -> Heartbeat:
        """Write that it is there."""
        beat = super().heartbeat(healthy=healthy, draining=draining, leads=leads)
        state = AgentState.HEALTHY if healthy else AgentState.DEGRADED
        said: dict[str, str | bool] = {
            "mas.agent.heartbeat": True,
            "mas.agent.state": (AgentState.DRAINING if draining else state).value,
            "mas.agent.role": self.identity.role.value,
        }
        if leads:
            said |= {"mas.election.group": leads, "mas.leader": True}
        self.log.info("heartbeat", extra=said)
        return beat

    def policy_revision(self, policy: str, revision: int) -> None:
        """Write which revision it enforces."""
        super().policy_revision(policy, revision)
        said = {"mas.policy.name": policy, "mas.policy.version": str(revision)}
        self.log.info("policy in force", extra=said)


class _Spoken(Work):
    """Work whose spans a `Speaker` makes; what fails is told as an exception."""

    _error: ErrorType | None = None
    _block: AbstractContextManager[Call | None]
    _call: Call | None = None

    def by(self, block: AbstractContextManager[Call | None]) -> Self:
        """Let `block` tell of it."""
        self._block = block
        return self

    def __enter__(self) -> Self:
        if self._parent is not None:
            self._token = otel_context.attach(self._parent)
        self._call = self._block.__enter__()
        self._span = trace.get_current_span()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        told = error if error is not None else _raised(self._error)
        try:
            self._block.__exit__(None if told is None else type(told), told, where)
        finally:
            if self._token is not None:
                otel_context.detach(self._token)


class _SpokenInvocation(_Spoken, Invocation):
    pass


class _SpokenTool(_Spoken, ToolCall):
    pass


class _SpokenCall(_Spoken, LlmCall):
    def attempt(self, result: AttemptResult) -> None:
        """Nobody tells of requests."""

    def tokens(self, *, sent: int, received: int) -> None:
        """Tokens of the prompt and of the answer."""
        if self._call is not None:
            self._call.tokens(sent=sent, received=received)

    def cost(self, usd: float) -> None:
        """Whoever reads the spans may work it out."""


def _raised(error: ErrorType | None) -> Exception | None:
    """What the framework would have seen."""
    return None if error is None else type(_NAMES.get(error, "AgentError"), (Exception,), {})()
