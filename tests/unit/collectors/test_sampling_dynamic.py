"""Rates that follow the traffic: goals are met, keys are bounded, and weights stay true."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from pydantic import ValidationError

from collectors.component import Signal
from collectors.sampling.dynamic.config import EmaDynamicConfig, WindowedThroughputConfig
from collectors.sampling.dynamic.keys import OTHERS, Fields
from collectors.sampling.dynamic.rates import EmaRates, WindowedRates, shared_rates
from collectors.sampling.plan import Facts
from collectors.sampling.policies import CompiledPlan
from collectors.sampling.thresholds import NEVER
from collectors.wire.scan import scan
from tests.sampling_plans import Step, facts_of, plain_facts, plan_of, policy, request, trace_id

SECOND = 1_000_000_000
TRAFFIC = {1 << 40: 600, 2 << 40: 60, 3 << 40: 6}


def traffic(plan: CompiledPlan, second: int, traces: Mapping[int, int], spans: int = 1) -> Facts:
    keys = np.repeat(np.array(list(traces), np.uint64), list(traces.values()))
    facts = plain_facts(plan, len(keys), first=second, spans=spans)
    order = np.random.default_rng(second).permutation(len(keys))
    return dataclasses.replace(facts, extras=keys[order].reshape(1, -1))


def run(
    plan: CompiledPlan, seconds: range, traces: Mapping[int, int] = TRAFFIC, spans: int = 1
) -> tuple[int, float, dict[int, float]]:
    """Spans kept by the second, estimated over true traces, and the share kept of each key."""
    kept, weight, by_key = 0, 0.0, dict.fromkeys(traces, 0)
    for second in seconds:
        facts = traffic(plan, second, traces, spans)
        decided = plan.decide(facts, second * SECOND)
        thresholds = decided.thresholds[decided.keep].astype(np.float64)
        weight += float((NEVER / (NEVER - thresholds)).sum())
        kept += int(facts.spans[decided.keep].sum())
        for key in traces:
            by_key[key] += int((decided.keep & (facts.extras[0] == key)).sum())
    shares = {key: by_key[key] / (of * len(seconds)) for key, of in traces.items()}
    return kept, weight / (sum(traces.values()) * len(seconds)), shares


def test_a_goal_sample_rate_is_met_and_rare_keys_are_kept() -> None:
    plan = plan_of(policy("ema_dynamic", field_list=["k"], goal_sample_rate=10))
    run(plan, range(60))

    kept, weight, shares = run(plan, range(60, 160))

    assert kept == pytest.approx(666 * 100 / 10, rel=0.06)
    assert weight == pytest.approx(1, abs=0.05)
    rare, middle, frequent = shares[3 << 40], shares[2 << 40], shares[1 << 40]
    assert rare == 1
    assert frequent < middle / 4 < rare


@pytest.mark.parametrize("kind", ["ema_throughput", "windowed_throughput"])
@pytest.mark.parametrize("spans", [1, 4])
def test_a_goal_throughput_is_met_whatever_the_traffic(kind: str, spans: int) -> None:
    plan = plan_of(policy(kind, field_list=["k"], goal_throughput_per_sec=80))
    run(plan, range(60), spans=spans)

    kept, weight, shares = run(plan, range(60, 160), spans=spans)

    assert kept / 100 == pytest.approx(80, rel=0.1)
    assert weight == pytest.approx(1, abs=0.12)
    assert shares[3 << 40] > 0.8

    tenfold = {key: of * 10 for key, of in TRAFFIC.items()}
    run(plan, range(160, 240), tenfold, spans=spans)
    kept, _, _ = run(plan, range(240, 270), tenfold, spans=spans)
    assert kept / 30 == pytest.approx(80, rel=0.15)


def test_traffic_below_the_goal_is_kept_whole() -> None:
    plan = plan_of(policy("ema_throughput", field_list=["k"], goal_throughput_per_sec=10_000))
    run(plan, range(20))

    _, _, shares = run(plan, range(20, 40))

    assert set(shares.values()) == {1}


def test_until_there_is_an_average_the_first_rate_holds() -> None:
    plan = plan_of(policy("ema_dynamic", field_list=["k"], goal_sample_rate=4))

    kept, weight, _ = run(plan, range(15))

    assert kept == pytest.approx(666 * 15 / 4, rel=0.06)
    assert weight == pytest.approx(1, abs=0.06)


def test_a_burst_moves_the_rates_before_the_interval_is_over() -> None:
    config = EmaDynamicConfig(field_list=["k"])
    calm = {1: 100, 2: 10}

    def rate_after(config: EmaDynamicConfig) -> float:
        rates = EmaRates(config, lambda total: total / 10, 10)
        for second in range(76):
            rates.see(calm, second * SECOND)
        rates.see({1: 60_000, 2: 10}, 77 * SECOND)
        return rates.see(calm, 78 * SECOND)[2]

    before = rate_after(config.model_copy(update={"burst_multiple": -1.0}))
    assert rate_after(config) < before


def test_silence_does_not_make_the_average_fall() -> None:
    rates = EmaRates(EmaDynamicConfig(field_list=["k"]), lambda total: total / 10, 10)
    for second in range(46):
        rates.see({1: 100, 2: 10}, second * SECOND)
    before = rates.see({1: 1}, 46 * SECOND)

    assert rates.see({1: 1}, 10_000 * SECOND)[1] == pytest.approx(before[1], rel=0.6)
    assert rates.see({1: 1}, 10_001 * SECOND)[1] > 1


def test_rates_share_the_goal_by_the_logarithm() -> None:
    rates = shared_rates({1: 10_000.0, 2: 100.0, 3: 1.0}, 202)

    # The rare key takes 1 of 202; logs are 4 and 2, so 134.7 and 67.3.
    assert rates[3] == 1
    assert rates[2] == pytest.approx(100 / 67.3, rel=0.01)
    assert sum(of / rates[key] for key, of in {1: 10_000, 2: 100, 3: 1}.items()) == pytest.approx(
        202, rel=0.01
    )


def test_keys_beyond_the_most_share_a_rate() -> None:
    config = EmaDynamicConfig(field_list=["k"], max_keys=10)
    rates = EmaRates(config, lambda total: total / 10, 10)
    for second in range(120):
        hostile = {second * 1_000 + of: 5 for of in range(1, 400)}
        found = rates.see(hostile | {7: 50}, second * SECOND)

    assert len(set(found.values())) <= 11
    words = rates.words()
    assert isinstance(words, dict)
    assert all(len(words[name]) <= 11 for name in ("counts", "averages", "rates"))
    assert dict(words["rates"])[OTHERS] > 5


def test_a_window_forgets_keys_that_went() -> None:
    config = WindowedThroughputConfig(field_list=["k"], max_keys=10)
    rates = WindowedRates(config)
    for second in range(100):
        rates.see({second * 100 + of: 3 for of in range(50)}, second * SECOND)
    for second in range(100, 170):
        found = rates.see({5: 1_000}, second * SECOND)

    words = rates.words()
    assert isinstance(words, dict)
    assert [key for key, _ in words["rates"]] == [5]
    assert found[5] == pytest.approx(10)


def key_of(steps: list[Step], **config: object) -> tuple[int, ...]:
    plan = plan_of(policy("ema_dynamic", **config))
    facts = facts_of(plan, [request([(trace_id(1), step) for step in steps])], [trace_id(1)])
    return tuple(facts.extras[:, 0].tolist())


def test_a_key_is_of_values_wherever_they_stand() -> None:
    span = key_of([Step(attributes={"k": "v"})], field_list=["k"])

    assert key_of([Step(resource={"k": "v"})], field_list=["k"]) == span
    assert key_of([Step(attributes={"k": "w"})], field_list=["k"]) != span
    assert key_of([Step(attributes={"k": 5})], field_list=["k"]) != key_of(
        [Step(attributes={"k": "5"})], field_list=["k"]
    )
    assert key_of([Step()], field_list=["k"]) == (0,)
    # A span's own value goes before that of its resource.
    both = Step(attributes={"k": "v"}, resource={"k": "w"})
    assert key_of([both], field_list=["k"]) == span


def test_the_order_of_spans_does_not_change_the_key() -> None:
    steps = [Step(attributes={"k": value}) for value in ("a", "b", "c", "a")]

    assert key_of(steps, field_list=["k"]) == key_of(steps[::-1], field_list=["k"])


def test_a_root_field_is_asked_of_the_root_only() -> None:
    root, child = Step(attributes={"k": "v"}), Step(attributes={"k": "w"}, parent=b"p" * 8)

    assert key_of([root, child], field_list=["root.k"]) == key_of([root], field_list=["k"])
    assert key_of([child], field_list=["root.k"]) == (0,)


def test_paths_of_spans_are_fields() -> None:
    fields = ["span.name", "span.status.code", "root.span.kind"]
    one = key_of([Step(name="a", status="OK")], field_list=fields)
    other = key_of([Step(name="b", status="OK")], field_list=fields)

    assert one[0] != other[0]
    assert one[1:] == other[1:]
    assert all(one)


def test_the_number_of_spans_may_be_part_of_the_key() -> None:
    def rate(spans: int, *, by_length: bool) -> float:
        plan = plan_of(
            policy("ema_dynamic", field_list=["k"], use_trace_length=by_length, goal_sample_rate=10)
        )
        for second in range(60):
            plan.decide(traffic(plan, second, {1 << 40: 300}, 2), second * SECOND)
        facts = traffic(plan, 61, {1 << 40: 300}, spans)
        return float(plan.decide(facts, 61 * SECOND).keep.mean())

    assert rate(3, by_length=True) == 1
    assert rate(3, by_length=False) < 0.3


def test_a_request_without_spans_has_no_keys() -> None:
    fields = Fields()
    fields.place("k")

    assert fields.measure(scan(Signal.TRACES, b"")).shape == (1, 0)


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"field_list": []}, "at least 1"),
        ({"field_list": ["k", "k"]}, "names k twice"),
        ({"field_list": ["k"], "adjustment_interval": 0}, "must be above 0"),
        ({"field_list": ["k"], "weight": 1}, "less than 1"),
        ({"field_list": ["k"], "goal_sample_rate": 0}, "greater than or equal to 1"),
        ({"field_list": ["k"], "max_keys": 0}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(block: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        EmaDynamicConfig.model_validate(block)


@pytest.mark.parametrize(("update", "back"), [("1s", "500ms"), ("1ms", "2s"), ("0s", "1s")])
def test_a_window_is_some_updates_long(update: str, back: str) -> None:
    with pytest.raises(ValidationError):
        WindowedThroughputConfig.model_validate(
            {"field_list": ["k"], "update_frequency": update, "lookback_frequency": back}
        )
