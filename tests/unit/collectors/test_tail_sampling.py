"""`tail_sampling` decides on whole traces, and every span goes the way of its trace."""

from __future__ import annotations

import dataclasses
import math

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError

from collectors.component import Batch, Context, Signal
from collectors.processors.tail_sampling import FACTORY, processor
from collectors.sampling import counted
from collectors.sampling.notes import Cause
from collectors.sampling.tracestate import parse
from collectors.testing.samples import START_NS
from collectors.waiting import Pins, Place, Waiting
from collectors.wire.parse import Malformed
from tests.sampled_traces import (
    ALL,
    ERRORS,
    SECOND,
    SLOW,
    configured,
    request,
    sampled,
    share,
    span,
    spans_in,
    trace_id,
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
FEW_SPANS = {"name": "rate", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1}}


def names(spans: list[Span]) -> list[str]:
    return [one.name for one in spans]


def standing(one: Span) -> int:
    """Bytes of a span in a request: with its tag and its length."""
    return len(one.SerializeToString()) + 2


# ---------------------------------------------------------------- deciding


def test_a_trace_is_decided_on_as_a_whole_once_its_time_is_up() -> None:
    made = sampled(ERRORS)

    assert made.give(span(1, 0), span(2, 0), at=0.5) == []
    assert made.give(span(1, 1, error=True), span(2, 1), at=12) == []
    assert made.sampler.held_items() == 4
    assert made.pass_time(30.4) == []
    assert names(made.pass_time(31)) == ["1/0", "1/1"]
    assert made.sampler.held_items() == 0
    assert made.sampler.next_deadline() is None
    assert made.imbalance() == 0
    assert made.ledger.sampled_out == 2


def test_decisions_are_made_together_once_a_second() -> None:
    made = sampled(ALL)
    for trace in range(50):
        made.give(span(trace), at=trace * 0.05)

    deadlines = set()
    while (due := made.sampler.next_deadline()) is not None:
        deadlines.add(due)
        made.sampler.tick(due, made.out.append)

    assert deadlines == {30 * SECOND, 31 * SECOND, 32 * SECOND, 33 * SECOND}
    assert len(made.kept()) == 50


def test_the_root_makes_the_wait_shorter_and_never_longer() -> None:
    made = sampled(ALL, decision_wait="30s", decision_wait_after_root_received="5s")
    made.give(span(1, 0), span(2, 0), at=0)
    made.give(span(1, 1, root=True), at=2)
    assert names(made.pass_time(7)) == ["1/0", "1/1"]

    made.give(span(2, 1, root=True), at=28)
    assert names(made.pass_time(30)) == ["2/0", "2/1"]


def test_latency_goes_from_the_first_start_to_the_last_end() -> None:
    made = sampled(SLOW)
    made.give(span(1, 0, ms=600), span(2, 0, ms=600))
    made.give(span(1, 1, ms=600, start_ns=START_NS + 500_000_000), span(2, 1, ms=600), at=1)

    assert names(made.pass_time(40)) == ["1/0", "1/1"]


def test_what_is_kept_stands_under_its_resource_as_it_came() -> None:
    made = sampled(ALL)
    payload = request([span(1, 0), span(1, 1)], "first") + request([span(1, 2)], "second")
    made.give(*spans_in([_batch(payload, 3)]), payload=payload)
    made.pass_time(40)

    assert [batch.payload for batch in made.out] == [payload]


def test_survivors_are_put_out_in_the_order_of_arrival_and_as_they_came() -> None:
    made = sampled(ERRORS)
    made.give(span(2, 0), span(1, 0, error=True), span(3, 0, error=True))
    made.give(span(3, 1), span(2, 1), span(1, 1), at=5)

    assert made.pass_time(40) == [
        span(1, 0, error=True),
        span(3, 0, error=True),
        span(3, 1),
        span(1, 1),
    ]
    assert len(made.out) == 1, "one context, one batch"


