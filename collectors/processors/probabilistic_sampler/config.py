"""Configuration of `probabilistic_sampler`, with the Collector's names and defaults."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collectors.component import Config, Signal


class Mode(StrEnum):
    """How the share is meant where something was sampled before.

    HASH_SEED: of what arrives, by a hash of 14 bits; thresholds are not read or written.
    EQUALIZING: of what there was in the first place; what was thinned more stays as it is.
    PROPORTIONAL: of what arrives.
    """

    HASH_SEED = "hash_seed"
    EQUALIZING = "equalizing"
    PROPORTIONAL = "proportional"


class SamplerConfig(Config):
    """Configuration of `probabilistic_sampler`.

    Attributes:
        sampling_percentage: Share that is kept; above 100 counts as 100.
        mode: Empty is `hash_seed` where `hash_seed` is set or log records are not sampled
            by trace id, else `proportional`.
        fail_closed: Drop what has no randomness or contradicts its own threshold.
        sampling_precision: Hexadecimal digits of thresholds, 1 to 14.
        attribute_source: Of log records only: whose randomness counts.
        from_attribute: Of log records only: the attribute that is hashed.
        sampling_priority: Of log records only: an attribute that holds the percentage at
            which the record is kept at least.
    """

    sampling_percentage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    mode: Literal["", "hash_seed", "equalizing", "proportional"] = ""
    hash_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    fail_closed: bool = True
    sampling_precision: Annotated[int, Field(ge=1, le=14)] = 4
    attribute_source: Literal["traceID", "record"] = "traceID"
    from_attribute: str = ""
    sampling_priority: str = ""

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.attribute_source == "record" and not self.from_attribute:
            msg = "attribute_source: record needs from_attribute"
            raise ValueError(msg)
        return self

    def chosen_mode(self, signal: Signal) -> Mode:
        """The mode for `signal`."""
        if self.mode:
            return Mode(self.mode)
        is_log_of_its_own = signal is Signal.LOGS and self.attribute_source != "traceID"
        return Mode.HASH_SEED if self.hash_seed or is_log_of_its_own else Mode.PROPORTIONAL
