"""Every bad event that the budget of a policy `slo` sheds is counted, late ones too."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from collectors.sampling.burning import Burning
from collectors.sampling.counted import BURNING, SHED, SHED_EVENTS
from tests.sampled_traces import SLOW, Sampled, sampled, span

SIZE = span(1, error=True).ByteSize()


def slo(**block: object) -> dict[str, object]:
    """An SLO of which every error is a bad event, and no room for any of them."""
    spans = {"service": "sample", "bad": {"status": True}}
    given = {
        "slos": {"shop": {"objective": 99, "spans": spans}},
        "bytes_per_second": 1,
        "exemplars": 0,
        "calm_sampling_percentage": 0,
    }
    return {"name": "slo", "type": "slo", "slo": given | block}


def dropped(*policies: object, **block: object) -> Sampled:
    """Ten traces of one bad event each, shed half a minute later."""
    made = sampled(slo(**block), *policies)
    made.give(*(span(trace, error=True) for trace in range(10)))
    assert made.pass_time(31) == []
    assert (made.shown(SHED), made.shown(SHED_EVENTS)) == (10, 10)
    return made


def test_a_late_bad_event_of_a_trace_that_was_shed_is_counted() -> None:
    made = dropped()

    assert made.give(span(1, 1, error=True), span(1, 2), span(2, 1, error=True), at=40) == []
    made.pass_time(80)

    assert (made.shown(SHED), made.shown(SHED_EVENTS)) == (10, 12)
    assert made.imbalance() == 0


def test_it_is_counted_where_it_alone_would_have_been_wanted() -> None:
    made = sampled(slo())
    made.give(*(span(trace) for trace in range(190)))
    made.pass_time(31)

    made.give(span(1, 1, error=True), at=40)
    assert made.shown(SHED_EVENTS) == 0, "the budget did not burn yet"
    made.give(span(2, 1), span(2, 2, error=True), at=41)

    assert (made.shown(SHED), made.shown(SHED_EVENTS)) == (0, 1)
    made.pass_time(80)
    assert burns(made) == 1


def test_a_late_bad_event_that_brings_its_trace_back_is_not_shed() -> None:
    made = sampled(slo(bytes_per_second=10 * SIZE))
    made.give(*(span(trace, error=trace > 7) for trace in range(10)))
    made.pass_time(31)
    before = made.shown(SHED_EVENTS)

    assert made.give(span(1, 1, error=True), span(1, 2), at=40) != []
    made.pass_time(80)

    assert made.shown(SHED_EVENTS) == before


def test_nor_is_one_that_another_policy_keeps_or_drops_for_good() -> None:
    kept = dropped(SLOW)
    assert kept.give(span(1, 1, error=True, ms=2000), at=40) != []
    kept.pass_time(80)
    assert kept.shown(SHED_EVENTS) == 10

    slow = {"name": "gone", "type": "drop", "drop": {"drop_sub_policy": [SLOW]}}
    gone = sampled(slo(), slow)
    gone.give(span(1, error=True, ms=2000), span(2, error=True))
    gone.pass_time(31)
    gone.give(span(1, 1, error=True), at=40)
    gone.pass_time(80)
    assert gone.shown(SHED_EVENTS) == 1, "that of the second trace"


def burns(made: Sampled) -> float:
    return made.meter.gauges[BURNING]


@pytest.mark.parametrize("percentage", [0, 50, 100])
def test_while_the_budget_does_not_burn_the_share_that_is_wanted_is_shed(percentage: int) -> None:
    objective = {"objective": 1, "spans": {"service": "sample", "bad": {"status": True}}}
    made = sampled(slo(slos={"shop": objective}, calm_sampling_percentage=percentage))
    made.give(*(span(trace) for trace in range(100)))
    made.pass_time(31)
    made.give(*(span(trace, 1, error=True) for trace in range(40)), at=40)
    made.pass_time(80)

    assert burns(made) == 0
    assert made.shown(SHED_EVENTS) == pytest.approx(0.4 * percentage, abs=4)


@pytest.mark.parametrize("cut", [False, True])
def test_what_comes_behind_a_late_span_in_its_request_lets_no_budget_burn_for_it(
    *, cut: bool
) -> None:
    made = sampled(slo())
    made.give(*(span(trace) for trace in range(190)))
    made.pass_time(31)
    late = [span(1, 1, error=True), span(2, 1, error=True), span(3, 1)]

    for request in [[one] for one in late] if cut else [late]:
        made.give(*request, at=40)

    assert made.shown(SHED_EVENTS) == 1, "of the second, with which the budget began to burn"


@pytest.mark.parametrize("restarts", [False, True])
def test_a_restart_between_changes_no_count(restarts: bool) -> None:
    made = dropped()
    if restarts:
        made.restart()
    made.give(span(1, 1, error=True), at=40)
    if restarts:
        made.restart()
    made.pass_time(80)

    assert made.shown(SHED_EVENTS) == 11


def test_whoever_has_no_such_policy_counts_nothing() -> None:
    made = sampled(SLOW)
    made.give(span(1, error=True))
    made.pass_time(31)
    made.give(span(1, 1, error=True), at=40)

    assert made.shown(SHED_EVENTS) == 0


@pytest.mark.parametrize("burn_rate", [1.0, 14.4, 1 / 3])
@pytest.mark.parametrize("scale", [1, 10**12])
def test_what_burned_before_is_what_burned_then(burn_rate: float, scale: int) -> None:
    """Also where products do not fit into a word."""
    budgets = [Fraction(1, 1000), Fraction(1, 3), Fraction(1, 10)]
    counts = np.random.default_rng(5).integers(0, 30, (40, 2, len(budgets))) * scale
    counts[:, 1] //= 9
    counts[::7] = 0
    then = Burning(budgets, 60_000_000_000, burn_rate)
    burned = []
    for events, bad in counts:
        then.count(events, bad, 0)
        burned.append(then.now())

    behind = counts.sum(axis=0)[None] - np.cumsum(counts, axis=0)
    found = then.without(*behind.transpose(1, 2, 0))

    assert found.T.tolist() == burned