def test_the_spans_of_one_trace_are_put_out_in_the_context_that_each_came_in() -> None:
    made = sampled(ALL)
    ours = Context("ours", "10.0.0.1:4711", (("x-team", "a"),), "grpc")
    made.give(span(1, 0), context=ours)
    made.give(span(1, 1), context=Context("theirs"), at=1)
    made.give(span(1, 2), context=dataclasses.replace(ours, peer="10.0.0.1:4712"), at=2)
    made.restart()
    made.pass_time(40)

    found = {batch.context: names(spans_in([batch])) for batch in made.out}
    assert found == {
        Context("ours", "10.0.0.1", (("x-team", "a"),)): ["1/0", "1/2"],
        Context("theirs"): ["1/1"],
    }
    assert {batch.steady_ns for batch in made.out} == {30 * SECOND}
    assert [batch.wall_ns for batch in made.out] == [START_NS + 2 * SECOND, START_NS + SECOND]


def test_probability_keeps_the_share_that_it_says() -> None:
    made = sampled(share(5))
    for part in range(20):
        made.give(*(span(part * 500 + number) for number in range(500)), at=part / 10)
    kept = len(made.pass_time(40))

    expected, spread = 500, math.sqrt(10_000 * 0.05 * 0.95)
    assert abs(kept - expected) < 5 * spread


def test_who_keeps_less_keeps_nothing_that_another_drops() -> None:
    kept: list[set[bytes]] = []
    for percentage in (5, 20, 60):
        made = sampled(share(percentage))
        made.give(*(span(trace) for trace in range(1000)))
        kept.append({one.trace_id for one in made.pass_time(40)})

    assert kept[0] < kept[1] < kept[2]


def test_a_budget_is_spent_in_the_order_of_arrival_and_survives_a_restart() -> None:
    made = sampled(FEW_SPANS)
    made.give(span(9), span(8), span(7))
    made.pass_time(30)
    assert made.kept() == ["8/0", "9/0"], "the bucket holds twice the rate"

    made.give(span(6), at=30.5)
    made.restart()
    assert made.pass_time(61) != []
    assert made.imbalance() == 0


def test_too_many_traces_are_decided_on_early_by_their_policies() -> None:
    made = sampled(ERRORS, num_traces=2)
    assert made.give(span(1, error=True), span(2), span(3)) == [span(1, error=True)]
    assert made.give(span(4, error=True), span(5), at=1) == []
    assert names(made.pass_time(40)) == ["4/0"]
    assert made.imbalance() == 0
    assert made.meter.total("fleetslo_sampling_early_decisions_total", reason="early") == 3


def test_a_trace_that_grows_too_large_is_dropped_at_once_and_for_good() -> None:
    made = sampled(ERRORS, maximum_trace_size_bytes=250)
    made.give(span(1, 0, error=True), span(2, 0, error=True))
    made.give(*(span(1, number) for number in range(1, 5)), at=1)

    assert made.sampler.held_items() == 1
    assert made.give(span(1, 9, error=True), at=2) == []
    assert names(made.pass_time(40)) == ["2/0"]
    assert made.imbalance() == 0
    assert [note.cause for note in made.notes()] == [Cause.TOO_LARGE, Cause.WAITED]


# ---------------------------------------------------------------- late spans


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


def test_a_trace_that_lasts_for_hours_is_decided_on_like_any_other() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0, error=True, root=True))
    made.pass_time(31)

    for hour in range(1, 4):
        assert made.give(span(1, hour), at=hour * 3600) == [span(1, hour)]


# ---------------------------------------------------------------- adjusted counts


def thresholds(spans: list[Span]) -> set[int | None]:
    return {parse(one.trace_state).threshold for one in spans}


def test_a_trace_kept_by_chance_says_at_which_threshold_and_late_spans_say_it_too() -> None:
    made = sampled(ERRORS, share(25))
    made.give(*(span(trace, error=trace == 0) for trace in range(200)))
    kept = made.pass_time(31)
    made.restart()
    late = made.give(*(span(trace, 1) for trace in range(200)), at=40)

    for found in (kept, late):
        by_chance = [one for one in found if one.trace_id != trace_id(0)]
        assert thresholds(by_chance) == {0xC0000000000000}
        assert thresholds([one for one in found if one.trace_id == trace_id(0)]) == {None}
    assert [one.trace_id for one in kept] == [one.trace_id for one in late]


