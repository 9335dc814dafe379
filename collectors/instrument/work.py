"""What an agent does, each as a context manager that measures it once, when it ends.

Success is what happens when nobody says otherwise. An exception is recorded, judged by
`judge`, and goes on to the caller: the measurement never swallows it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from collectors.instrument.instruments import Instruments
from collectors.instrument.values import AttemptResult, Attribution, ErrorType, Outcome

Clock = Callable[[], float]
"""Monotonic seconds."""

_RATE_LIMIT: Final = 429
_AUTH: Final = (401, 403)
_TIMEOUT: Final = (408, 504)
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class Tools:
    """What every piece of work measures with."""

    tracer: Tracer
    instruments: Instruments
    clock: Clock


class Work(ABC):
    """A span around a block, and what follows from its end."""

    def __init__(
        self,
        tools: Tools,
        name: str,
        attributes: Mapping[str, str],
        kind: SpanKind = SpanKind.INTERNAL,
        parent: Context | None = None,
    ) -> None:
        self._tools = tools
        self._name = name
        self._attributes = dict(attributes)
        self._kind = kind
        self._parent = parent
        self._span: Span = trace.INVALID_SPAN
        self._token: Token[Context] | None = None
        self._started = 0.0

    @property
    def span(self) -> Span:
        """The span of this work, for attributes of your own."""
        return self._span

    def __enter__(self) -> Self:
        self._span = self._tools.tracer.start_span(
            self._name, context=self._parent, kind=self._kind, attributes=self._attributes
        )
        base = self._parent if self._parent is not None else otel_context.get_current()
        self._token = otel_context.attach(trace.set_span_in_context(self._span, base))
        self._started = self._tools.clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        seconds = max(0.0, self._tools.clock() - self._started)
        try:
            self._end(seconds, error)
        finally:
            if self._token is not None:
                otel_context.detach(self._token)
            self._span.end()

    @abstractmethod
    def _end(self, seconds: float, error: BaseException | None) -> None:
        """Measure. `error` has ended the block and will go on to the caller."""

    def _mark(self, error_type: str, error: BaseException | None) -> None:
        """Let the span say that the work failed."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR, error_type))
        if isinstance(error, Exception):
            self._span.record_exception(error)


class Action(Work):
    """One logical action: retries belong inside, and it counts once."""

    _judged: tuple[Outcome, Attribution] | None = None

    def succeed(self) -> None:
        """It did what it should; the same as saying nothing."""
        self._judged = (Outcome.SUCCESS, Attribution.NONE)

    def partial(self) -> None:
        """Some of it was done, and what was done stays useful."""
        self._judged = (Outcome.PARTIAL, Attribution.NONE)

    def fail(self, attribution: Attribution = Attribution.AGENT) -> None:
        """It failed, by whose fault."""
        self._judged = (Outcome.FAILURE, attribution)

    def time_out(self, attribution: Attribution = Attribution.DEPENDENCY) -> None:
        """It took too long, by whose fault."""
        self._judged = (Outcome.TIMEOUT, attribution)

    def reject(self) -> None:
        """A policy did not allow it: no failure, and not part of the total."""
        self._judged = (Outcome.REJECTED, Attribution.POLICY)

    def cancel(self) -> None:
        """It was called off: no failure, and not part of the total."""
        self._judged = (Outcome.CANCELLED, Attribution.USER)

    def defer(self) -> None:
        """It waits for somebody's approval: no failure, and not part of the total."""
        self._judged = (Outcome.DEFERRED, Attribution.NONE)

    def _end(
        self,
        seconds: float,  # noqa: ARG002 - the span holds it, no metric does
        error: BaseException | None,
    ) -> None:
        if error is not None and self._judged is None:
            self._judged = judge(error)
        outcome, attribution = self._judged or (Outcome.SUCCESS, Attribution.NONE)
        self._span.set_attribute("mas.action.outcome", outcome.value)
        if outcome in (Outcome.FAILURE, Outcome.TIMEOUT):
            self._span.set_attribute("mas.error.attribution", attribution.value)
            self._mark(_error_type(outcome, error), error)
        self._tools.instruments.add(
            "mas.agent.actions",
            1,
            {
                "mas.action.type": self._attributes["mas.action.type"],
                "mas.action.outcome": outcome.value,
                "mas.error.attribution": attribution.value,
            },
        )


