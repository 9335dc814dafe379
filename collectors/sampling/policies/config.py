"""Configuration of the policies that look at a trace by themselves.

Names, defaults and meaning are the OpenTelemetry Collector's. What can never match is an
error: nobody writes down a policy for nothing.

Source: opentelemetry-collector-contrib, tail sampling processor, README and `config.go`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NoReturn, Self

from pydantic import AfterValidator, Field, model_validator

from collectors.component import Config
from collectors.ottl import CONTEXTS, Condition
from collectors.patterns import pattern

LONGEST_STATE_MEMBER: Final = 256
"""Bytes of a key, its value and what is between them (W3C, "Trace Context", 3.3)."""

_STATE_KEY: Final = "[a-z0-9][a-z0-9_*/@-]{0,255}"
"""A key of a trace state (W3C, "Trace Context", level 2, 3.3.1.3.1)."""

_LARGEST: Final = 2**63 - 1

Key = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Field(ge=0, le=_LARGEST)]
Signed = Annotated[int, Field(ge=-_LARGEST - 1, le=_LARGEST)]


def never(reason: str) -> NoReturn:
    """Refuse what cannot match any trace.

    Raises:
        ValueError: Always.
    """
    msg = f"can never match: {reason}"
    raise ValueError(msg)


class LatencyConfig(Config):
    """How long the trace took, from its first start to its last end, in whole milliseconds.

    Attributes:
        threshold_ms: It took longer than this.
        upper_threshold_ms: And not longer than this; 0 for any time.
    """

    threshold_ms: Whole = 0
    upper_threshold_ms: Whole = 0

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        low, high = self.threshold_ms, self.upper_threshold_ms
        if high and high <= low:
            never(f"no time is above threshold_ms {low} and at most upper_threshold_ms {high}")
        return self


class NumericConfig(Config):
    """A number in an attribute of a span or its resource.

    Attributes:
        min_value: The number is at least this; 0 for any.
        max_value: And at most this; 0 for any.
        invert_match: No span has such a number.
    """

    key: Key
    min_value: Signed = 0
    max_value: Signed = 0
    invert_match: bool = False

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        low, high = self.min_value, self.max_value
        if not low and not high:
            msg = "needs min_value or max_value, and 0 counts as not given"
            raise ValueError(msg)
        if low and high and low > high and not self.invert_match:
            never(f"no number is at least min_value {low} and at most max_value {high}")
        return self


class ProbabilisticConfig(Config):
    """A share of traces.

    Attributes:
        hash_salt: Empty: by the randomness of the trace, which every consistent sampler
            shares. Else by a hash of this and the trace id, as the Collector has it.
        sampling_percentage: Share that is kept; above 100 counts as 100.
    """

    hash_salt: str = ""
    sampling_percentage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if not self.sampling_percentage:
            never("sampling_percentage is 0")
        return self


class StatusCodeConfig(Config):
    """A span has one of these statuses."""

    status_codes: Annotated[list[Literal["OK", "ERROR", "UNSET"]], Field(min_length=1)]


class StringConfig(Config):
    """A text in an attribute of a span or its resource.

    Attributes:
        values: It is one of these, or has a part that one of these patterns describes.
        cache_max_size: Taken, and without effect: each text of a request is tried once.
        invert_match: No span has such a text.
    """

    key: Key
    values: list[str] = Field(default_factory=list[str])
    enabled_regex_matching: bool = False
    cache_max_size: int = 0
    invert_match: bool = False

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.enabled_regex_matching:
            for text in self.values:
                pattern(text)
        if not self.invert_match and not any(self._useful()):
            never("values must hold at least one text")
        return self

    def _useful(self) -> list[str]:
        return self.values if self.enabled_regex_matching else [of for of in self.values if of]


class BooleanConfig(Config):
    """A yes or no in an attribute of a span or its resource.

    Attributes:
        invert_match: No span says so.
    """

    key: Key
    value: bool = False
    invert_match: bool = False


class RateLimitingConfig(Config):
    """Traces until a bucket of spans is empty, which fills by the second.

    Attributes:
        burst_capacity: Spans that the bucket holds; 0 for twice `spans_per_second`.
    """

    spans_per_second: Whole = 0
    burst_capacity: Whole = 0

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if not self.spans_per_second:
            never("spans_per_second is 0")
        return self


class BytesLimitingConfig(Config):
    """Traces until a bucket of bytes is empty, which fills by the second.

    Attributes:
        burst_capacity: Bytes that the bucket holds; 0 for twice `bytes_per_second`.
    """

    bytes_per_second: Whole = 0
    burst_capacity: Whole = 0

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if not self.bytes_per_second:
            never("bytes_per_second is 0")
        return self


class SpanCountConfig(Config):
    """How many spans the trace has, both bounds included; `max_spans` 0 for any number."""

    min_spans: Whole = 0
    max_spans: Whole = 0

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        low, high = self.min_spans, self.max_spans
        if high and high < low:
            never(f"no count is at least min_spans {low} and at most max_spans {high}")
        return self


class TraceStateConfig(Config):
    """A member of a span's trace state has one of these values."""

    key: Key
    values: list[str] = Field(default_factory=list[str])

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if not pattern(_STATE_KEY).fullmatch(self.key):
            never(f"no trace state has a member {self.key}")
        if not self.usable():
            never(f"values must hold a text that fits with the key {LONGEST_STATE_MEMBER} bytes")
        return self

    def usable(self) -> frozenset[str]:
        """The values that a trace state can hold."""
        room = LONGEST_STATE_MEMBER - len(self.key.encode())
        return frozenset(value for value in self.values if 0 < len(value.encode()) < room)


def _span_condition(text: str) -> str:
    Condition(text, CONTEXTS["span"])
    return text


def _event_condition(text: str) -> str:
    Condition(text, CONTEXTS["spanevent"])
    return text


class OttlConfig(Config):
    """A span, or an event of a span, that one of these conditions holds for.

    Attributes:
        error_mode: Taken, and without effect: a condition that was accepted cannot fail.
    """

    error_mode: Literal["propagate", "ignore", "silent"] = "propagate"
    span: list[Annotated[str, AfterValidator(_span_condition)]] = Field(default_factory=list[str])
    spanevent: list[Annotated[str, AfterValidator(_event_condition)]] = Field(
        default_factory=list[str]
    )

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if not self.span and not self.spanevent:
            never("needs a condition in span or spanevent")
        return self
