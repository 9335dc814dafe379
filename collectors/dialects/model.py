"""The dialects that agent frameworks speak in spans: what `dialects.yaml` says, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

SCOPE: Final = "scope"
SPAN_NAME: Final = "span_name"
SPAN_KIND: Final = "span_kind"
SPAN_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
OPERATION: Final = "gen_ai.operation.name"
TOKENS: Final = ("input", "output", "cache_read", "cache_creation", "reasoning", "cost")
"""What a span may say of its usage: counts of tokens, and US dollars."""


class Kind(StrEnum):
    """What a span stands for.

    AGENT: one invocation of an agent. LLM: one operation on a model. TOOL: one execution of
    a tool. WORKFLOW: one run of a workflow. ATTEMPT: one request on the wire to a model's
    provider. MESSAGE: the work on one message. SEND: a message put into a queue. GUARDRAIL: one
    evaluation of a policy. HANDOFF: work given to another agent. STEP: something between them,
    which counts as nothing. ECHO: something that another span tells already.
    """

    AGENT = "agent"
    LLM = "llm"
    TOOL = "tool"
    WORKFLOW = "workflow"
    ATTEMPT = "attempt"
    MESSAGE = "message"
    SEND = "send"
    GUARDRAIL = "guardrail"
    HANDOFF = "handoff"
    STEP = "step"
    ECHO = "echo"


Matcher = bool | tuple[str, ...]
"""Present, absent, or patterns with ``*`` of which one fits the value."""

Condition = Mapping[str, Matcher]
"""What must hold, by attribute, or by `SCOPE`, `SPAN_NAME`, `SPAN_KIND`; all of it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and what the span is where it holds.

    Attributes:
        operation: What `gen_ai.operation.name` is then; empty for what the span says itself.
    """

    when: Condition
    kind: Kind
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of speaking, in one version.

    Attributes:
        recognise: Any of them.
        rules: The first that holds decides.
        fields: Where each canonical field is read, best first.
        tokens: Likewise for `TOKENS`.
        beside_input: Counts that are added to the input, `beside_output` to the output.
        is_sum: Tokens of whatever is no operation on a model add up what is below it.
        failed: A span that fails although its status does not say so.
        measures: Metrics that the framework sends itself; ``*`` for all of the catalogue.
    """

    name: str
    version: str
    title: str
    source: str
    recognise: tuple[Condition, ...]
    rules: tuple[Rule, ...]
    fields: Mapping[str, tuple[str, ...]]
    tokens: Mapping[str, tuple[str, ...]]
    beside_input: tuple[str, ...]
    beside_output: tuple[str, ...]
    is_sum: bool
    failed: Condition | None
    measures: tuple[str, ...]

    @property
    def measures_itself(self) -> bool:
        """Whether nothing of it is to be counted: it sends all metrics already."""
        return "*" in self.measures


@dataclass(frozen=True, slots=True)
class Dialects:
    """All of them, in the order in which they are asked.

    Attributes:
        aliases: For each field patterns of values, and the value meant.
    """

    dialects: tuple[Dialect, ...]
    aliases: Mapping[str, Mapping[str, str]]

    def names(self) -> tuple[str, ...]:
        """Every name once."""
        return tuple(dict.fromkeys(dialect.name for dialect in self.dialects))


_Raw = dict[str, bool | str | list[str]]


class _Entry(BaseModel):
    """Base of what stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Operation(_Entry):
    kind: Kind
    operation: str = ""


class _Rule(_Operation):
    when: _Raw


class _Dialect(_Entry):
    name: str
    version: str
    title: str
    source: str
    recognise: tuple[_Raw, ...] = Field(min_length=1)
    kinds: tuple[_Rule, ...] = ()
    operations: bool = True
    fields: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    tokens: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    usage: Literal["alone", "sum"] = "alone"
    failed: _Raw | None = None
    measures: tuple[str, ...] = ()


class _File(_Entry):
    version: int = Field(ge=1, le=1)
    operations: dict[str, _Operation]
    fields: dict[str, tuple[str, ...]]
    tokens: dict[str, tuple[str, ...]]
    aliases: dict[str, dict[str, str]]
    dialects: tuple[_Dialect, ...]


def load(text: str) -> Dialects:
    """Read dialects from YAML.

    Raises:
        ValueError: Not the format, or a dialect names a field that there is not.
    """
    file = _File.model_validate(yaml.safe_load(text))
    return Dialects(
        dialects=tuple(_dialect(entry, file) for entry in file.dialects),
        aliases=MappingProxyType(file.aliases),
    )


@cache
def dialects() -> Dialects:
    """Those that are built in."""
    return load(resources.files("collectors.dialects").joinpath("dialects.yaml").read_text("utf-8"))


def _dialect(entry: _Dialect, file: _File) -> Dialect:
    for known, given in ((file.fields, entry.fields), (file.tokens, entry.tokens)):
        if strange := sorted(set(given) - set(known)):
            msg = f"dialect {entry.name} has {strange[0]!r}, which is none of {sorted(known)}"
            raise ValueError(msg)
    rules = [Rule(_condition(rule.when), rule.kind, rule.operation) for rule in entry.kinds]
    if entry.operations:
        rules += [
            Rule({OPERATION: (name,)}, of.kind, of.operation)
            for name, of in file.operations.items()
        ]
    tokens = file.tokens | entry.tokens
    return Dialect(
        name=entry.name,
        version=entry.version,
        title=entry.title,
        source=entry.source,
        recognise=tuple(_condition(raw) for raw in entry.recognise),
        rules=tuple(rules),
        fields=MappingProxyType(file.fields | entry.fields),
        tokens=MappingProxyType({name: tokens[name] for name in TOKENS}),
        beside_input=tokens["beside_input"],
        beside_output=tokens["beside_output"],
        is_sum=entry.usage == "sum",
        failed=None if entry.failed is None else _condition(entry.failed),
        measures=entry.measures,
    )


def _condition(raw: _Raw) -> Condition:
    found: dict[str, Matcher] = {}
    for key, value in raw.items():
        found[key] = value if isinstance(value, bool) else _patterns(value)
    return MappingProxyType(found)


def _patterns(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
