"""The state machine of alerts, for any sequence of evaluations."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slo.replay import states

HELD = st.lists(st.booleans(), min_size=1, max_size=60)
SECONDS = st.integers(0, 12)


def firing(held: list[bool], hold: float, keep: float) -> set[int]:
    """The evaluations at which the alert fires."""
    times = [float(at) for at in range(len(held))]
    present = {at: 1.0 for at, holds in zip(times, held, strict=True) if holds}
    return {
        at
        for at in range(len(held))
        for _, start, end, _ in states(times, present, hold, keep)
        if start <= at and (end is None or at < end)
    }


@given(held=HELD, hold=SECONDS, more=SECONDS, keep=SECONDS)
def test_waiting_longer_never_fires_more(held: list[bool], hold: int, more: int, keep: int) -> None:
    assert firing(held, hold + more, keep) <= firing(held, hold, keep)


@given(held=HELD, hold=SECONDS, keep=SECONDS, more=SECONDS)
def test_keeping_longer_never_fires_less(held: list[bool], hold: int, keep: int, more: int) -> None:
    assert firing(held, hold, keep) <= firing(held, hold, keep + more)


@given(held=HELD, keep=SECONDS)
def test_without_for_it_fires_whenever_the_condition_holds(held: list[bool], keep: int) -> None:
    holds = {at for at, each in enumerate(held) if each}

    assert holds <= firing(held, 0, keep)
    assert firing(held, 0, 0) == holds


@given(held=HELD, hold=SECONDS, keep=SECONDS)
def test_intervals_are_ordered_and_apart(held: list[bool], hold: int, keep: int) -> None:
    times = [float(at) for at in range(len(held))]
    present = {at: 1.0 for at, holds in zip(times, held, strict=True) if holds}
    found = states(times, present, hold, keep)

    assert all(since <= start < (end or len(held)) for since, start, end, _ in found)
    assert all(before[2] is not None and before[2] <= after[0] for before, after in pairwise(found))