def test_a_threshold_is_never_lowered() -> None:
    made = sampled(share(50))
    survivors = [trace for trace in range(2000) if trace_id(trace)[9] >= 0xF0]
    made.give(*(span(trace, state="ot=th:f,other=1") for trace in survivors))
    kept = made.pass_time(31)

    assert len(survivors) // 3 < len(kept) < len(survivors) * 2 // 3
    assert thresholds(kept) == {0xF8000000000000}
    assert {one.trace_state for one in kept} == {"ot=th:f8,other=1"}


def test_where_a_budget_decided_no_threshold_is_claimed_and_late_spans_claim_none_either() -> None:
    made = sampled(FEW_SPANS)
    state = "ot=th:8;rv:ffffffffffffff,vendor=1"
    made.give(span(1, state=state))
    kept = made.pass_time(31)
    late = made.give(span(1, 1, state=state), at=40)

    assert [one.trace_state for one in kept + late] == ["ot=rv:ffffffffffffff,vendor=1"] * 2


def test_counts_adjusted_by_thresholds_add_up_to_all_traces() -> None:
    made = sampled(share(20))
    for part in range(20):
        made.give(*(span(part * 500 + number) for number in range(500)), at=part / 10)
    kept = made.pass_time(40)

    weights = [2**56 / (2**56 - (parse(one.trace_state).threshold or 0)) for one in kept]
    assert abs(sum(weights) - 10_000) < 5 * math.sqrt(10_000 * 0.8 / 0.2)


def test_where_nothing_changes_the_bytes_pass_as_they_are() -> None:
    made = sampled(ERRORS)
    broken = span(1, 0, error=True, state="ot=th:nonsense;;")
    made.give(broken, span(1, 1, state="ot=th:8;rv:ffffffffffffff"))

    assert made.pass_time(31) == [broken, span(1, 1, state="ot=th:8;rv:ffffffffffffff")]


# ---------------------------------------------------------------- bad input


def test_a_span_without_a_trace_id_is_kept_and_counted() -> None:
    made = sampled(ERRORS)
    lost = span(1)
    lost.trace_id = b""
    short = span(2)
    short.trace_id = b"1234"

    assert names(made.give(lost, span(3), short)) == ["1/0", "2/0"]
    assert made.sampler.held_items() == 1
    assert made.meter.total("fleetslo_sampling_spans_without_trace_id_total") == 2
    made.pass_time(31)
    assert made.imbalance() == 0


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, START_NS),  # no start
        (START_NS, 0),  # no end
        (START_NS + 10 * SECOND, START_NS),  # ends before it starts
        (5, START_NS),  # a clock that was never set
        (START_NS, 2**64 - 1),  # the far future
    ],
)
def test_a_time_that_cannot_be_true_makes_no_trace_slow(start: int, end: int) -> None:
    made = sampled(SLOW)
    odd = span(1)
    odd.start_time_unix_nano, odd.end_time_unix_nano = start, end
    made.give(odd, span(1, 1), span(2, 0, ms=2000))

    assert names(made.pass_time(31)) == ["2/0"]
    assert made.meter.total("fleetslo_sampling_doubtful_times_total") == 1


def test_a_request_that_counts_other_spans_than_it_has_is_refused_and_changes_nothing() -> None:
    made = sampled(ERRORS)
    made.give(span(1))
    before = made.sampler.snapshot()
    with pytest.raises(Malformed):
        made.sampler.step(_batch(request([span(2)]), 2), made.out.append)

    assert made.sampler.snapshot() == before


def test_an_empty_request_passes() -> None:
    made = sampled(ERRORS)
    made.give()

    assert [batch.items for batch in made.out] == [0]


