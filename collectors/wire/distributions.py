"""Histograms one by one, as objects: the arithmetic of the twin in `histograms_reference.py`.

A point's count, buckets, sum, least and greatest value are taken out, changed, and written
back; attributes, times and exemplars are the caller's.

Source: OpenTelemetry metrics data model, "ExponentialHistogram": perfect subsetting when a scale
is reduced, and the zero threshold when histograms are merged.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Final, Protocol

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from collectors.wire.edges import Edges, HistogramPoint
from collectors.wire.histograms_kernel import (
    HIGHEST,
    LARGEST,
    MAX_BUCKETS,
    MOST_BUCKETS,
    MOST_SCALE,
)
from collectors.wire.points_kernel import HISTOGRAM

_SCALES: Final = range(-MOST_SCALE, MOST_SCALE + 1)


class Distribution(Protocol):
    """What a histogram counted.

    Attributes:
        width: Buckets that it may have; only exponential ones have a choice.
        edges: Sum, least and greatest value.
    """

    width: int
    edges: Edges

    def copy(self) -> Distribution:
        """One that can be changed without changing this."""
        ...

    def fits(self, other: Distribution) -> bool:
        """Whether the two can be added and subtracted."""
        ...

    def join(self, other: Distribution) -> bool:
        """Add `other`, which may be changed; False, and nothing done, where they do not fit."""
        ...

    def take_out(self, earlier: Distribution) -> bool:
        """Leave what came since `earlier`; False, and nothing done, if that cannot be earlier."""
        ...

    def write(self, point: HistogramPoint) -> None:
        """Let `point` have counted this."""
        ...


def distribution(point: HistogramPoint) -> Distribution | None:
    """What `point` counted; None where its scale or its buckets make no sense."""
    if isinstance(point, HistogramDataPoint):
        most = max(len(point.bucket_counts), len(point.explicit_bounds))
        return Explicit.of(point) if most <= MOST_BUCKETS else None
    sides = (point.positive, point.negative)
    if point.scale not in _SCALES or not all(_makes_sense(side) for side in sides):
        return None
    return Exponential.of(point)


def _makes_sense(buckets: ExponentialHistogramDataPoint.Buckets) -> bool:
    number = len(buckets.bucket_counts)
    return number <= MOST_BUCKETS and buckets.offset + number - 1 <= HIGHEST


def blank(kind: int) -> HistogramPoint:
    """A point of a metric of `kind` that says nothing."""
    return HistogramDataPoint() if kind == HISTOGRAM else ExponentialHistogramDataPoint()


def _plus(one: int, two: int) -> int:
    """What the fields can hold; only a sender that lies about its counts comes near."""
    return min(one + two, LARGEST)


@dataclass(slots=True)
class Explicit:
    """Buckets with bounds, which are the same only bit by bit."""

    bounds: bytes
    counts: list[int]
    count: int
    edges: Edges
    width: int = 0

    @classmethod
    def of(cls, point: HistogramDataPoint) -> Explicit:
        """What `point` counted."""
        counts = list(point.bucket_counts)
        bounds = struct.pack(f"<{len(point.explicit_bounds)}d", *point.explicit_bounds)
        return cls(bounds, counts, point.count, Edges.of(point))

    def copy(self) -> Explicit:
        """See `Distribution.copy`."""
        return Explicit(self.bounds, list(self.counts), self.count, self.edges.copy())

    def fits(self, other: Distribution) -> bool:
        """Whether the buckets are the same."""
        return (
            isinstance(other, Explicit)
            and self.bounds == other.bounds
            and len(self.counts) == len(other.counts)
        )

    def join(self, other: Distribution) -> bool:
        """See `Distribution.join`."""
        if not isinstance(other, Explicit) or not self.fits(other):
            return False
        self.counts = [_plus(one, two) for one, two in zip(self.counts, other.counts, strict=True)]
        self.count = _plus(self.count, other.count)
        self.edges.add(other.edges)
        return True

    def take_out(self, earlier: Distribution) -> bool:
        """See `Distribution.take_out`."""
        if not isinstance(earlier, Explicit) or not self.fits(earlier):
            return False
        counts = [now - then for now, then in zip(self.counts, earlier.counts, strict=True)]
        if self.count < earlier.count or min(counts, default=0) < 0:
            return False
        self.counts, self.count = counts, self.count - earlier.count
        self.edges.take_out(earlier.edges)
        return True

    def write(self, point: HistogramPoint) -> None:
        """See `Distribution.write`."""
        if not isinstance(point, HistogramDataPoint):
            msg = "an explicit histogram is written to a point of its kind"
            raise TypeError(msg)
        point.count = self.count
        point.bucket_counts[:] = self.counts
        point.explicit_bounds[:] = struct.unpack(f"<{len(self.bounds) // 8}d", self.bounds)
        self.edges.write(point)


@dataclass(slots=True)
class Side:
    """Buckets of one sign, by index; none is 0."""

    counts: dict[int, int] = field(default_factory=dict[int, int])

    @classmethod
    def of(cls, buckets: ExponentialHistogramDataPoint.Buckets) -> Side:
        """As a point has them."""
        return cls.from_dense(buckets.offset, list(buckets.bucket_counts))

    @classmethod
    def from_dense(cls, first: int, counts: list[int]) -> Side:
        """From the count of each bucket, `first` and following."""
        return cls({first + at: count for at, count in enumerate(counts) if count})

    def dense(self) -> tuple[int, list[int]]:
        """Index of the first bucket that is not empty, and the counts up to the last one."""
        span = self.span()
        if span is None:
            return 0, []
        return span[0], [self.counts.get(index, 0) for index in range(span[0], span[1] + 1)]

    def coarser(self, by: int) -> None:
        """Reduce the scale: each bucket goes into the one that holds it."""
        if by:
            merged: dict[int, int] = {}
            for index, count in self.counts.items():
                merged[index >> by] = _plus(merged.get(index >> by, 0), count)
            self.counts = merged

    def add(self, other: Side) -> None:
        """Add, bucket by bucket."""
        for index, count in other.counts.items():
            self.counts[index] = _plus(self.counts.get(index, 0), count)

    def less(self, other: Side) -> Side | None:
        """What is here and not in `other`; None where that has more."""
        left = dict(self.counts)
        for index, count in other.counts.items():
            left[index] = left.get(index, 0) - count
        if any(count < 0 for count in left.values()):
            return None
        return Side({index: count for index, count in left.items() if count})

    def span(self) -> tuple[int, int] | None:
        """Lowest and highest index."""
        return (min(self.counts), max(self.counts)) if self.counts else None

    def zeroed(self, threshold: float, scale: int) -> int:
        """Take out the buckets that begin below `threshold`; returns what they held."""
        gone = [index for index in self.counts if lower_bound(index, scale) < threshold]
        return sum(self.counts.pop(index) for index in gone)


def lower_bound(index: int, scale: int) -> float:
    """Where a bucket begins, that bound not included: base to the power of `index`."""
    exponent = math.ldexp(index, -scale)
    if exponent >= 1024:
        return math.inf
    return math.pow(2.0, max(exponent, -1100.0))


@dataclass(slots=True)
class Exponential:
    """Buckets of exponential width."""

    scale: int
    count: int
    zero_count: int
    zero_threshold: float
    positive: Side
    negative: Side
    edges: Edges
    width: int = MAX_BUCKETS

    @classmethod
    def of(cls, point: ExponentialHistogramDataPoint) -> Exponential:
        """What `point` counted."""
        found = cls(
            point.scale,
            point.count,
            point.zero_count,
            point.zero_threshold if point.zero_threshold > 0 else 0.0,
            Side.of(point.positive),
            Side.of(point.negative),
            Edges.of(point),
        )
        found.width = max(MAX_BUCKETS, found.widest())
        return found

    def widest(self) -> int:
        """Buckets of the side that has more, empty ones between included."""
        spans = (self.positive.span(), self.negative.span())
        return max((span[1] - span[0] + 1 for span in spans if span), default=0)

    def fits(self, other: Distribution) -> bool:
        """Any two do."""
        return isinstance(other, Exponential)

    def join(self, other: Distribution) -> bool:
        """See `Distribution.join`; scale and zero threshold become the coarser ones."""
        if not isinstance(other, Exponential):
            return False
        self.meet(other)
        self.positive.add(other.positive)
        self.negative.add(other.negative)
        self.count = _plus(self.count, other.count)
        self.zero_count = _plus(self.zero_count, other.zero_count)
        self.edges.add(other.edges)
        self.width = max(self.width, other.width)
        self._shrink()
        return True

    def take_out(self, earlier: Distribution) -> bool:
        """See `Distribution.take_out`; scale and zero threshold become the coarser ones."""
        if not isinstance(earlier, Exponential):
            return False
        then, now = earlier.copy(), self.copy()
        now.meet(then)
        positive, negative = now.positive.less(then.positive), now.negative.less(then.negative)
        if positive is None or negative is None:
            return False
        if now.count < then.count or now.zero_count < then.zero_count:
            return False
        self.scale, self.zero_threshold = now.scale, now.zero_threshold
        self.count, self.zero_count = now.count - then.count, now.zero_count - then.zero_count
        self.positive, self.negative = positive, negative
        self.edges.take_out(then.edges)
        return True

    def copy(self) -> Exponential:
        """See `Distribution.copy`."""
        return Exponential(
            self.scale,
            self.count,
            self.zero_count,
            self.zero_threshold,
            Side(dict(self.positive.counts)),
            Side(dict(self.negative.counts)),
            self.edges.copy(),
            self.width,
        )

    def write(self, point: HistogramPoint) -> None:
        """See `Distribution.write`."""
        if not isinstance(point, ExponentialHistogramDataPoint):
            msg = "an exponential histogram is written to a point of its kind"
            raise TypeError(msg)
        point.scale, point.count, point.zero_count = self.scale, self.count, self.zero_count
        point.zero_threshold = self.zero_threshold
        for name, side in (("positive", self.positive), ("negative", self.negative)):
            point.ClearField(name)  # type: ignore[arg-type]  # one of its fields
            first, counts = side.dense()
            if counts:
                buckets = getattr(point, name)
                buckets.offset = first
                buckets.bucket_counts[:] = counts
        self.edges.write(point)

    def meet(self, other: Exponential) -> None:
        """Bring both to one scale and one zero threshold, the coarser ones."""
        scale = min(self.scale, other.scale)
        self.coarsen(self.scale - scale)
        other.coarsen(other.scale - scale)
        threshold = max(self.zero_threshold, other.zero_threshold)
        while True:
            # A bucket that it cuts goes to zero as a whole, and the threshold with it; not where
            # the threshold was this before, since then the bucket holds what is above it.
            cut = [of.reach(threshold) for of in (self, other) if of.zero_threshold < threshold]
            reached = max(cut, default=threshold)
            if reached <= threshold:
                break
            threshold = reached
        self.zero(threshold)
        other.zero(threshold)

    def reach(self, threshold: float) -> float:
        """Where the highest bucket ends that begins below `threshold`."""
        if threshold <= 0:
            return threshold
        indices = (*self.positive.counts, *self.negative.counts)
        within = [index for index in indices if lower_bound(index, self.scale) < threshold]
        return max((lower_bound(index + 1, self.scale) for index in within), default=threshold)

    def zero(self, threshold: float) -> None:
        """Raise the zero threshold; what begins below it is zero now."""
        if threshold > self.zero_threshold:
            for side in (self.positive, self.negative):
                self.zero_count = _plus(self.zero_count, side.zeroed(threshold, self.scale))
            self.zero_threshold = threshold

    def coarsen(self, by: int) -> None:
        """Reduce the scale."""
        self.positive.coarser(by)
        self.negative.coarser(by)
        self.scale -= by

    def _shrink(self) -> None:
        while self.widest() > self.width:
            self.coarsen(1)
