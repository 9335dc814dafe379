"""Configuration of `cumulativetodelta`, with the Collector's names and defaults, and a bound."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from collectors.net.fields import Nanoseconds, Positive, differs
from collectors.series.selecting import SelectingConfig


class CumulativeToDeltaConfig(SelectingConfig):
    """Configuration of `cumulativetodelta`.

    Attributes:
        max_staleness: A series without a point for so long is forgotten; 0 never.
        initial_value: What becomes of a series' first point: `keep` puts it out, `drop` does
            not, `auto` does if its source began after this collector first saw telemetry.
        max_streams: Most series of a tenant; points of further ones are dropped and counted.
    """

    max_staleness: Nanoseconds = 0
    initial_value: Literal["auto", "keep", "drop"] = "auto"
    max_streams: Positive = Field(default=1_000_000, json_schema_extra=differs("(no limit)"))
