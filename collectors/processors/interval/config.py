"""Configuration of `interval`, with the Collector's names and defaults, and bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds, Positive, differs


class PassConfig(Config):
    """What goes through at once, unchanged.

    Attributes:
        delta: Deltas too; else those of an interval are added up.
    """

    gauge: bool = False
    summary: bool = False
    delta: bool = Field(default=False, json_schema_extra=differs("true (always)"))


class IntervalConfig(Config):
    """Configuration of `interval`.

    Attributes:
        interval: How often what came is put out.
        pass_through: What is not held back.
        max_stale: A series without a point for so long is forgotten.
        max_streams: Most series of a tenant; points of further ones go through at once.
    """

    interval: Annotated[Nanoseconds, Field(gt=0)] = 60 * SECOND
    pass_through: PassConfig = PassConfig()
    max_stale: Annotated[Nanoseconds, Field(gt=0)] = Field(
        default=3600 * SECOND, json_schema_extra=differs("(after each interval)")
    )
    max_streams: Positive = Field(default=1_000_000, json_schema_extra=differs("(no limit)"))
