"""However spans are cut into requests and wherever the daemon restarts, decisions are the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.component import Batch, Context, Signal
from collectors.sampling.counted import SHADOW_SPANS
from collectors.wire.parse import Malformed
from collectors.wire.scan import scan
from tests.sampled_histories import (
    ACTS,
    CONFIG,
    Given,
    came_out,
    cuts,
    histories,
    requests,
    run,
)
from tests.sampled_traces import ERRORS, SECOND, SLOW, Sampled, sampled, share
from tests.sampled_traces import request as request_of

WITH_BUDGET = {"name": "rate", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 2}}
PROBES = {
    "name": "probes",
    "type": "drop",
    "drop": {
        "drop_sub_policy": [
            {"name": "few", "type": "span_count", "span_count": {"min_spans": 1, "max_spans": 1}}
        ]
    },
}
LONG = {
    "name": "long",
    "type": "drop",
    "drop": {"drop_sub_policy": [{**SLOW, "latency": {"threshold_ms": 1500}}]},
}
BY_TRACE = (ERRORS, SLOW, share(30))


def by_name(made: Sampled) -> list[tuple[int, str, str]]:
    return sorted(came_out(made), key=lambda of: of[1])


@settings(max_examples=60, deadline=None)
@given(history=histories(), first=cuts, second=cuts)
def test_it_does_not_matter_how_spans_are_cut_into_requests(
    history: list[Given], first: frozenset[int], second: frozenset[int]
) -> None:
    one = sampled(PROBES, *BY_TRACE, WITH_BUDGET, **CONFIG)
    other = sampled(PROBES, *BY_TRACE, WITH_BUDGET, **CONFIG)
    run(one, requests(history, first))
    run(other, requests(history, second))

    assert came_out(one) == came_out(other)
    assert [note.trace_id for note in one.notes()] == [note.trace_id for note in other.notes()]


@settings(max_examples=60, deadline=None)
@given(
    history=histories(),
    first=cuts,
    acts=ACTS,
)
def test_a_restart_or_a_move_anywhere_changes_nothing(
    history: list[Given], first: frozenset[int], acts: list[str]
) -> None:
    straight = sampled(PROBES, *BY_TRACE, WITH_BUDGET, **CONFIG)
    run(straight, requests(history, first))
    moved = sampled(PROBES, *BY_TRACE, WITH_BUDGET, **CONFIG)
    run(moved, requests(history, first), acts)

    assert moved.out == straight.out
    assert moved.shelf.decisions == straight.shelf.decisions


@settings(max_examples=80, deadline=None)
@given(history=histories(), first=cuts, second=cuts, drops=st.booleans(), acts=ACTS)
def test_what_is_decided_at_once_is_what_whole_traces_get(
    history: list[Given],
    first: frozenset[int],
    second: frozenset[int],
    *,
    drops: bool,
    acts: list[str],
) -> None:
    policies = (LONG, *BY_TRACE) if drops else BY_TRACE
    whole = sampled(*policies, **CONFIG)
    run(whole, requests(history, first))
    at_once = sampled(*policies, **CONFIG, sampling_strategy="span-ingest")
    run(at_once, requests(history, second), acts)

    assert [of[1:] for of in by_name(at_once)] == [of[1:] for of in by_name(whole)]


@settings(max_examples=60, deadline=None)
@given(history=histories(), first=cuts, acts=ACTS)
def test_a_shadow_of_the_same_policies_never_disagrees(
    history: list[Given], first: frozenset[int], acts: list[str]
) -> None:
    policies = [PROBES, *BY_TRACE, WITH_BUDGET]
    made = sampled(*policies, **CONFIG, shadow={"policies": policies})
    run(made, requests(history, first), acts)

    told = {
        whose: made.meter.total(SHADOW_SPANS, kept_by=whose)
        for whose in ("policies", "shadow", "both", "neither")
    }
    assert told["policies"] == told["shadow"] == 0
    assert told["both"] + told["neither"] == len(history)


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_the_order_within_a_second_does_not_matter_without_a_budget(
    history: list[Given], data: st.DataObject
) -> None:
    ordered = sampled(*BY_TRACE, **CONFIG)
    run(ordered, requests(history, frozenset()))
    shuffled = sorted(data.draw(st.permutations(history)), key=lambda one: one.at)
    mixed = sampled(*BY_TRACE, **CONFIG)
    run(mixed, requests(shuffled, frozenset()))

    assert came_out(mixed) == came_out(ordered)


@settings(max_examples=40, deadline=None)
@given(history=histories(), early=st.integers(0, 40))
def test_an_early_decision_keeps_and_drops_whole_traces_all_the_same(
    history: list[Given], early: int
) -> None:
    made = sampled(ERRORS, share(30), **CONFIG)
    for number, request in enumerate(requests(history, frozenset())):
        if number == early:
            made.sampler.decide_early(200, request[0].at * SECOND, made.out.append)
            assert made.sampler.waiting_bytes() <= 200
        made.give(*(one.span for one in request), at=request[0].at)
    made.pass_time(100)

    with_error = {one.span.trace_id for one in history if one.span.status.code == 2}
    kept = {name for _, name, _ in came_out(made)}
    assert {one.span.name for one in history if one.span.trace_id in with_error} <= kept
    assert made.imbalance() == 0


@settings(max_examples=80, deadline=None)
@given(history=histories(), data=st.data())
def test_damaged_requests_are_refused_or_accounted_for_to_the_last_span(
    history: list[Given], data: st.DataObject
) -> None:
    """A receiver lets through what is sound protobuf, however odd."""
    made = sampled(PROBES, *BY_TRACE, **CONFIG)
    for part in requests(history, frozenset()):
        payload = bytearray(request_of([one.span for one in part]))
        for _ in range(data.draw(st.integers(0, 6))):
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
        try:
            items = scan(Signal.TRACES, bytes(payload)).items
        except Malformed:
            continue
        made.pass_time(part[0].at)
        made.ledger.entered += items
        steady_ns = part[0].at * SECOND
        wall_ns = data.draw(st.integers(0, 2**62))
        batch = Batch(Signal.TRACES, bytes(payload), items, Context(), steady_ns, wall_ns)
        made.sampler.step(batch, made.out.append)
        made.restart()
    made.pass_time(100)

    assert all(scan(Signal.TRACES, batch.payload).items == batch.items for batch in made.out), (
        "what comes out is sound"
    )
    assert made.imbalance() == 0
