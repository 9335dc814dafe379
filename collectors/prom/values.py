"""What a series holds: a number, a histogram, an exponential histogram, or a summary.

Values never change: a new point gives a new value, and a delta is added to the old one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import add
from typing import Final, TypeAlias

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar as ExemplarMessage,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

MAX_SCALE: Final = 2
"""Finest exponential buckets shown: 4 to a doubling. Finer ones are joined, which is exact,
and keeps the `le` of a series the same while the histogram changes its scale."""

_MAX_BUCKETS: Final = 320
"""The SDKs keep 160 on each side at most."""

_MOST: Final = 10_000
"""Buckets or quantiles of a point: a byte of a request may be one, and a line of every scrape."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One measurement that stands for many: where its trace is to be found."""

    trace_id: str
    span_id: str
    value: float
    time_ns: int


@dataclass(frozen=True, slots=True)
class Number:
    """The value of a counter or gauge."""

    value: int | float
    exemplar: Exemplar | None = None

    def plus(self, other: Value) -> Value:
        """This and the delta `other`."""
        if not isinstance(other, Number):
            return other
        return Number(self.value + other.value, other.exemplar or self.exemplar)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Explicit buckets.

    Attributes:
        bounds: Upper bounds, without the last, which is infinite.
        counts: Of each bucket by itself; one more than `bounds`, or none at all.
        sum: None where the sender does not tell it.
        exemplars: By index of the bucket.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    sum: float | None
    exemplars: Mapping[int, Exemplar]

    def plus(self, other: Value) -> Value:
        """This and the delta `other`; with other bounds it begins anew."""
        if not isinstance(other, Histogram) or self.bounds != other.bounds:
            return other
        counts: tuple[int, ...] = ()
        if len(self.counts) == len(other.counts):  # without bounds one may tell no bucket at all
            counts = tuple(map(add, self.counts, other.counts))
        return Histogram(
            self.bounds,
            counts,
            self.count + other.count,
            _sum(self.sum, other.sum),
            {**self.exemplars, **other.exemplars},
        )


@dataclass(frozen=True, slots=True)
class Exponential:
    """Exponential buckets: index i of `positive` holds values in (base^i, base^(i+1)].

    Attributes:
        scale: base = 2 ** 2 ** -scale.
        negative: The same for the absolute values of negative numbers.
    """

    scale: int
    count: int
    sum: float | None
    zero_count: int
    zero_threshold: float
    positive: Mapping[int, int]
    negative: Mapping[int, int]

    def plus(self, other: Value) -> Value:
        """This and the delta `other`, at the coarser of the two scales."""
        if not isinstance(other, Exponential):
            return other
        scale = min(self.scale, other.scale)
        mine, theirs = self.at(scale), other.at(scale)
        joined = Exponential(
            scale,
            mine.count + theirs.count,
            _sum(mine.sum, theirs.sum),
            mine.zero_count + theirs.zero_count,
            max(mine.zero_threshold, theirs.zero_threshold),
            _joined(mine.positive, theirs.positive),
            _joined(mine.negative, theirs.negative),
        )
        while joined.width > _MAX_BUCKETS:
            joined = joined.at(joined.scale - 1)
        return joined

    @property
    def width(self) -> int:
        """Buckets from the first to the last of each sign, the empty ones between included."""
        sides = (self.positive, self.negative)
        return sum(max(side) - min(side) + 1 for side in sides if side)

    def at(self, scale: int) -> Exponential:
        """The same at a coarser scale: exact, buckets are only joined."""
        shift = self.scale - scale
        if shift <= 0:
            return self
        return Exponential(
            scale,
            self.count,
            self.sum,
            self.zero_count,
            self.zero_threshold,
            _shifted(self.positive, shift),
            _shifted(self.negative, shift),
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Quantiles that the sender computed. There are no delta summaries."""

    count: int
    sum: float
    quantiles: tuple[tuple[float, float], ...]

    def plus(self, other: Value) -> Value:
        """`other`: a summary is always a whole."""
        return other


Value: TypeAlias = Number | Histogram | Exponential | Summary


def number(point: NumberDataPoint) -> Number:
    """The value of a data point of a sum or gauge."""
    value = point.as_int if point.HasField("as_int") else point.as_double
    return Number(value, _last_exemplar(point.exemplars))


def histogram(point: HistogramDataPoint) -> Histogram | None:
    """The value of a data point with explicit buckets; None where it contradicts itself."""
    if max(len(point.explicit_bounds), len(point.bucket_counts)) > _MOST:
        return None
    bounds, counts = tuple(point.explicit_bounds), tuple(point.bucket_counts)
    if counts and len(counts) != len(bounds) + 1:
        return None
    if counts and bounds[-1:] == (math.inf,):  # the last bucket is infinite by itself
        bounds, counts = bounds[:-1], (*counts[:-2], counts[-2] + counts[-1])
    if not all(map(math.isfinite, bounds)) or any(low >= high for low, high in pairwise(bounds)):
        return None
    exemplars: dict[int, Exemplar] = {}
    for message in point.exemplars:
        exemplar = _exemplar(message)
        if exemplar is not None:
            index = bisect_left(bounds, exemplar.value)
            known = exemplars.get(index)
            if known is None or known.time_ns <= exemplar.time_ns:
                exemplars[index] = exemplar
    total = point.sum if point.HasField("sum") else None
    return Histogram(bounds if counts else (), counts, point.count, total, exemplars)


def exponential(point: ExponentialHistogramDataPoint) -> Exponential | None:
    """The value of an exponential data point; None where it has too many buckets to show."""
    if max(len(side.bucket_counts) for side in (point.positive, point.negative)) > _MOST:
        return None
    positive = _buckets(point.positive.offset, point.positive.bucket_counts)
    negative = _buckets(point.negative.offset, point.negative.bucket_counts)
    value = Exponential(
        point.scale,
        point.count,
        point.sum if point.HasField("sum") else None,
        point.zero_count,
        point.zero_threshold,
        positive,
        negative,
    ).at(MAX_SCALE)
    if value.width > _MAX_BUCKETS:
        return None
    return value


def summary(point: SummaryDataPoint) -> Summary | None:
    """The value of a summary's data point; None where it has too many quantiles to show."""
    if len(point.quantile_values) > _MOST:
        return None
    quantiles = tuple((item.quantile, item.value) for item in point.quantile_values)
    return Summary(point.count, point.sum, quantiles)


def _buckets(offset: int, counts: Sequence[int]) -> dict[int, int]:
    return {offset + index: count for index, count in enumerate(counts) if count}


def _shifted(buckets: Mapping[int, int], shift: int) -> dict[int, int]:
    out: dict[int, int] = {}
    for index, count in buckets.items():
        coarse = index >> shift
        out[coarse] = out.get(coarse, 0) + count
    return out


def _joined(first: Mapping[int, int], second: Mapping[int, int]) -> dict[int, int]:
    out = dict(first)
    for index, count in second.items():
        out[index] = out.get(index, 0) + count
    return out


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _last_exemplar(messages: Sequence[ExemplarMessage]) -> Exemplar | None:
    found = [exemplar for message in messages if (exemplar := _exemplar(message)) is not None]
    return max(found, key=lambda exemplar: exemplar.time_ns, default=None)


def _exemplar(message: ExemplarMessage) -> Exemplar | None:
    if not message.trace_id:
        return None
    value = message.as_int if message.HasField("as_int") else message.as_double
    return Exemplar(
        message.trace_id.hex(), message.span_id.hex(), float(value), message.time_unix_nano
    )
