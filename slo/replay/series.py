"""Samples on their way into a database: series as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_SAMPLES = 50_000_000
"""Samples that one replay takes: about 250 MB on disk, and half a minute to write them."""


class TooMuchError(RuntimeError):
    """More samples than a replay takes; the message says how many it takes."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One series and its samples.

    Attributes:
        name: Of the metric.
        labels: Without the name.
        times: Seconds since 1970, ascending, to the millisecond.
        values: As many; text is taken for a number that Prometheus wrote.
    """

    name: str
    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float | int | str]