# ---------------------------------------------------------------- the shelf


def test_the_daemon_knows_that_its_items_wait() -> None:
    assert isinstance(sampled(ALL).sampler, Waiting)
    assert FACTORY.waits


def test_what_is_too_much_at_once_is_decided_on_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, parts = sampled(FEW_SPANS, share(20)), sampled(FEW_SPANS, share(20))
    for made in (whole, parts):
        made.give(*(span(trace) for trace in range(50)))
    whole.pass_time(40)
    monkeypatch.setattr(processor, "_MOST_AT_ONCE", 7)
    parts.pass_time(40)

    assert spans_in(parts.out) == spans_in(whole.out)


def test_spans_wait_where_the_inbox_has_them_and_edited_ones_in_the_held_log() -> None:
    made = sampled(ALL)
    made.give(span(1, 0))
    made.give(span(1, 1), edited=True, at=1)
    made.give(span(2, 0), at=2)

    assert made.sampler.pins() == Pins(inbox=0, held=0)
    assert made.shelf.held == 1
    assert made.sampler.waiting_bytes() == sum(
        standing(one) for one in (span(1, 0), span(1, 1), span(2, 0))
    )
    made.pass_time(30)
    assert made.sampler.pins() == Pins(inbox=2)
    made.pass_time(40)
    assert made.sampler.pins() == Pins()
    assert made.sampler.waiting_bytes() == 0


def test_spans_that_were_moved_are_put_out_as_if_they_had_not_been() -> None:
    straight, moved = sampled(ERRORS), sampled(ERRORS)
    for made in (straight, moved):
        made.give(span(1, 0, error=True), span(2, 0), span(3, 0))
        made.give(span(2, 1), span(3, 1, error=True), at=20)
        made.pass_time(29)
    moved.sampler.relocate(1, 0)
    assert moved.sampler.pins() == Pins(inbox=1, held=0)
    moved.restart()
    moved.sampler.relocate(2, 1)
    assert moved.sampler.pins() == Pins(held=1)
    for place in (Place(0), Place(1), Place(-1)):
        del moved.shelf.payloads[place]
    for made in (straight, moved):
        made.pass_time(60)

    assert [batch.payload for batch in moved.out] == [batch.payload for batch in straight.out]
    assert moved.out == straight.out


def test_only_what_still_waits_is_moved() -> None:
    made = sampled(ERRORS, decision_wait_after_root_received="1s")
    made.give(span(1, 0, root=True), span(2, 0), span(3, 0))
    made.pass_time(10)
    made.sampler.relocate(1, 0)

    moved = made.shelf.payloads[Place(-1)]
    assert names(spans_in([_batch(moved, 2)])) == ["2/0", "3/0"]
    assert names(made.give(span(1, 1, error=True), at=12)) == ["1/0", "1/1"]
    made.give(span(2, 1, error=True), at=13)
    assert names(made.pass_time(40)) == ["2/0", "2/1"]
    assert made.imbalance() == 0


def test_spans_that_cannot_be_read_again_are_counted_as_lost() -> None:
    made = sampled(ALL)
    made.give(span(1, 0), span(2, 0))
    made.give(span(1, 1), at=1)
    del made.shelf.payloads[Place(0)]
    made.sampler.relocate(1, 0)

    assert names(made.pass_time(40)) == ["1/1"]
    assert made.ledger.lost == 2
    assert made.imbalance() == 0


def test_the_oldest_are_decided_on_early_until_what_waits_fits() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0, error=True), span(2, 0))
    made.give(span(3, 0, error=True), span(1, 1), at=1)
    size = standing(span(3, 0, error=True))
    made.sampler.decide_early(10**9, 2 * SECOND, made.out.append)
    assert made.out == []
    made.sampler.decide_early(size, 2 * SECOND, made.out.append)

    assert made.kept() == ["1/0", "1/1"]
    assert made.sampler.waiting_bytes() == size
    assert made.sampler.next_deadline() == 31 * SECOND
    made.sampler.decide_early(0, 2 * SECOND, made.out.append)
    assert made.kept() == ["1/0", "1/1", "3/0"]
    assert made.imbalance() == 0


