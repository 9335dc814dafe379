"""Exponential buckets are where exact arithmetic has them, whatever came in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal, localcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.counting import Exponents, Groups, Series, Table
from collectors.counting.exponential import MAX_SCALE, indices

MS, SECOND = 1_000_000, 1_000_000_000
UNITS = st.sampled_from([MS, SECOND])
MOST = 2**64 - 1
ANY = st.one_of(st.integers(1, MOST), st.integers(1, 10**10), st.integers(1, 50))


def near_a_bound(unit: int, scale: int, index: int, off: int) -> int:
    """The nanoseconds just at the lower bound of a bucket, or `off` from it."""
    with localcontext(prec=60):
        bound = int(unit * Decimal(2) ** (Decimal(index) / Decimal(2) ** Decimal(scale)))
    return min(max(1, bound + off), MOST)


Case = tuple[int, int, int]
"""Unit, scale, duration."""


def edge(unit: int, scale: int, finest: int, off: int) -> Case:
    return unit, scale, near_a_bound(unit, scale, finest >> (MAX_SCALE - scale), off)


def power(unit: int, scale: int, doublings: int, off: int) -> Case:
    return unit, scale, near_a_bound(unit, 0, doublings, off)


def cases(scales: st.SearchStrategy[int]) -> st.SearchStrategy[Case]:
    off = st.integers(-1, 1)
    return st.one_of(
        st.builds(edge, UNITS, scales, st.integers(-29 << 20, 34 << 20), off),
        st.builds(power, UNITS, scales, st.integers(-29, 34), off),
        st.tuples(UNITS, scales, ANY),
    )


def oracle(took: int, unit: int, scale: int) -> int:
    """ceil(log2(took / unit) * 2**scale) - 1 in 80 digits, powers of two in whole numbers."""
    for power in range(-64, 65):
        if took << max(0, -power) == unit << max(0, power):
            return -((-power << MAX_SCALE) >> (MAX_SCALE - scale)) - 1
    with localcontext(prec=80):
        doublings = (Decimal(took).ln() - Decimal(unit).ln()) / Decimal(2).ln()
        exact = doublings * Decimal(2) ** Decimal(scale)
        found: Decimal = exact.to_integral_value(ROUND_CEILING)
        return int(found) - 1


def index(took: int, unit: int, scale: int) -> int:
    (found,) = indices(np.array([took], np.uint64), np.array([scale]), unit).tolist()
    return int(found)


@settings(max_examples=300, deadline=None)
@given(of=cases(st.integers(-7, MAX_SCALE)))
def test_a_duration_is_in_the_bucket_of_exact_arithmetic(of: Case) -> None:
    unit, scale, took = of

    assert index(took, unit, scale) == oracle(took, unit, scale)


@settings(max_examples=100, deadline=None)
@given(of=cases(st.integers(0, 8)))
def test_whole_numbers_raised_to_the_width_agree(of: Case) -> None:
    unit, scale, took = of
    found, width = index(took, unit, scale), 1 << scale

    def above(bound: int) -> bool:  # took / unit > 2 ** (bound / width), in whole numbers
        left, right = int(pow(took, width)), int(pow(unit, width))
        return left << max(0, -bound) > right << max(0, bound)

    assert above(found)
    assert not above(found + 1)


@pytest.mark.parametrize("unit", [MS, SECOND])
@pytest.mark.parametrize("scale", [-3, 0, 4, 13, 20])
def test_a_power_of_two_ends_its_bucket_and_one_nanosecond_more_begins_the_next(
    unit: int, scale: int
) -> None:
    for doublings in range(34):
        took = unit << doublings
        end = -((-doublings * 2**20) // 2 ** (20 - scale)) - 1
        assert index(took, unit, scale) == end
        is_bound = (doublings * 2**20) % 2 ** (20 - scale) == 0
        assert index(took + 1, unit, scale) >= end + is_bound


@pytest.mark.parametrize("unit", [MS, SECOND])
def test_bounds_are_told_apart_to_the_nanosecond_over_centuries(unit: int) -> None:
    for bound in range(24 * 2**MAX_SCALE + 1, 33 * 2**MAX_SCALE, 99_991):
        took = near_a_bound(unit, MAX_SCALE, bound, 0)
        assert index(took, unit, MAX_SCALE) == bound - 1
        assert index(took + 1, unit, MAX_SCALE) == bound


def test_the_bucket_of_one_thing_does_not_depend_on_its_company() -> None:
    took = [1, MS, 3 * MS, 2**63, MOST, 5 * SECOND]
    scales = [20, 0, 3, -2, 7, 11]

    together = indices(np.array(took, np.uint64), np.array(scales), MS).tolist()

    assert together == [index(of, MS, scale) for of, scale in zip(took, scales, strict=True)]


def table(max_size: int) -> Table:
    return Table(Exponents(max_size, MS), 0, 0)


def add(into: Table, spans: Sequence[tuple[int, int]], steady_ns: int = 7) -> None:
    """Count durations of series 0, 1 and 2."""
    order = list(dict.fromkeys(series for series, _ in spans))
    groups = Groups(
        np.array([order.index(series) for series, _ in spans], np.int64),
        tuple((0, (bytes([series]),)) for series in order),
    )
    if spans:
        durations = np.array([took for _, took in spans], np.uint64)
        into.add(groups, np.array([0]), durations, 7, steady_ns)


def by_hand(took: list[int], max_size: int) -> tuple[int, dict[int, int], int]:
    """The finest scale whose buckets suffice, the buckets, and how many were zero."""
    above = [of for of in took if of]
    for scale in range(MAX_SCALE, -12, -1):
        found = Counter(oracle(of, MS, scale) for of in above)
        if not found or max(found) - min(found) < max_size:
            return scale, dict(found), len(took) - len(above)
    raise AssertionError


def read(of: Series) -> tuple[int, dict[int, int], int]:
    spread = of.spread
    assert spread is not None
    assert of.buckets == ()
    assert not spread.counts or (spread.counts[0] and spread.counts[-1])
    found = {spread.offset + at: count for at, count in enumerate(spread.counts) if count}
    return spread.scale, found, spread.zeros


TOOK = st.one_of(st.just(0), st.sampled_from([MS, 2 * MS, 4 * MS, MOST]), ANY)
SPANS = st.lists(st.tuples(st.integers(0, 2), TOOK), max_size=20)


@settings(max_examples=80, deadline=None)
@given(spans=SPANS, max_size=st.sampled_from([2, 3, 8, 160]))
def test_buckets_are_the_finest_that_suffice(spans: list[tuple[int, int]], max_size: int) -> None:
    counted = table(max_size)
    for span in spans:
        add(counted, [span])

    for of in counted.series():
        (name,) = of.key
        assert name is not None
        took = [of for series, of in spans if series == name[0]]
        assert read(of) == by_hand(took, max_size)
        assert (of.calls, of.total_ns) == (len(took), sum(took))
        assert of.spread is not None
        assert (of.spread.least_ns, of.spread.most_ns) == (min(took), max(took))


@settings(max_examples=100, deadline=None)
@given(
    spans=SPANS,
    cuts=st.lists(st.integers(0, 20), max_size=4),
    max_size=st.sampled_from([2, 5, 160]),
)
def test_cuts_restarts_and_order_leave_no_trace(
    spans: list[tuple[int, int]], cuts: list[int], max_size: int
) -> None:
    whole = table(max_size)
    first = [(series, 0) for series in range(3)]  # so that the series begin in one order
    add(whole, first + spans)
    parts = table(max_size)
    add(parts, first)
    mixed = sorted(spans, key=lambda of: (of[1] * 2654435761) % 2**32)
    edges = sorted({0, len(mixed), *(min(cut, len(mixed)) for cut in cuts)})
    for start, end in pairwise(edges):
        add(parts, mixed[start:end])
        restored = table(max_size)
        restored.restore(parts.snapshot())
        parts = restored

    assert parts.snapshot() == whole.snapshot()
    assert list(parts.series()) == list(whole.series())


def test_rows_beyond_the_first_room_and_rows_that_are_left_keep_their_buckets() -> None:
    counted = table(4)
    spans = [(series, (series + 1) * MS) for series in range(250)]
    add(counted, spans)
    add(counted, [(series, 9 * SECOND) for series, _ in spans if series % 3], steady_ns=8)

    counted.expire(8)
    assert len(counted) == 166
    add(counted, [(1, 0), (200, 1)])

    for of in counted.series():
        (name,) = of.key
        assert name is not None
        more = {1: [0], 200: [1]}.get(name[0], [])
        assert read(of) == by_hand([(name[0] + 1) * MS, 9 * SECOND, *more], 4)
