"""Configuration of the policy `slo`: what SLOs need to see of their traffic."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.indicators import Key, SloConfig
from collectors.net.fields import SECOND, Nanoseconds

_WHOLE: Final = 100
_LONGEST_WINDOW_NS: Final = 24 * 3600 * SECOND

Percentage = Annotated[float, Field(ge=0, le=_WHOLE, allow_inf_nan=False)]


class ObjectiveConfig(SloConfig):
    """An SLO.

    Attributes:
        objective: Percent of its events that are to be good, as the SLO says.
    """

    objective: Annotated[float, Field(gt=0, lt=_WHOLE)]

    def budget(self) -> Fraction:
        """Share of events that may be bad."""
        return 1 - Fraction(str(self.objective)) / _WHOLE


class SloPolicyConfig(Config):
    """Traces that show why an SLO is not met, within a budget of bytes.

    Attributes:
        slos: By id; `spans` as the processor `sli` counts them.
        window: Over which it is measured how fast a budget burns.
        burn_rate: Budgets per SLO period from which on a budget burns. Every trace with a
            bad event of that SLO is wanted then.
        calm_sampling_percentage: Of traces with a bad event while the budget does not burn.
        near_percent: Good events that took longer than all but this part of `bad.above` are
            nearly bad.
        near_sampling_percentage: Of traces with such an event.
        exemplars: Traces with a bad event that are wanted at least of each SLO, in each
            `exemplar_interval`; 0 for none.
        bytes_per_second: What is wanted beyond it is shed, and counted by SLO. Those with the
            least randomness go first, so that thresholds stay true.
        burst_capacity: Bytes that can pass at once; 0 for twice `bytes_per_second`.
    """

    slos: Annotated[dict[Key, ObjectiveConfig], Field(min_length=1)]
    window: Nanoseconds = 5 * 60 * SECOND
    burn_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1
    calm_sampling_percentage: Percentage = 10
    near_percent: Percentage = 20
    near_sampling_percentage: Percentage = 25
    exemplars: Annotated[int, Field(ge=0, le=1_000)] = 1
    exemplar_interval: Nanoseconds = 60 * SECOND
    bytes_per_second: Annotated[int, Field(ge=1, le=2**63 - 1)]
    burst_capacity: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @model_validator(mode="before")
    @classmethod
    def _watches_something(cls, given: object) -> object:
        if isinstance(given, dict) and not given.get("slos"):
            msg = (
                "needs slos, at least 1; where the configuration is the base of SLO files, "
                "sloctl generate writes them"
            )
            raise ValueError(msg)
        return given

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not SECOND <= self.window <= _LONGEST_WINDOW_NS:
            msg = "window must be 1s to 24h"
            raise ValueError(msg)
        if self.exemplars and not self.exemplar_interval:
            msg = "exemplar_interval must be above 0 where exemplars are wanted"
            raise ValueError(msg)
        boosts = {"near_percent", "near_sampling_percentage"} & self.model_fields_set
        if boosts and self.near_sampling_percentage and not self._has_duration():
            msg = f"{min(boosts)} has nothing to act on: no SLO has bad.above"
            raise ValueError(msg)
        for name, slo in self.slos.items():
            if self.burn_rate * float(slo.budget()) > 1:
                msg = (
                    f"can never match: with every event bad, {name} with objective "
                    f"{slo.objective:g} burns at {float(1 / slo.budget()):g}, and burn_rate "
                    f"is {self.burn_rate:g}"
                )
                raise ValueError(msg)
        return self

    def nearness(self) -> float:
        """The part of a duration that is bad in which good events are nearly bad."""
        is_wanted = self._has_duration() and self.near_sampling_percentage > 0
        return self.near_percent / _WHOLE if is_wanted else 0.0

    def _has_duration(self) -> bool:
        return any(slo.spans.bad.above for slo in self.slos.values())
