"""`tail_sampling` decides on whole traces, and every span goes the way of its trace."""

from __future__ import annotations

import dataclasses
import math

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pydantic import ValidationError

from collectors.component import Context
from collectors.sampling import counted
from collectors.sampling.notes import Cause
from collectors.testing.samples import START_NS
from collectors.wire.parse import Malformed
from tests.sampled_traces import (
    ALL,
    ERRORS,
    FEW_SPANS,
    SECOND,
    SLOW,
    batch_of,
    configured,
    names,
    request,
    sampled,
    share,
    span,
    spans_in,
    trace_id,
)


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
    made.give(*spans_in([batch_of(payload, 3)]), payload=payload)
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


def test_a_trace_that_lasts_for_hours_is_decided_on_like_any_other() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0, error=True, root=True))
    made.pass_time(31)

    for hour in range(1, 4):
        assert made.give(span(1, hour), at=hour * 3600) == [span(1, hour)]


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
        made.sampler.step(batch_of(request([span(2)]), 2), made.out.append)

    assert made.sampler.snapshot() == before


def test_an_empty_request_passes() -> None:
    made = sampled(ERRORS)
    made.give()

    assert [batch.items for batch in made.out] == [0]


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
