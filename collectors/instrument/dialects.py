"""Agents that speak as other frameworks do, in spans whose truth is known.

For simulated fleets and for tests: the same work, told in the dialect of one's choice.
`shapes.yaml` holds what each framework makes of it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final
from uuid import uuid4

import yaml
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from pydantic import BaseModel, ConfigDict, Field

_ATTRIBUTE = str | int | float


class SpanShape(BaseModel):
    """One span, as a framework makes it; see `shapes.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    kind: str = "INTERNAL"
    scope: str = ""
    start: dict[str, _ATTRIBUTE] = Field(default_factory=dict[str, _ATTRIBUTE])
    end: dict[str, _ATTRIBUTE] = Field(default_factory=dict[str, _ATTRIBUTE])
    error: dict[str, _ATTRIBUTE] = Field(default_factory=dict[str, _ATTRIBUTE])
    ok: bool = False
    blind: bool = False
    detached: bool = False
    first: tuple[SpanShape, ...] = ()
    last: tuple[SpanShape, ...] = ()


class Shape(BaseModel):
    """How a framework tells of an invocation, a call to a model, and a tool.

    Attributes:
        dialect: Its name where dialects are understood.
        agent: Spans from the outermost to the innermost; none where nothing is told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    dialect: str
    scope: str
    agent: tuple[SpanShape, ...]
    llm: tuple[SpanShape, ...]
    tool: tuple[SpanShape, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1, le=1)
    shapes: tuple[Shape, ...]


@cache
def shapes() -> Mapping[str, Shape]:
    """Every shape by its name: the dialects that a `Speaker` can speak."""
    text = resources.files("collectors.instrument").joinpath("shapes.yaml").read_text("utf-8")
    return {shape.name: shape for shape in _File.model_validate(yaml.safe_load(text)).shapes}


@dataclass(slots=True)
class Truth:
    """What was really done and told, by agent, model or tool: what any reader must find.

    Attributes:
        failed: Things that ended in an exception, by what they were.
    """

    invocations: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    tools: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True)
class Call:
    """One call to a model; say its tokens before it ends."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0

    def tokens(self, *, sent: int, received: int, cached: int = 0, reasoning: int = 0) -> None:
        """Tokens of the prompt, `cached` among them, and of the answer, `reasoning` among them."""
        self.input, self.output, self.cached, self.reasoning = sent, received, cached, reasoning


_Words = dict[str, _ATTRIBUTE]
_NOTHING: Final[_Words] = {}
_AGENT: ContextVar[_Words] = ContextVar("dialect_of_the_agent", default=_NOTHING)


class Speaker:
    """Tells what agents do in one dialect. Safe in threads and in asyncio tasks.

    Attributes:
        truth: What it has told so far.
    """

    def __init__(self, dialect: str, traces: TracerProvider) -> None:
        """Speak `dialect`, one of `shapes()`, through `traces`.

        Raises:
            ValueError: Nobody speaks so.
        """
        if dialect not in shapes():
            msg = f"dialect must be one of {', '.join(sorted(shapes()))}, got {dialect!r}"
            raise ValueError(msg)
        self.shape = shapes()[dialect]
        self.truth = Truth()
        self._traces = traces
        self._lock = threading.Lock()

    @contextmanager
    def invocation(self, agent: str) -> Generator[None]:
        """One invocation of `agent`, all that is done inside."""
        words: _Words = {
            "agent": agent,
            "sum_input": 0,
            "sum_output": 0,
            "model": "",
            "provider": "",
        }
        token = _AGENT.set(words)
        try:
            with self._spans(self.shape.agent, words, "agent"):
                yield
        finally:
            _AGENT.reset(token)
            with self._lock:
                self.truth.invocations[agent] += bool(self.shape.agent)

    @contextmanager
    def llm_call(self, provider: str, model: str) -> Generator[Call]:
        """One call to `model`."""
        call, above = Call(), _AGENT.get()
        words: _Words = {"agent": "", **above, "provider": provider, "model": model}
        try:
            with self._spans(self.shape.llm, words, "llm", call):
                yield call
        finally:
            if above is not _NOTHING:
                above["sum_input"] = int(above["sum_input"]) + call.input
                above["sum_output"] = int(above["sum_output"]) + call.output
            if self.shape.llm:
                with self._lock:
                    self.truth.calls[model] += 1
                    self.truth.input_tokens += call.input
                    self.truth.output_tokens += call.output

    @contextmanager
    def tool(self, name: str) -> Generator[None]:
        """One execution of the tool `name`."""
        words: _Words = {"agent": "", "provider": "", **_AGENT.get(), "tool": name}
        try:
            with self._spans(self.shape.tool, words, "tool"):
                yield
        finally:
            with self._lock:
                self.truth.tools[name] += bool(self.shape.tool)

    @contextmanager
    def _spans(
        self, wanted: Sequence[SpanShape], words: _Words, what: str, call: Call | None = None
    ) -> Generator[None]:
        """The spans of `wanted`, each inside the one before."""
        opened: list[Span] = []
        try:
            with ExitStack() as stack:
                for shape in wanted:
                    span = self._open(shape, words)
                    opened.append(span)
                    if not shape.detached:
                        stack.enter_context(
                            trace.use_span(
                                span, record_exception=False, set_status_on_exception=False
                            )
                        )
                    for beside in shape.first:
                        self._open(beside, words, span).end()
                yield
        except BaseException as error:
            with self._lock:
                self.truth.failed[what] += bool(wanted)
            self._close(
                wanted, opened, {**words, **_amounts(call), "error": type(error).__name__}, error
            )
            raise
        self._close(wanted, opened, {**words, **_amounts(call)}, None)

    def _open(self, shape: SpanShape, words: _Words, above: Span | None = None) -> Span:
        tracer = self._traces.get_tracer(shape.scope or self.shape.scope)
        return tracer.start_span(
            _filled(shape.name, words, _id()),
            context=None if above is None else trace.set_span_in_context(above),
            kind=SpanKind[shape.kind],
            attributes=_told(shape.start, words),
        )

    def _close(
        self,
        wanted: Sequence[SpanShape],
        opened: Sequence[Span],
        words: _Words,
        error: BaseException | None,
    ) -> None:
        """End the spans, the innermost first."""
        for shape, span in zip(reversed(wanted[: len(opened)]), reversed(opened), strict=True):
            for beside in shape.last:
                self._open(beside, words, span).end()
            span.set_attributes(_told(shape.end, words))
            if error is not None:
                span.set_attributes(_told(shape.error, words))
                if not shape.blind:
                    span.record_exception(error)
                    span.set_status(Status(StatusCode.ERROR))
            elif shape.ok:
                span.set_status(Status(StatusCode.OK))
            span.end()


def _amounts(call: Call | None) -> _Words:
    if call is None:
        return {}
    return {
        "input": call.input,
        "output": call.output,
        "cached": call.cached,
        "reasoning": call.reasoning,
        "fresh": call.input - call.cached,
        "spoken": call.output - call.reasoning,
    }


def _told(template: Mapping[str, _ATTRIBUTE], words: _Words) -> _Words:
    fresh = _id()
    return {
        key: _value(value, words, fresh) if isinstance(value, str) else value
        for key, value in template.items()
    }


def _value(template: str, words: _Words, fresh: str) -> _ATTRIBUTE:
    """A template filled in; a word alone stays the number that it may be."""
    word = template[1:-1] if template[:1] == "{" and template[-1:] == "}" else ""
    return words[word] if word in words else _filled(template, words, fresh)


def _filled(template: str, words: _Words, fresh: str) -> str:
    return template.format_map({**words, "id": fresh})


def _id() -> str:
    return str(uuid4())