def test_every_decision_is_noted_with_its_facts() -> None:
    made = sampled(ERRORS, share(1))
    made.give(span(1, 0, root=True), span(1, 1, error=True), span(2, 0))
    made.pass_time(31)
    kept, dropped = made.notes()

    assert (kept.trace_id, kept.is_kept, kept.policy) == (trace_id(1), True, "errors")
    assert (kept.spans, kept.has_root, kept.cause) == (2, True, Cause.WAITED)
    assert kept.leaves
    assert kept.end_ns - kept.start_ns == 10_000_000
    assert (dropped.trace_id, dropped.is_kept, dropped.policy) == (trace_id(2), False, None)
    assert dropped.threshold == 0


# ---------------------------------------------------------------- the policy slo


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("asks_anew", [False, True])
def test_bad_events_that_a_budget_sheds_are_counted_exactly(
    restarts: bool, asks_anew: bool
) -> None:
    indicator = {"objective": 99, "spans": {"service": "sample"}}
    budget = {"slos": {"shop": indicator}, "bytes_per_second": 1_500}
    of_slo = {"name": "slo", "type": "slo", "slo": budget}
    shadow = {"policies": [of_slo]}
    made = sampled(SLOW if asks_anew else of_slo, shadow=shadow)
    given = [
        [span(trace, number, error=(trace * number) % 3 == 1) for trace in range(40)]
        for number in range(6)
    ]
    for second, spans in enumerate(given):
        made.give(*spans, at=second)
        if asks_anew and second == 3:
            made.reload(configured(of_slo, shadow=shadow))
        if restarts:
            made.restart()
    kept = {one.trace_id for one in made.pass_time(60)}
    if restarts:
        made.restart()

    bad = [one for spans in given for one in spans if one.status.code == Status.STATUS_CODE_ERROR]
    lost = [one for one in bad if one.trace_id not in kept]
    assert 0 < len(lost) < len(bad)
    assert made.shown(counted.SHED_EVENTS) == len(lost)


# ---------------------------------------------------------------- configuration


def test_new_policies_ask_the_spans_that_wait_already() -> None:
    made = sampled(SLOW)
    made.give(span(1, 0, error=True), span(2, 0))
    made.give(span(2, 1, error=True), at=1)
    made.reload(configured(ERRORS))

    assert names(made.pass_time(40)) == ["1/0", "2/0", "2/1"]
    assert made.imbalance() == 0


def test_a_policy_of_another_type_under_the_same_name_begins_anew_and_no_span_is_lost() -> None:
    made = sampled(FEW_SPANS)
    made.give(span(1, error=True), span(2))
    made.reload(configured({**ERRORS, "name": FEW_SPANS["name"]}))
    assert made.sampler.held_items() == 2
    made.reload(configured({**FEW_SPANS, "name": "errors"}, share(10)))
    made.reload(configured({**ERRORS, "name": "share"}))

    assert names(made.pass_time(40)) == ["1/0"]
    assert made.imbalance() == 0


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = configured(ALL)

    assert config.decision_wait == 30 * SECOND
    assert config.num_traces == 0
    assert config.decision_cache.sampled_cache_size == 500_000
    assert config.decision_cache.non_sampled_cache_size == 2_000_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"policies": []}, "at least 1 item"),
        ({"policies": [ALL, ALL]}, "name of a policy before it"),
        ({"policies": [ALL], "decision_wait": "0s"}, "above 0"),
        ({"policies": [ALL], "drop_pending_traces_on_shutdown": True}, "on disk"),
        ({"policies": [ALL], "tail_storage": "pebble_tail_storage"}, "on disk already"),
    ],
)
def test_what_cannot_be_done_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        type(configured(ALL)).model_validate(given)


def _batch(payload: bytes, items: int) -> Batch:
    return Batch(Signal.TRACES, payload, items, Context(), 1, START_NS)
