"""The list `policies`: each has a name, a type, and under the type's name what it asks.

Source: opentelemetry-collector-contrib, tail sampling processor, README and `config.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from collectors.component import Config
from collectors.sampling.dynamic.config import (
    EmaDynamicConfig,
    EmaThroughputConfig,
    WindowedThroughputConfig,
)
from collectors.sampling.policies.config import (
    BooleanConfig,
    BytesLimitingConfig,
    LatencyConfig,
    NumericConfig,
    OttlConfig,
    ProbabilisticConfig,
    RateLimitingConfig,
    SpanCountConfig,
    StatusCodeConfig,
    StringConfig,
    TraceStateConfig,
    Whole,
    never,
)
from collectors.sampling.slo_config import SloPolicyConfig

Type = Literal[
    "always_sample",
    "latency",
    "numeric_attribute",
    "probabilistic",
    "status_code",
    "string_attribute",
    "boolean_attribute",
    "trace_state",
    "trace_flags",
    "rate_limiting",
    "bytes_limiting",
    "span_count",
    "ottl_condition",
    "and",
    "not",
    "drop",
    "composite",
    "ema_dynamic",
    "ema_throughput",
    "windowed_throughput",
    "slo",
]

OURS: Final = frozenset({"ema_dynamic", "ema_throughput", "windowed_throughput", "slo"})
"""Types that the OpenTelemetry Collector does not have."""

WITHOUT_BLOCK: Final = frozenset({"always_sample", "trace_flags"})
OPTIONAL_BLOCK: Final = frozenset({"latency", "span_count"})
"""Types whose block may be left out, for every value in it has a default that matches."""

_WHOLE: Final = 100


class AndConfig(Config):
    """Traces that all of these want."""

    and_sub_policy: Annotated[list[PolicyConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_simple_parts(self) -> Self:
        allow("and", self.and_sub_policy, {"composite", "and", "drop"})
        return self


class DropConfig(Config):
    """Traces that all of these want are dropped, whatever other policies want."""

    drop_sub_policy: Annotated[list[PolicyConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_simple_parts(self) -> Self:
        allow("drop", self.drop_sub_policy, {"composite", "drop"})
        return self


class NotConfig(Config):
    """Traces that this does not want."""

    not_sub_policy: PolicyConfig

    @model_validator(mode="after")
    def _has_simple_parts(self) -> Self:
        allow("not", [self.not_sub_policy], {"composite", "drop", "not"})
        return self


class AllocationConfig(Config):
    """What a part of a composite policy may let through.

    Attributes:
        percent: Of `max_total_spans_per_second`; 0 for as much as if all parts had the same.
    """

    policy: Annotated[str, Field(min_length=1)]
    percent: Annotated[int, Field(ge=0, le=_WHOLE)] = 0


class CompositeConfig(Config):
    """The first of these that wants a trace decides, as far as its spans last.

    Attributes:
        max_total_spans_per_second: Of all parts together.
        policy_order: Names of the parts; those that are not named come last.
        rate_allocation: Of a part that is not named here: what the others leave.
    """

    max_total_spans_per_second: Whole = 0
    policy_order: list[str] = Field(default_factory=list[str])
    composite_sub_policy: Annotated[list[PolicyConfig], Field(min_length=1)]
    rate_allocation: list[AllocationConfig] = Field(default_factory=list[AllocationConfig])

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        allow("composite", self.composite_sub_policy, {"composite", "drop"})
        if not self.max_total_spans_per_second:
            never("max_total_spans_per_second is 0")
        parts = [part.name for part in self.composite_sub_policy]
        _named_once("policy_order", self.policy_order, parts)
        _named_once("rate_allocation", [of.policy for of in self.rate_allocation], parts)
        rates = self.rates()
        if sum(rates.values()) > self.max_total_spans_per_second:
            msg = (
                f"rate_allocation gives out {sum(rates.values())} spans per second, and "
                f"max_total_spans_per_second is {self.max_total_spans_per_second}"
            )
            raise ValueError(msg)
        for name, rate in rates.items():
            if not rate:
                never(f"rate_allocation leaves {name} no span per second")
        return self

    def ordered(self) -> list[PolicyConfig]:
        """The parts as they are asked."""
        order = {name: place for place, name in enumerate(self.policy_order)}
        return sorted(self.composite_sub_policy, key=lambda of: order.get(of.name, len(order)))

    def rates(self) -> Mapping[str, int]:
        """Spans per second of each part."""
        total, parts = self.max_total_spans_per_second, len(self.composite_sub_policy)
        given = {
            of.policy: total * of.percent // _WHOLE if of.percent else total // parts
            for of in self.rate_allocation
        }
        missing = [of.name for of in self.composite_sub_policy if of.name not in given]
        left = max(0, total - sum(given.values()))
        return given | {name: left // len(missing) for name in missing}


class PolicyConfig(Config):
    """One policy.

    Attributes:
        name: For metrics and explanations; no other policy beside it has it.
        type: Which of the blocks counts, and that one only may be given.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, Field(min_length=1)]
    type: Type
    latency: LatencyConfig | None = None
    numeric_attribute: NumericConfig | None = None
    probabilistic: ProbabilisticConfig | None = None
    status_code: StatusCodeConfig | None = None
    string_attribute: StringConfig | None = None
    boolean_attribute: BooleanConfig | None = None
    trace_state: TraceStateConfig | None = None
    rate_limiting: RateLimitingConfig | None = None
    bytes_limiting: BytesLimitingConfig | None = None
    span_count: SpanCountConfig | None = None
    ottl_condition: OttlConfig | None = None
    and_: Annotated[AndConfig | None, Field(alias="and")] = None
    not_: Annotated[NotConfig | None, Field(alias="not")] = None
    drop: DropConfig | None = None
    composite: CompositeConfig | None = None
    ema_dynamic: EmaDynamicConfig | None = None
    ema_throughput: EmaThroughputConfig | None = None
    windowed_throughput: WindowedThroughputConfig | None = None
    slo: SloPolicyConfig | None = None

    @model_validator(mode="after")
    def _has_its_block(self) -> Self:
        given = [name for name in self._blocks() if name != self.type]
        if given:
            msg = f"a policy of type {self.type} does not read {given[0]}: the name says the type"
            raise ValueError(msg)
        needs = self.type not in WITHOUT_BLOCK | OPTIONAL_BLOCK
        if needs and self.type not in self._blocks():
            msg = f"a policy of type {self.type} needs {self.type}: {{...}}"
            raise ValueError(msg)
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        shown: dict[str, object] = handler(self)
        return {name: value for name, value in shown.items() if value is not None}

    def remark(self) -> str:
        """See `Remarked`."""
        found = sorted({of.type for of in self.within() if of.type in OURS})
        return f"the OpenTelemetry Collector has no {found[0]}" if found else ""

    def parts(self) -> Sequence[PolicyConfig]:
        """The policies that it is made of."""
        if self.and_:
            return self.and_.and_sub_policy
        if self.drop:
            return self.drop.drop_sub_policy
        if self.not_:
            return [self.not_.not_sub_policy]
        return self.composite.composite_sub_policy if self.composite else []

    def within(self) -> Iterator[PolicyConfig]:
        """This policy, and all that it is made of."""
        yield self
        for part in self.parts():
            yield from part.within()

    def _blocks(self) -> list[str]:
        """Names of the blocks that are given, as in the file."""
        return [
            field.alias or name
            for name, field in type(self).model_fields.items()
            if name not in {"name", "type"} and getattr(self, name) is not None
        ]


def allow(parent: str, parts: Sequence[PolicyConfig], refused: set[str]) -> None:
    """Refuse parts of the wrong type, and names that stand twice.

    Raises:
        ValueError: The first of them.
    """
    seen: set[str] = set()
    for part in parts:
        if part.type in refused:
            msg = f"{part.name} is of type {part.type}, which {parent} does not take"
            raise ValueError(msg)
        if part.name in seen:
            msg = f"{part.name} stands twice: each policy has a name of its own"
            raise ValueError(msg)
        seen.add(part.name)


def _named_once(where: str, names: Sequence[str], parts: Sequence[str]) -> None:
    for name in names:
        if name not in parts:
            msg = f"{where} names {name}, and composite_sub_policy has {', '.join(parts)}"
            raise ValueError(msg)
    if len(set(names)) < len(names):
        msg = f"{where} names a policy twice"
        raise ValueError(msg)


for _model in (AndConfig, DropConfig, NotConfig, CompositeConfig, PolicyConfig):
    _model.model_rebuild()
