"""Spans that come when their trace has been decided on go its way, or bring it back."""

from __future__ import annotations

import pytest

from collectors.sampling.notes import Cause
from collectors.waiting import Place
from tests.sampled_traces import (
    ERRORS,
    SLOW,
    names,
    sampled,
    share,
    span,
)

HEALTH = {
    "name": "health",
    "type": "drop",
    "drop": {
        "drop_sub_policy": [
            {
                "name": "probes",
                "type": "ottl_condition",
                "ottl_condition": {"span": ['name == "1/0"']},
            }
        ]
    },
}


def test_a_late_span_follows_its_trace() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0, error=True), span(2, 0))
    made.pass_time(31)

    assert names(made.give(span(1, 5), span(2, 5), at=100)) == ["1/5"]
    made.restart()
    assert names(made.give(span(1, 6), span(2, 6), at=200)) == ["1/6"]
    assert made.sampler.held_items() == 0
    assert made.imbalance() == 0
    releases = "otelcol_processor_tail_sampling_early_releases_from_cache_decision"
    assert made.meter.total(releases, sampled="true") == 2
    assert made.meter.total(releases, sampled="false") == 2


def test_a_late_span_that_is_kept_alone_brings_its_trace_back() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0), span(2, 0), at=0)
    made.give(span(1, 1), at=3)
    assert made.pass_time(31) == []

    back = made.give(span(2, 7), span(1, 7, error=True), span(1, 8), at=40)

    assert names(back) == ["1/0", "1/1", "1/7", "1/8"]
    assert names(made.give(span(1, 9), at=50)) == ["1/9"], "and from now on it is kept"
    assert made.imbalance() == 0
    assert made.meter.total("fleetslo_sampling_brought_back_spans_total") == 2
    assert [note.cause for note in made.notes()][-1] is Cause.BROUGHT_BACK


@pytest.mark.parametrize("edited", [False, True])
def test_what_came_late_to_a_dropped_trace_is_brought_back_with_it(edited: bool) -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0), edited=edited)
    made.give(span(1, 1), at=35, edited=edited)
    made.give(span(1, 2, error=True), at=45)

    assert made.kept() == ["1/0", "1/1", "1/2"]
    assert made.imbalance() == 0


def test_what_is_not_on_disk_any_more_stays_dropped() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0))
    made.give(span(1, 1), at=1)
    made.pass_time(31)
    del made.shelf.payloads[Place(0)]

    assert names(made.give(span(1, 2, error=True), at=40)) == ["1/1", "1/2"]
    assert made.imbalance() == 0
    assert made.meter.total("fleetslo_sampling_unreadable_spans_total") == 1


def test_dropped_spans_are_known_up_to_a_number() -> None:
    made = sampled(ERRORS, reconsider_spans=2)
    made.give(span(1, 0), span(2, 0), span(3, 0))
    made.pass_time(31)

    assert names(made.give(span(1, 1, error=True), at=40)) == ["1/1"]
    assert names(made.give(span(3, 1, error=True), at=41)) == ["3/0", "3/1"]
    assert made.imbalance() == 0


def test_what_a_policy_drops_no_later_span_changes() -> None:
    made = sampled(HEALTH, ERRORS)
    made.give(span(1, 0), span(2, 0))
    made.pass_time(31)

    assert names(made.give(span(1, 1, error=True), span(2, 1, error=True), at=40)) == ["2/0", "2/1"]


def test_chance_does_not_bring_a_trace_back() -> None:
    made = sampled(share(50))
    made.give(*(span(trace) for trace in range(100)))
    kept = {one.trace_id for one in made.pass_time(31)}

    late = made.give(*(span(trace, 1) for trace in range(100)), at=40)
    assert {one.trace_id for one in late} == kept


def test_without_a_memory_a_late_span_begins_anew() -> None:
    cache = {"sampled_cache_size": 0, "non_sampled_cache_size": 0}
    made = sampled(ERRORS, decision_cache=cache, reconsider_spans=0)
    made.give(span(1, 0, error=True), span(2, 0))
    made.pass_time(31)
    made.give(span(1, 1), span(2, 1), at=40)

    assert made.sampler.held_items() == 2
    made.pass_time(100)
    assert made.kept() == ["1/0"]
    assert made.imbalance() == 0


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_trace_that_lives_on_follows_its_decision_however_many_come_after_it(
    *, is_kept: bool, restarts: bool
) -> None:
    cache = {"sampled_cache_size": 16, "non_sampled_cache_size": 16}
    slow = {"name": "gone", "type": "drop", "drop": {"drop_sub_policy": [SLOW]}}
    made = sampled(slow, ERRORS, decision_cache=cache, decision_wait="1s", reconsider_spans=0)
    made.give(span(0, 0, error=is_kept, ms=10 if is_kept else 2000))
    for number in range(1, 60):
        others = range(number * 100, number * 100 + 100)
        made.give(*(span(other, error=is_kept) for other in others), at=2 * number)
        if restarts and number % 7 == 0:
            made.restart()
        late = made.give(span(0, number, error=not is_kept), at=2 * number + 1.5)

        assert len(late) == is_kept, f"after {100 * number} other traces"
    assert made.sampler.held_items() == 0
