"""Which metrics a processor is about: by name and type, answered once for each distinct name."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from collectors.component import Config
from collectors.patterns import pattern
from collectors.wire.points import Columns
from collectors.wire.points_kernel import EXPONENTIAL, GAUGE, HISTOGRAM, SUM, SUMMARY
from collectors.wire.scan import slices, texts

Mask = NDArray[np.bool_]
MetricType = Literal["gauge", "sum", "histogram", "exponentialhistogram", "summary"]

_KINDS: Final[dict[MetricType, int]] = {
    "gauge": GAUGE,
    "sum": SUM,
    "histogram": HISTOGRAM,
    "exponentialhistogram": EXPONENTIAL,
    "summary": SUMMARY,
}
_NAME: Final = 1  # Metric.name


class MetricsConfig(Config):
    """Which metrics: by one of the names or patterns, and by one of the types, if given."""

    metrics: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list[str])
    match_type: Literal["strict", "regexp"] | None = None
    metric_types: list[MetricType] = Field(default_factory=list[MetricType])

    @model_validator(mode="after")
    def _says_how(self) -> Self:
        if not self.metrics and not self.metric_types:
            msg = "must name metrics or metric_types, got neither"
            raise ValueError(msg)
        if bool(self.metrics) != (self.match_type is not None):
            msg = "metrics and match_type (strict or regexp) need each other"
            raise ValueError(msg)
        if self.match_type == "regexp":
            for text in self.metrics:
                pattern(text)
        return self

    def names(self, name: str) -> bool:
        """Whether a metric of this name is meant."""
        if self.match_type == "strict":
            return name in self.metrics
        return any(pattern(text).search(name) is not None for text in self.metrics)

    def kinds(self) -> list[int]:
        """The kinds that are meant."""
        return [_KINDS[of] for of in (self.metric_types or _KINDS)]


class SelectingConfig(Config):
    """Base of a configuration that says which metrics it is about.

    Attributes:
        include: These; all without it.
        exclude: Not these, although they are included.
    """

    include: MetricsConfig | None = None
    exclude: MetricsConfig | None = None

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.include and self.include == self.exclude:
            msg = "include and exclude are the same, so there would be nothing to do"
            raise ValueError(msg)
        return self

    def selected(self, columns: Columns) -> Mask:
        """Which points are of the metrics that are meant."""
        found: Mask = np.ones(len(columns), np.bool_)
        if self.include is not None:
            found &= _meant(columns, self.include)
        if self.exclude is not None:
            found &= ~_meant(columns, self.exclude)
        return found


def _meant(columns: Columns, block: MetricsConfig) -> Mask:
    meant: Mask = np.isin(columns.mark[:, 0], block.kinds())
    if block.metrics:
        scanned = columns.scanned
        coded = texts(scanned, slices(scanned, scanned.entries, (_NAME,))[0])
        hits = [block.names(name.decode()) for name in coded.values]
        meant &= np.array([*hits, False])[coded.codes][columns.at[:, 3]]
    return meant
