"""Configuration of the dynamic samplers: Refinery's names in lower case, and its defaults.

Source: honeycombio/refinery, `rules.md`; honeycombio/dynsampler-go.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds

_MOST_KEYS: Final = 100_000
_MOST_UPDATES: Final = 1_000  # in one lookback: each holds counts of its own
_LOOKBACK_UPDATES: Final = 30

Rate = Annotated[int, Field(ge=1)]
PerSecond = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class KeyConfig(Config):
    """What traces have in common that share a rate.

    Attributes:
        field_list: Attributes of spans, or of their resource where a span has none;
            `root.` before a key asks the root span only; `span.name` and the other paths
            of a span in OTTL are fields too.
        use_trace_length: The number of spans is part of the key.
        max_keys: Keys that have a rate of their own; all others share one.
    """

    field_list: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    use_trace_length: bool = False
    max_keys: Annotated[int, Field(ge=1, le=_MOST_KEYS)] = 500

    @model_validator(mode="after")
    def _once(self) -> Self:
        for place, name in enumerate(self.field_list):
            if name in self.field_list[:place]:
                msg = f"field_list names {name} twice"
                raise ValueError(msg)
        return self


class EmaConfig(KeyConfig):
    """How a moving average of the traffic is kept.

    Attributes:
        adjustment_interval: Rates change so often.
        weight: Of the last interval in the average, above 0 and below 1.
        age_out_value: Keys whose average falls below are forgotten; 0 for `weight`.
        burst_multiple: Rates change at once where an interval brings that many times what
            is usual; below 0 never.
        burst_detection_delay: But not before so many intervals have passed.
    """

    adjustment_interval: Nanoseconds = 15 * SECOND
    weight: Annotated[float, Field(gt=0, lt=1)] = 0.5
    age_out_value: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    burst_multiple: Annotated[float, Field(allow_inf_nan=False)] = 2
    burst_detection_delay: Annotated[int, Field(ge=0)] = 3

    @model_validator(mode="after")
    def _advances(self) -> Self:
        if not self.adjustment_interval:
            msg = "adjustment_interval must be above 0"
            raise ValueError(msg)
        return self

    def least_average(self) -> float:
        """Below which a key is forgotten."""
        return self.age_out_value or self.weight


class EmaDynamicConfig(EmaConfig):
    """A share of all traffic, to which rare keys give more and frequent ones less.

    Attributes:
        goal_sample_rate: One trace in so many, on the average of all keys.
    """

    goal_sample_rate: Rate = 10


class EmaThroughputConfig(EmaConfig):
    """A number of spans by the second, to which all keys give.

    Attributes:
        goal_throughput_per_sec: Spans by the second, of all keys.
        initial_sample_rate: One trace in so many, until a first interval has passed.
    """

    goal_throughput_per_sec: PerSecond = 100
    initial_sample_rate: Rate = 10


class WindowedThroughputConfig(KeyConfig):
    """A number of spans by the second, the same for each key, by what came of late.

    Attributes:
        goal_throughput_per_sec: Spans by the second, of all keys.
        update_frequency: Rates change so often.
        lookback_frequency: By the traffic of so long; 0 for 30 times `update_frequency`.
    """

    goal_throughput_per_sec: PerSecond = 100
    update_frequency: Nanoseconds = SECOND
    lookback_frequency: Nanoseconds = 0

    @model_validator(mode="after")
    def _advances(self) -> Self:
        update, back = self.update_frequency, self.lookback_ns()
        if not update:
            msg = "update_frequency must be above 0"
            raise ValueError(msg)
        if back < update or back // update > _MOST_UPDATES:
            msg = f"lookback_frequency must be 1 to {_MOST_UPDATES} times update_frequency"
            raise ValueError(msg)
        return self

    def lookback_ns(self) -> int:
        """How far back, a whole number of updates."""
        update = self.update_frequency
        back = self.lookback_frequency or _LOOKBACK_UPDATES * update
        return back // update * update if update else 0
