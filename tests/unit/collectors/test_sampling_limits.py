"""Budgets by the second: exact, in order, and the same after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from collectors.sampling.limits import SECOND_NS, Bucket, Second, admitted


def test_a_bucket_begins_full_and_holds_twice_its_rate() -> None:
    bucket = Bucket(5, 0)

    assert bucket.at(0) == 10
    bucket.spend(10)
    assert bucket.at(SECOND_NS) == 5
    assert bucket.at(100 * SECOND_NS) == 10


def test_no_fraction_of_a_token_is_lost() -> None:
    bucket = Bucket(3, 1_000)
    bucket.at(0)
    bucket.spend(1_000)

    for step in range(1, 1_001):
        bucket.at(step * SECOND_NS // 7)

    assert bucket.at(1_000 * SECOND_NS // 7) == 3_000 // 7


def test_time_that_goes_back_gives_nothing_twice() -> None:
    bucket = Bucket(10, 20)
    bucket.at(10 * SECOND_NS)
    bucket.spend(20)

    assert bucket.at(5 * SECOND_NS) == 0
    assert bucket.at(11 * SECOND_NS) == 10


def test_a_bucket_that_is_smaller_now_holds_no_more_than_it_can() -> None:
    large, small = Bucket(1_000, 0), Bucket(1, 5)
    large.at(0)

    small.take(large.words())

    assert small.at(0) == 5


def test_a_second_forgets_what_was_left() -> None:
    second = Second(10)
    second.spend(4) if second.at(0) else None

    assert second.at(SECOND_NS - 1) == 6
    assert second.at(SECOND_NS) == 10


@pytest.mark.parametrize("seed", range(30))
def test_who_gets_in_is_who_fits_one_after_the_other(seed: int) -> None:
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, 50, chance.integers(0, 300)).astype(np.int64)
    room = int(chance.integers(0, 3_000))

    expected, left = [], room
    for size in sizes.tolist():
        expected.append(size <= left)
        left -= size if size <= left else 0

    assert admitted(sizes, room).tolist() == expected
