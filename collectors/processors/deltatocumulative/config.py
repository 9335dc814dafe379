"""Configuration of `deltatocumulative`, with the Collector's names and defaults, and a bound."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds, Positive, differs


class DeltaToCumulativeConfig(Config):
    """Configuration of `deltatocumulative`.

    Attributes:
        max_stale: A series without a point for so long begins at zero when it comes again.
        max_streams: Most series of a tenant; points of further ones are dropped and counted.
    """

    max_stale: Annotated[Nanoseconds, Field(gt=0)] = 300 * SECOND
    max_streams: Positive = Field(default=1_000_000, json_schema_extra=differs("2^63-1"))
