"""Configuration of `cumulativetodelta`, with the Collector's names and defaults, and a bound."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import Nanoseconds, Positive, differs
from collectors.wire.points_kernel import EXPONENTIAL, HISTOGRAM, SUM

MetricType = Literal["sum", "histogram", "exponentialhistogram"]

KINDS: dict[MetricType, int] = {
    "sum": SUM,
    "histogram": HISTOGRAM,
    "exponentialhistogram": EXPONENTIAL,
}


class MetricsConfig(Config):
    """Which metrics: by one of the names or patterns, and by one of the types, if given."""

    metrics: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list[str])
    match_type: Literal["strict", "regexp"] | None = None
    metric_types: list[MetricType] = Field(default_factory=list[MetricType])

    @model_validator(mode="after")
    def _says_how(self) -> Self:
        if not self.metrics and not self.metric_types:
            msg = "must name metrics or metric_types, got neither"
            raise ValueError(msg)
        if bool(self.metrics) != (self.match_type is not None):
            msg = "metrics and match_type (strict or regexp) need each other"
            raise ValueError(msg)
        if self.match_type == "regexp":
            for text in self.metrics:
                _check_pattern(text)
        return self

    def names(self, name: str) -> bool:
        """Whether a metric of this name is meant."""
        if not self.metrics:
            return True
        if self.match_type == "strict":
            return name in self.metrics
        return any(re.search(pattern, name) for pattern in self.metrics)

    def kinds(self) -> frozenset[int]:
        """The kinds that are meant."""
        return frozenset(KINDS[of] for of in (self.metric_types or KINDS))


def _check_pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        msg = f"not a pattern: {error}, got {text!r}"
        raise ValueError(msg) from error


class CumulativeToDeltaConfig(Config):
    """Configuration of `cumulativetodelta`.

    Attributes:
        include: What is converted; everything without it.
        exclude: What is not, although it is included.
        max_staleness: A series without a point for so long is forgotten; 0 never.
        initial_value: What becomes of a series' first point: `keep` puts it out, `drop` does
            not, `auto` does if its source began after this collector first saw telemetry.
        max_streams: Most series of a tenant; points of further ones are dropped and counted.
    """

    include: MetricsConfig | None = None
    exclude: MetricsConfig | None = None
    max_staleness: Nanoseconds = 0
    initial_value: Literal["auto", "keep", "drop"] = "auto"
    max_streams: Positive = Field(default=1_000_000, json_schema_extra=differs("(no limit)"))

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.include and self.exclude and self.include == self.exclude:
            msg = "include and exclude are the same, so nothing would be converted"
            raise ValueError(msg)
        return self
