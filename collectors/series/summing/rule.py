"""What is asked of a `Summing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collectors.wire.points import EVERY, Keys

Gauges = Literal["mean", "sum", "min", "max", "count", "last"]
"""What becomes of gauges that fall together; `last` is the newest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How series are added up.

    Attributes:
        resources: Attributes that a resource keeps.
        gauges: What becomes of gauges that fall together.
        interval_ns: How often the result is put out.
        gauge_lookback_ns: A gauge, or a sum that also falls, counts for so long after its newest
            point.
        max_stale_ns: A series without a point for so long is forgotten; what it counted stays.
        max_streams: Most series, before and after.
        mark: An attribute that is true on what is put out; empty for none.
    """

    resources: Keys = EVERY
    gauges: Gauges
    interval_ns: int
    gauge_lookback_ns: int
    max_stale_ns: int
    max_streams: int
    mark: str = ""