class LlmCall(Work):
    """One operation on a model, its retries inside; each request is an attempt."""

    _error: ErrorType | None = None
    _attempts = 0

    def attempt(self, result: AttemptResult) -> None:
        """One request has ended. Say it for each, the last one too; or say it for none."""
        self._attempts += 1
        self._tools.instruments.add(
            "mas.llm.attempts",
            1,
            {**self._pick("gen_ai.provider.name"), "mas.llm.attempt.result": result.value},
        )

    def tokens(self, *, sent: int, received: int) -> None:
        """Tokens of the prompt and of the answer."""
        for kind, count in (("input", sent), ("output", received)):
            self._span.set_attribute(f"gen_ai.usage.{kind}_tokens", count)
            self._tools.instruments.record(
                "gen_ai.client.token.usage", count, {**self._model(), "gen_ai.token.type": kind}
            )

    def cost(self, usd: float) -> None:
        """US dollars, 0 or more."""
        labels = self._pick("gen_ai.provider.name", "gen_ai.request.model")
        self._tools.instruments.add("mas.llm.cost", usd, labels)

    def fail(self, error_type: ErrorType) -> None:
        """The operation failed, retries and all."""
        self._error = error_type

    def _end(self, seconds: float, error: BaseException | None) -> None:
        if error is not None and self._error is None:
            self._error = classify(error)
        labels = self._model()
        if self._error is not None:
            labels["error.type"] = self._error.value
            self._mark(self._error.value, error)
        self._tools.instruments.record("gen_ai.client.operation.duration", seconds, labels)
        if not self._attempts:
            self.attempt(_as_attempt(self._error))

    def _model(self) -> dict[str, str]:
        """The attributes that say what was called."""
        return self._pick("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")

    def _pick(self, *keys: str) -> dict[str, str]:
        """Some of the span's attributes."""
        return {key: self._attributes[key] for key in keys}


def judge(error: BaseException) -> tuple[Outcome, Attribution]:
    """Outcome and attribution of an exception that nobody explained.

    `TimeoutError` and `ConnectionError` speak of what the agent depends on, cancellation
    of whoever called it off, everything else of the agent.
    """
    if isinstance(error, TimeoutError):
        return Outcome.TIMEOUT, Attribution.DEPENDENCY
    if isinstance(error, ConnectionError):
        return Outcome.FAILURE, Attribution.DEPENDENCY
    if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)):
        return Outcome.CANCELLED, Attribution.USER
    return Outcome.FAILURE, Attribution.AGENT


def classify(error: BaseException) -> ErrorType:
    """The class of a model client's exception: by its `status_code` or `status`, else by type."""
    for attribute in ("status_code", "status", "code"):
        status = getattr(error, attribute, None)
        if isinstance(status, int):
            return classify_status(status)
    if isinstance(error, TimeoutError):
        return ErrorType.TIMEOUT
    return ErrorType.PROVIDER if isinstance(error, ConnectionError) else ErrorType.OTHER


def classify_status(status: int) -> ErrorType:
    """The class of an HTTP status of 400 or more."""
    if status == _RATE_LIMIT:
        return ErrorType.RATE_LIMIT
    if status in _AUTH:
        return ErrorType.AUTH
    if status in _TIMEOUT:
        return ErrorType.TIMEOUT
    if status >= _SERVER_ERROR:
        return ErrorType.PROVIDER
    return ErrorType.CLIENT if status >= _CLIENT_ERROR else ErrorType.OTHER


def _error_type(outcome: Outcome, error: BaseException | None) -> str:
    """`error.type` of a span: the exception's class, or what the outcome says."""
    if error is not None:
        return type(error).__qualname__
    return ErrorType.TIMEOUT.value if outcome is Outcome.TIMEOUT else ErrorType.OTHER.value


def _as_attempt(error: ErrorType | None) -> AttemptResult:
    """The result of the only attempt of an operation that ended with `error`."""
    if error is None:
        return AttemptResult.SUCCESS
    values = {result.value: result for result in AttemptResult}
    return values.get(error.value, AttemptResult.OTHER)
