"""Configuration of `cardinality`, which the OpenTelemetry Collector does not have."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds, Positive
from collectors.series.summing import Gauges

OVERFLOW: Final = "otel.metric.overflow"
"""Attribute, true, of series that stand for others.

Source: OpenTelemetry metrics SDK specification, "Overflow attribute".
"""

Name = Annotated[str, Field(min_length=1)]
Action = Literal["overflow", "drop_attribute"]


class MetricLimits(Config):
    """Limits of one metric, in place of the general ones where they are given.

    Attributes:
        max_series: Most series.
        max_values: Most values of each attribute, counted in this metric alone.
        attributes: Likewise of these attributes.
        action: What becomes of a series with a value too many.
    """

    max_series: Positive | None = None
    max_values: Positive | None = None
    attributes: dict[Name, Positive] = Field(default_factory=dict[Name, Positive])
    action: Action | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            msg = "must say something, such as max_series"
            raise ValueError(msg)
        return self


class CardinalityConfig(Config):
    """Configuration of `cardinality`. Everything is counted by tenant, and what lives alone.

    Attributes:
        max_series: Most series of a metric, whatever resource they are of.
        max_values: Most values of each attribute of points, over all metrics; none if absent.
        attributes: Likewise of these attributes.
        action: What becomes of a series with a value too many: part of the metric's overflow
            series, or a series without that attribute.
        protect: Attributes that are never limited, and that overflow series keep.
        metrics: Limits of single metrics, by name.
        gauges: What becomes of gauges that overflow together.
        interval: How often overflow series are put out.
        gauge_lookback: A gauge counts there for so long after its newest point.
        max_stale: A series without a point for so long is forgotten, and makes room.
        max_streams: Most series that are followed, overflowing ones included; points of further
            ones are dropped.
        top: How many metrics, and attributes, the report names.
    """

    max_series: Positive = 10_000
    max_values: Positive | None = None
    attributes: dict[Name, Positive] = Field(default_factory=dict[Name, Positive])
    action: Action = "overflow"
    protect: list[Name] = Field(default_factory=list[Name])
    metrics: dict[Name, MetricLimits] = Field(default_factory=dict[Name, MetricLimits])
    gauges: Gauges = "last"
    interval: Annotated[Nanoseconds, Field(gt=0)] = 15 * SECOND
    gauge_lookback: Annotated[Nanoseconds, Field(gt=0)] = 300 * SECOND
    max_stale: Annotated[Nanoseconds, Field(gt=0)] = 3600 * SECOND
    max_streams: Positive = 1_000_000
    top: Annotated[int, Field(ge=0, le=100)] = 10

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        found = _contradictions(self)
        if found:
            raise ValueError("; ".join(found))
        return self


def _contradictions(config: CardinalityConfig) -> list[str]:
    """What cannot all be meant."""
    found: list[str] = []
    places = [("attributes", config.attributes)]
    places += [(f"metrics.{name}.attributes", of.attributes) for name, of in config.metrics.items()]
    found += [
        f"{where}.{key} limits an attribute that protect says is never limited: take it out of one"
        for where, attributes in places
        for key in attributes
        if key in config.protect
    ]
    if OVERFLOW in config.protect:
        found.append(f"protect must not name {OVERFLOW}, which marks series that stand for others")
    if config.max_stale < config.gauge_lookback:
        found.append("max_stale must not be below gauge_lookback")
    if config.max_series > config.max_streams:
        found.append(
            f"max_series of {config.max_series} cannot be reached with max_streams of "
            f"{config.max_streams}"
        )
    if config.action == "drop_attribute" and not _limits_values(config):
        found.append(
            "action drop_attribute needs a limit of values (max_values or attributes): "
            "it says what becomes of values too many"
        )
    for name, of in config.metrics.items():
        found += [f"metrics.{name}.{problem}" for problem in _within(config, of)]
    return found


def _limits_values(config: CardinalityConfig) -> bool:
    own = any(of.max_values or of.attributes for of in config.metrics.values())
    return own or bool(config.max_values or config.attributes)


def _within(config: CardinalityConfig, of: MetricLimits) -> list[str]:
    """Contradictions of one metric's limits with themselves and the general ones."""
    found: list[str] = []
    series = of.max_series or config.max_series
    if series > config.max_streams:
        found.append(f"max_series cannot be reached with max_streams of {config.max_streams}")
    limits = {f"attributes.{key}": limit for key, limit in of.attributes.items()}
    if of.max_values:
        limits["max_values"] = of.max_values
    found += [
        f"{where} of {limit} cannot be reached: the metric has at most {series} series"
        for where, limit in limits.items()
        if limit > series
    ]
    general = config.max_values or config.attributes
    if of.action == "drop_attribute" and not (limits or general):
        found.append("action drop_attribute needs a limit of values (max_values or attributes)")
    return found
