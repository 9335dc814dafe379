"""Sum, least and greatest value of histograms, which not every sender tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

HistogramPoint: TypeAlias = HistogramDataPoint | ExponentialHistogramDataPoint


@dataclass(slots=True)
class Edges:
    """Sum, least and greatest value; None where unknown."""

    total: float | None
    least: float | None
    most: float | None

    @classmethod
    def of(cls, point: HistogramPoint) -> Edges:
        """As `point` has them."""
        return cls(
            point.sum if point.HasField("sum") else None,
            point.min if point.HasField("min") else None,
            point.max if point.HasField("max") else None,
        )

    def copy(self) -> Edges:
        """One that can be changed without changing this."""
        return Edges(self.total, self.least, self.most)

    def add(self, other: Edges) -> None:
        """Add; what one of the two does not know, nobody knows."""
        self.total = _both(self.total, other.total, lambda one, two: one + two)
        self.least = _both(self.least, other.least, min)
        self.most = _both(self.most, other.most, max)

    def take_out(self, earlier: Edges) -> None:
        """Leave what came since `earlier`."""
        self.total = _both(self.total, earlier.total, lambda one, two: one - two)
        self.least = self.most = None  # of the time since, nobody knows

    def write(self, point: HistogramPoint) -> None:
        """Let `point` have these."""
        for name, value in (("sum", self.total), ("min", self.least), ("max", self.most)):
            if value is None:
                point.ClearField(name)  # type: ignore[arg-type]  # one of its fields
            else:
                setattr(point, name, value)


class _Join(Protocol):
    def __call__(self, one: float, two: float, /) -> float: ...


def _both(one: float | None, two: float | None, join: _Join) -> float | None:
    return None if one is None or two is None else join(one, two)
