"""Asking an alert's condition seldom finds the same firings as asking at every evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from slo.replay import states
from slo.replay.watching import Labels, watched

LENGTH = 400
Truth = Mapping[Labels, Mapping[int, float]]
Found = dict[Labels, list[tuple[float, float, float | None, float]]]

runs = st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 60)), max_size=8)


def truth_of(instances: list[list[tuple[int, int]]]) -> Truth:
    """Each instance holds during its runs, `(begin, length)`."""
    return {
        (("instance", str(number)),): {
            at: float(at)
            for begin, length in each
            for at in range(begin, min(begin + length, LENGTH))
        }
        for number, each in enumerate(instances)
    }


def fired(truth: Truth, times: list[float], hold: int, keep: int) -> Found:
    found: Found = {}
    for labels, points in truth.items():
        present = {float(at): value for at, value in points.items()}
        if firings := states(times, present, hold, keep):
            found[labels] = firings
    return found


@given(
    instances=st.lists(runs, min_size=1, max_size=3),
    hold=st.integers(0, 40),
    keep=st.integers(0, 30),
    first=st.integers(0, 50),
)
def test_what_is_asked_for_fires_as_if_everything_had_been_asked_for(
    instances: list[list[tuple[int, int]]], hold: int, keep: int, first: int
) -> None:
    truth = truth_of(instances)

    def ask(begin: int, end: int, stride: int) -> Truth:
        asked = range(begin, end + 1, stride)
        return {
            labels: {at: value for at, value in points.items() if at in asked}
            for labels, points in truth.items()
        }

    seen = watched(first, LENGTH - 1, hold, keep, ask)
    asked = list(seen.evaluations())

    assert asked == sorted(set(asked))
    everything = [float(at) for at in range(first, LENGTH)]
    assert fired(seen.held, [float(at) for at in asked], hold, keep) == fired(
        ask(first, LENGTH - 1, 1), everything, hold, keep
    )


def test_a_condition_that_never_holds_is_asked_for_once_in_each_for() -> None:
    asked: list[int] = []

    def ask(begin: int, end: int, stride: int) -> Truth:
        asked.extend(range(begin, end + 1, stride))
        return {}

    assert watched(1, 100, 20, 5, ask).stretches == []
    assert asked == [20, 40, 60, 80, 100]
