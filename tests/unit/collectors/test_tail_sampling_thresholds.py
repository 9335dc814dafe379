"""What `tail_sampling` says of chance: thresholds by which counts are adjusted."""

from __future__ import annotations

import math

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.sampling.tracestate import parse
from tests.sampled_traces import (
    ERRORS,
    FEW_SPANS,
    sampled,
    share,
    span,
    trace_id,
)


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
