"""Whatever a policy asks and remembers: cuts and restarts anywhere change no decision."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.sampling.policies import PolicyConfig
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
from tests.sampled_traces import ALL, ERRORS, SLOW, sampled, share


def policy(type_: str, /, **block: object) -> dict[str, object]:
    made: dict[str, object] = {"name": type_, "type": type_}
    return made | ({type_: block} if block else {})


SLO: dict[str, object] = {
    "bytes_per_second": 60,
    "burst_capacity": 300,
    "window": "10s",
    "exemplars": 0,
    "slos": {
        "all": {"objective": 99, "spans": {"service": "sample"}},
        "some": {
            "objective": 90,
            "spans": {"service": "sample", "attributes": {"k": "a"}, "bad": {"above": "5ms"}},
        },
    },
}
KEYS: dict[str, object] = {"field_list": ["k", "root.span.name"], "max_keys": 2}
BY_TRACE: list[dict[str, object]] = [
    policy("always_sample"),
    policy("latency", threshold_ms=1000),
    policy("latency", threshold_ms=5, upper_threshold_ms=1500),
    policy("numeric_attribute", key="n", min_value=3, max_value=9),
    policy("probabilistic", sampling_percentage=30),
    policy("probabilistic", sampling_percentage=30, hash_salt="salt"),
    policy("status_code", status_codes=["ERROR"]),
    policy("string_attribute", key="k", values=["^a"], enabled_regex_matching=True),
    policy("string_attribute", key="k", values=["a"], invert_match=True),
    policy("boolean_attribute", key="b", value=True),
    policy("trace_state", key="a", values=["b"]),
    policy("trace_flags"),
    policy("span_count", min_spans=2, max_spans=4),
    policy("ottl_condition", span=['attributes["k"] == "b" and not IsRootSpan()']),
    policy("and", and_sub_policy=[SLOW, share(50)]),
    policy("not", not_sub_policy=SLOW),
    policy("drop", drop_sub_policy=[SLOW]),
    policy("ema_dynamic", **KEYS, goal_sample_rate=3, adjustment_interval="4s"),
    policy("ema_throughput", **KEYS, goal_throughput_per_sec=1, adjustment_interval="4s"),
    policy("windowed_throughput", **KEYS, goal_throughput_per_sec=1, lookback_frequency="6s"),
    policy("slo", **SLO),
]
"""These answer by what a trace is, by its randomness and by how many are alike."""

BY_ORDER: list[dict[str, object]] = [
    policy("rate_limiting", spans_per_second=1, burst_capacity=3),
    policy("bytes_limiting", bytes_per_second=60, burst_capacity=300),
    policy(
        "composite",
        max_total_spans_per_second=2,
        composite_sub_policy=[SLOW, policy("rate_limiting", spans_per_second=1)],
        rate_allocation=[{"policy": "slow", "percent": 50}],
    ),
    policy("slo", **{**SLO, "exemplars": 1, "exemplar_interval": "5s"}),
]
"""Of these the first that come get what there is."""


_FIRST_DECISION = 4
"""The first second in which a trace of `CONFIG` can be due."""


def with_others(of: dict[str, object]) -> list[object]:
    """A policy, and one that keeps what a policy `drop` leaves."""
    return [of, ALL if of["type"] == "drop" else {**ERRORS, "name": "besides"}]


def named(of: dict[str, object]) -> str:
    return str(of["type"])


def test_each_type_of_policy_is_looked_at() -> None:
    types = get_args(PolicyConfig.model_fields["type"].annotation)

    assert {of["type"] for of in (*BY_TRACE, *BY_ORDER)} == set(types)


@pytest.mark.parametrize("of", [*BY_TRACE, *BY_ORDER], ids=named)
@settings(max_examples=15, deadline=None)
@given(history=histories(), first=cuts, second=cuts, acts=ACTS)
def test_cuts_restarts_and_moves_change_no_decision(
    of: dict[str, object],
    history: list[Given],
    first: frozenset[int],
    second: frozenset[int],
    acts: list[str],
) -> None:
    straight = sampled(*with_others(of), **CONFIG)
    run(straight, requests(history, first))
    again = sampled(*with_others(of), **CONFIG)
    run(again, requests(history, second), acts)

    assert came_out(again) == came_out(straight)
    # Who was asked what, and when: a span that came back by itself is noted where it was cut.
    assert {(n.trace_id, n.steady_ns, n.is_kept) for n in again.notes()} == {
        (n.trace_id, n.steady_ns, n.is_kept) for n in straight.notes()
    }
    assert again.pipeline.totals == straight.pipeline.totals


@pytest.mark.parametrize("of", BY_TRACE, ids=named)
@settings(max_examples=15, deadline=None)
@given(history=histories(), data=st.data())
def test_the_order_within_a_second_changes_no_decision(
    of: dict[str, object], history: list[Given], data: st.DataObject
) -> None:
    """Late spans apart: what they are asked may depend on what came before them."""
    soon = [one for one in history if one.at < _FIRST_DECISION]
    ordered = sampled(*with_others(of), **CONFIG)
    run(ordered, requests(soon, frozenset()))
    shuffled = sorted(data.draw(st.permutations(soon)), key=lambda one: one.at)
    mixed = sampled(*with_others(of), **CONFIG)
    run(mixed, requests(shuffled, frozenset()))

    assert came_out(mixed) == came_out(ordered)
    assert mixed.pipeline.totals == ordered.pipeline.totals
