"""Configuration of `aggregate`, which the OpenTelemetry Collector does not have."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from collectors.net.fields import SECOND, Nanoseconds, Positive
from collectors.series.selecting import SelectingConfig
from collectors.series.summing import Gauges
from collectors.wire.points import Keys

Label = Annotated[str, Field(min_length=1)]


class AggregateConfig(SelectingConfig):
    """Configuration of `aggregate`.

    Attributes:
        drop: Attributes of points that go.
        keep: The only attributes of points that stay, in place of `drop`.
        drop_resource: Attributes of resources that go: instances become one.
        gauges: What becomes of gauges that fall together.
        interval: How often the result is put out.
        gauge_lookback: A gauge, or a sum that also falls, counts for so long after its newest
            point.
        max_stale: A series without a point for so long is forgotten; what it counted stays.
        max_streams: Most series of a tenant, before and after; points of further ones go
            through unchanged.
    """

    drop: list[Label] = Field(default_factory=list[str])
    keep: list[Label] | None = None
    drop_resource: list[Label] = Field(default_factory=list[str])
    gauges: Gauges = "mean"
    interval: Annotated[Nanoseconds, Field(gt=0)] = 60 * SECOND
    gauge_lookback: Annotated[Nanoseconds, Field(gt=0)] = 300 * SECOND
    max_stale: Annotated[Nanoseconds, Field(gt=0)] = 3600 * SECOND
    max_streams: Positive = 1_000_000

    @model_validator(mode="after")
    def _drops_something(self) -> Self:
        if self.drop and self.keep is not None:
            msg = "drop and keep contradict each other, give one of them"
            raise ValueError(msg)
        if not self.drop and self.keep is None and not self.drop_resource:
            msg = "must drop something: give drop, keep or drop_resource"
            raise ValueError(msg)
        if self.max_stale < self.gauge_lookback:
            msg = "max_stale must not be below gauge_lookback"
            raise ValueError(msg)
        return self

    @property
    def points(self) -> Keys:
        """Attributes of points that stay."""
        if self.keep is not None:
            return Keys(tuple(sorted(set(self.keep))), only=True)
        return Keys.without(self.drop)

    @property
    def resources(self) -> Keys:
        """Attributes of resources that stay."""
        return Keys.without(self.drop_resource)
