"""Histograms are added and subtracted to the event, against counting the events themselves."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from collectors.wire.distributions import Explicit, Exponential, distribution
from collectors.wire.histograms_kernel import MAX_BUCKETS

SEEDS = st.integers(0, 2**32)
ZERO = 2.0**-6


def bucket(value: float, scale: int) -> int:
    """The index whose bucket holds `value`, found by comparing whole powers: no logarithm."""
    exact, low, high = Fraction(value), -5000, 5000
    while low < high:
        middle = (low + high) // 2
        # value <= 2 ** ((middle + 1) / 2 ** scale), both sides raised until they are whole powers
        if scale >= 0:
            fits = exact ** (2**scale) <= Fraction(2) ** (middle + 1)
        else:
            fits = exact <= Fraction(2) ** ((middle + 1) * 2**-scale)
        low, high = (low, middle) if fits else (middle + 1, high)
    return low


def counted(values: list[float], scale: int) -> ExponentialHistogramDataPoint:
    """An exponential histogram of `values`, as an SDK would send it."""
    point = ExponentialHistogramDataPoint(scale=scale, count=len(values), sum=sum(values))
    for side, sign in ((point.positive, 1), (point.negative, -1)):
        indices = Counter(bucket(abs(of), scale) for of in values if of * sign > ZERO)
        if indices:
            side.offset = min(indices)
            side.bucket_counts.extend(
                indices[index] for index in range(min(indices), max(indices) + 1)
            )
    point.zero_count = sum(abs(of) <= ZERO for of in values)
    point.zero_threshold = ZERO
    if values:
        point.min, point.max = min(values), max(values)
    return point


def filled(buckets: ExponentialHistogramDataPoint.Buckets) -> dict[int, int]:
    return {
        buckets.offset + place: count for place, count in enumerate(buckets.bucket_counts) if count
    }


def same(one: ExponentialHistogramDataPoint, other: ExponentialHistogramDataPoint) -> bool:
    return (
        (one.scale, one.count, one.zero_count) == (other.scale, other.count, other.zero_count)
        and filled(one.positive) == filled(other.positive)
        and filled(one.negative) == filled(other.negative)
    )


def some(dice: random.Random) -> list[float]:
    spread = dice.choice((2, 20))
    return [
        dice.choice((1, 1, -1)) * dice.randrange(1, 4096) / 2 ** dice.randrange(spread)
        for _ in range(dice.randrange(12))
    ]


def written(held: Exponential) -> ExponentialHistogramDataPoint:
    point = ExponentialHistogramDataPoint()
    held.write(point)
    return point


@given(SEEDS)
def test_histograms_of_parts_merge_into_the_histogram_of_all(seed: int) -> None:
    dice = random.Random(seed)
    parts = [(some(dice), dice.randrange(-2, 5)) for _ in range(dice.randrange(1, 5))]
    first, *others = (Exponential.of(counted(values, scale)) for values, scale in parts)
    widest = max(of.widest() for of in (first, *others))

    for other in others:
        assert first.join(other)

    everything = [of for values, _ in parts for of in values]
    merged = written(first)
    assert merged.scale <= min(scale for _, scale in parts)
    assert same(merged, counted(everything, merged.scale))
    assert first.widest() <= max(MAX_BUCKETS, widest)


@given(SEEDS)
def test_what_came_since_is_what_was_not_there_before(seed: int) -> None:
    dice = random.Random(seed)
    before, after = some(dice), some(dice)
    scale = dice.randrange(-1, 5)
    coarser = scale - dice.randrange(2)
    now = Exponential.of(counted(before + after, coarser))
    then = Exponential.of(counted(before, scale))

    assert now.take_out(then)

    assert same(written(now), counted(after, coarser))


@given(SEEDS)
def test_what_lacks_an_earlier_event_is_no_later_histogram(seed: int) -> None:
    dice = random.Random(seed)
    events = [*some(dice), 4.0]
    now, then = Exponential.of(counted(events[:-1], 2)), Exponential.of(counted(events, 2))
    unchanged = written(now)

    assert not now.take_out(then)
    assert written(now) == unchanged


def test_a_wide_range_takes_a_coarser_scale_and_keeps_every_event() -> None:
    held = Exponential.of(counted([2.0**-5], 4))
    values = [2.0**-5]
    for power in range(-4, 60, 4):
        held.join(Exponential.of(counted([2.0**power], 4)))
        values.append(2.0**power)

    assert held.widest() <= MAX_BUCKETS
    assert held.scale == 1
    assert same(written(held), counted(values, 1))


def test_offsets_from_hell_end_in_two_buckets() -> None:
    one = ExponentialHistogramDataPoint(scale=20, count=2**63)
    one.positive.offset = -(2**31)
    one.positive.bucket_counts.append(2**63)
    other = ExponentialHistogramDataPoint(scale=-10, count=2**63)
    other.positive.offset = 2**31 - 1
    other.positive.bucket_counts.append(2**63)
    held = Exponential.of(one)

    held.join(Exponential.of(other))

    assert held.widest() <= MAX_BUCKETS
    assert written(held).count == 2**64 - 1


@pytest.mark.parametrize("scale", [-(2**31), -65, 65, 2**31 - 1])
def test_a_scale_that_no_double_needs_is_not_read(scale: int) -> None:
    assert distribution(ExponentialHistogramDataPoint(scale=scale)) is None


@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_a_bucket_beyond_the_highest_offset_is_not_read_as_nobody_could_write_it(sign: str) -> None:
    point = ExponentialHistogramDataPoint(count=2)
    side = getattr(point, sign)
    side.offset = 2**31 - 1
    side.bucket_counts.append(1)
    held = distribution(point)
    assert isinstance(held, Exponential)
    assert getattr(written(held), sign) == side

    side.bucket_counts.append(1)

    assert distribution(point) is None


def test_a_histogram_of_very_many_buckets_is_not_read_as_it_would_take_all_memory() -> None:
    exponential = ExponentialHistogramDataPoint()
    exponential.negative.bucket_counts.extend([1] * 20_000)

    assert distribution(exponential) is None
    assert distribution(HistogramDataPoint(bucket_counts=[1] * 20_000)) is None
    assert distribution(HistogramDataPoint(explicit_bounds=range(20_000))) is None


@pytest.mark.parametrize("threshold", [float("nan"), -1.0, float("inf")])
def test_a_senseless_zero_threshold_harms_nobody(threshold: float) -> None:
    strange = counted([1.0, 2.0], 2)
    strange.zero_threshold = threshold
    held = Exponential.of(counted([1.0, 4.0], 2))

    held.join(Exponential.of(strange))

    assert written(held).count == 4


def test_a_bucket_that_a_threshold_cuts_goes_to_zero_as_a_whole() -> None:
    held = Exponential.of(counted([1.5, 3.0, 20.0], 0))
    other = counted([50.0], 0)
    other.zero_threshold = 2.5  # within (2, 4]

    held.join(Exponential.of(other))

    point = written(held)
    assert point.zero_threshold == 4.0
    assert point.zero_count == 2
    assert filled(point.positive) == {4: 1, 5: 1}


def explicit(bounds: list[float], counts: list[int]) -> Explicit:
    return Explicit.of(
        HistogramDataPoint(
            count=sum(counts), sum=1.0, explicit_bounds=bounds, bucket_counts=counts, min=0, max=9
        )
    )


def test_buckets_with_other_bounds_are_not_added() -> None:
    one = explicit([1, 2], [1, 2, 3])

    assert not one.join(explicit([1, 3], [1, 2, 3]))
    assert not one.take_out(explicit([1, 3], [0, 0, 0]))
    assert one.counts == [1, 2, 3]


def test_a_bucket_that_fell_is_no_later_histogram() -> None:
    now = explicit([1, 2], [5, 0, 9])

    assert not now.take_out(explicit([1, 2], [1, 1, 1]))
    assert now.take_out(explicit([1, 2], [1, 0, 1]))
    assert (now.counts, now.count) == ([4, 0, 8], 12)
    assert now.edges.least is None
