"""The policy `slo`: bad events while a budget burns, nearly bad ones, exemplars, and a budget."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest
from pydantic import ValidationError

from collectors.component import Signal
from collectors.processors.sli import SliConfig
from collectors.processors.sli.counting import Counter
from collectors.sampling.burning import Burning
from collectors.sampling.counted import BURNING, SHED, SHED_EVENTS
from collectors.sampling.plan import NOBODY, UNKNOWN, Decisions, Facts
from collectors.sampling.policies import CompiledPlan
from collectors.sampling.slo_config import SloPolicyConfig
from collectors.sampling.thresholds import NEVER, threshold
from collectors.wire.scan import scan
from tests.sampling_plans import Step, facts_of, plain_facts, plan_of, policy, request, trace_id

SECOND = 1_000_000_000
PLENTY = 10**9
SHOP = {"objective": 99, "spans": {"service": "shop", "bad": {"above": "1s"}}}
BANK = {"objective": 99.9, "spans": {"service": "bank"}}
GOOD, BAD, NEAR = 1, 2, 4


def slo(**block: object) -> dict[str, object]:
    return policy("slo", **({"slos": {"shop": SHOP}, "bytes_per_second": PLENTY} | block))


def plan_with(**block: object) -> CompiledPlan:
    return plan_of(slo(**block))


def traces(plan: CompiledPlan, bits: dict[int, int], *, first: int = 0, size: int = 100) -> Facts:
    """So many traces with these bits, in that order."""
    facts = plain_facts(plan, sum(bits.values()), first=first)
    flags = np.repeat(np.array(list(bits), np.uint64), list(bits.values()))
    events = np.where(flags & BAD, np.uint64(2), np.uint64(0))  # two bad ones of the first SLO
    extras = np.zeros_like(facts.extras)
    extras[-1] = events
    sizes = np.full(len(flags), size, np.int64)
    return dataclasses.replace(facts, bits=flags, sizes=sizes, extras=extras)


def step(plan: CompiledPlan, bits: dict[int, int], second: int, **how: int) -> Decisions:
    """Spans arrive, and their traces are decided on."""
    facts = traces(plan, bits, first=second + 1, **how)
    plan.arrived(facts.bits, second * SECOND)
    return plan.decide(facts, second * SECOND)


def totals(plan: CompiledPlan) -> dict[tuple[str, str], int]:
    return {(name, labels["slo_id"]): total for name, labels, total in plan.totals()}


def test_every_bad_event_is_kept_while_the_budget_burns() -> None:
    plan = plan_with()

    decided = step(plan, {GOOD | BAD: 20, GOOD: 980}, 1)

    assert decided.keep.tolist() == [True] * 20 + [False] * 980
    assert not decided.thresholds[:20].any()
    assert totals(plan) == {(SHED, "shop"): 0, (SHED_EVENTS, "shop"): 0, (BURNING, "shop"): 1}


def test_while_it_does_not_burn_a_share_of_them_is_kept() -> None:
    plan = plan_with(exemplars=0, calm_sampling_percentage=20)

    decided = step(plan, {GOOD | BAD: 900, GOOD: 99_100}, 1)

    kept = decided.keep[:900]
    assert int(kept.sum()) == pytest.approx(180, rel=0.25)
    assert set(decided.thresholds[:900][kept].tolist()) == {threshold(Fraction(1, 5), 4)}
    assert not decided.keep[900:].any()
    assert totals(plan)[BURNING, "shop"] == 0


def test_a_budget_burns_until_its_window_has_passed() -> None:
    plan = plan_with(window="1m", exemplars=0, calm_sampling_percentage=0)
    step(plan, {GOOD | BAD: 50, GOOD: 950}, 0)

    assert step(plan, {GOOD | BAD: 1, GOOD: 999}, 30).keep[0]
    assert not step(plan, {GOOD | BAD: 1, GOOD: 999}, 61).keep[0]


def test_nearly_bad_events_are_boosted() -> None:
    plan = plan_with(near_sampling_percentage=50)

    decided = step(plan, {GOOD | NEAR: 1_000, GOOD: 1_000}, 1)

    assert int(decided.keep[:1_000].sum()) == pytest.approx(500, rel=0.15)
    assert not decided.keep[1_000:].any()


def test_bits_are_of_the_same_events_that_sli_counts() -> None:
    indicators = {name: {"spans": of["spans"]} for name, of in (("shop", SHOP), ("bank", BANK))}
    config = SliConfig.model_validate({"slos": indicators})
    steps = [
        Step(resource={"service.name": "shop"}, ms=(0, 1_000.001)),
        Step(resource={"service.name": "shop"}, ms=(0, 1_000)),
        Step(resource={"service.name": "shop"}, ms=(0, 800.001)),
        Step(resource={"service.name": "shop"}, ms=(0, 800)),
        Step(resource={"service.name": "shop"}, status="ERROR"),
        Step(resource={"service.name": "bank"}, status="ERROR"),
        Step(resource={"service.name": "bank"}, ms=(0, 5_000)),
        Step(resource={"service.name": "other"}, status="ERROR"),
        Step(),
    ]
    payload = request([(trace_id(1), of) for of in steps])
    plan = plan_of(slo(slos={"shop": SHOP, "bank": BANK}))

    flags = plan.flags(scan(Signal.TRACES, payload)).tolist()

    assert flags == [3, 5, 5, 1, 3, 3 << 3, 1 << 3, 0, 0]
    counted = Counter(config.slos).count(payload, len(steps))
    assert [(each.good, each.bad) for each in counted] == [
        (sum(of & 3 == 1 for of in flags), sum(of & 3 == 3 for of in flags)),
        (sum(of >> 3 & 3 == 1 for of in flags), sum(of >> 3 & 3 == 3 for of in flags)),
    ]


def test_exemplars_are_kept_where_chance_keeps_none() -> None:
    plan = plan_with(
        exemplars=2, exemplar_interval="10s", calm_sampling_percentage=0, burn_rate=100
    )

    first = step(plan, {GOOD | BAD: 5, GOOD: 95}, 1)
    same = step(plan, {GOOD | BAD: 5, GOOD: 95}, 9)
    following = step(plan, {GOOD | BAD: 5, GOOD: 95}, 10)

    assert first.keep.tolist() == [True] * 2 + [False] * 98
    assert set(first.thresholds[:2].tolist()) == {UNKNOWN}
    assert not same.keep.any()
    assert int(following.keep.sum()) == 2


def test_what_chance_keeps_counts_among_the_exemplars() -> None:
    plan = plan_with(exemplars=3, calm_sampling_percentage=50, burn_rate=100)

    decided = step(plan, {GOOD | BAD: 100}, 1)

    kept = decided.keep
    assert UNKNOWN not in decided.thresholds[kept].tolist()


def test_one_trace_is_an_exemplar_of_two_slos() -> None:
    both = {"slos": {"shop": SHOP, "bank": BANK}, "burn_rate": 90, "calm_sampling_percentage": 0}
    plan = plan_of(slo(**both))
    bad_of_both = (GOOD | BAD) | (GOOD | BAD) << 3

    decided = step(plan, {bad_of_both: 3, GOOD | GOOD << 3: 9_997}, 1)

    assert int(decided.keep.sum()) == 1


def test_the_budget_wins_and_every_trace_it_sheds_is_counted() -> None:
    plan = plan_with(bytes_per_second=5_000, burst_capacity=5_000)

    decided = step(plan, {GOOD | BAD: 200, GOOD: 100}, 1, size=100)

    assert int(decided.keep.sum()) == 50
    assert totals(plan)[SHED, "shop"] == 150
    assert totals(plan)[SHED_EVENTS, "shop"] == 300


def test_no_second_carries_more_than_the_budget() -> None:
    plan = plan_with(bytes_per_second=5_000, burst_capacity=5_000)

    sums = []
    for second in range(1, 40):
        facts = traces(plan, {GOOD | BAD: 100, GOOD | NEAR: 100}, first=second)
        sizes = np.random.default_rng(second).integers(1, 400, 200)
        facts = dataclasses.replace(facts, sizes=sizes.astype(np.int64))
        plan.arrived(facts.bits, second * SECOND)
        decided = plan.decide(facts, second * SECOND)
        sums.append(int(facts.sizes[decided.keep].sum()))

    assert max(sums) <= 5_000
    assert sum(sums) <= 5_000 * 39
    assert min(sums) > 4_000


def test_what_the_budget_sheds_leaves_weights_true() -> None:
    plan = plan_with(bytes_per_second=10_000, burst_capacity=10_000)

    weight = 0.0
    for second in range(1, 101):
        decided = step(plan, {GOOD | BAD: 400}, second)
        chosen = decided.thresholds[decided.keep]
        assert UNKNOWN not in chosen.tolist()
        weight += float((NEVER / (NEVER - chosen.astype(np.float64))).sum())

    assert weight == pytest.approx(400 * 100, rel=0.03)


def test_urgent_traces_go_before_boosted_ones() -> None:
    plan = plan_with(
        bytes_per_second=2_000, burst_capacity=2_000, near_sampling_percentage=100, exemplars=0
    )

    decided = step(plan, {GOOD | NEAR: 100, GOOD | BAD: 15, GOOD: 100}, 1)

    assert decided.keep[100:115].all()
    assert int(decided.keep[:100].sum()) == 5


def test_a_trace_larger_than_the_bucket_does_not_hold_up_others() -> None:
    plan = plan_with(bytes_per_second=1_000, burst_capacity=1_000)
    facts = traces(plan, {GOOD | BAD: 10})
    sizes = np.array([10_000] * 5 + [100] * 5, np.int64)
    facts = dataclasses.replace(facts, sizes=sizes)
    plan.arrived(facts.bits, SECOND)

    decided = plan.decide(facts, SECOND)

    assert decided.keep.tolist() == [False] * 5 + [True] * 5
    assert totals(plan)[SHED, "shop"] == 5


def test_what_another_policy_keeps_is_not_shed() -> None:
    plan = plan_of(slo(bytes_per_second=1), policy("always_sample"))

    decided = step(plan, {GOOD | BAD: 10}, 1)

    assert decided.keep.all()
    assert totals(plan)[SHED, "shop"] == 0
    assert totals(plan)[SHED_EVENTS, "shop"] == 0


def test_a_late_bad_event_brings_its_trace_back_while_the_budget_burns() -> None:
    plan = plan_with(bytes_per_second=1_000, exemplars=0)
    late = dataclasses.replace(traces(plan, {GOOD | BAD: 1, GOOD: 1}))
    large = dataclasses.replace(late, sizes=np.full(2, 5_000, np.int64))

    assert plan.reconsider(late, SECOND).tolist() == [NOBODY, NOBODY]
    plan.arrived(np.full(10, GOOD | BAD, np.uint64), SECOND)
    assert plan.reconsider(large, SECOND).tolist() == [NOBODY, NOBODY]
    assert plan.reconsider(late, SECOND).tolist() == [0, NOBODY]


def test_a_restart_changes_nothing() -> None:
    config = slo(bytes_per_second=3_000, slos={"shop": SHOP, "bank": BANK})
    first, second = plan_of(config), plan_of(config)
    for at in range(1, 20):
        step(first, {GOOD | BAD: 20, GOOD: 100 * at}, at)
    second.restore(first.snapshot())

    assert totals(second) == totals(first)
    for at in range(20, 30):
        one, other = (step(plan, {GOOD | BAD: 20, GOOD: 50}, at) for plan in (first, second))
        assert one.keep.tolist() == other.keep.tolist()
        assert one.thresholds.tolist() == other.thresholds.tolist()
    assert second.snapshot() == first.snapshot()


def test_what_was_shed_is_remembered_when_slos_come_and_go() -> None:
    old = plan_with(bytes_per_second=1)
    step(old, {GOOD | BAD: 10}, 1)
    new = plan_of(slo(slos={"bank": BANK, "shop": SHOP}))

    new.restore(old.snapshot())

    assert totals(new)[SHED, "shop"] == 10
    assert totals(new)[SHED_EVENTS, "shop"] == 20
    assert totals(new)[SHED, "bank"] == 0
    assert totals(new)[SHED_EVENTS, "bank"] == 0


def test_bad_events_that_are_shed_are_counted_one_by_one_for_each_of_many_slos() -> None:
    services = [f"s{number}" for number in range(5)]
    slos = {of: {"objective": 99, "spans": {"service": of}} for of in services}
    key = policy("ema_dynamic", goal_sample_rate=1_000, field_list=["service.name"])
    plan = plan_of(key, slo(slos=slos, bytes_per_second=1))
    chosen = np.random.default_rng(7).integers(0, [20, 5, 2], (3_000, 3))
    steps = [
        (trace_id(trace), Step(resource={"service.name": f"s{service}"}, status=status))
        for trace, service, bad in chosen.tolist()
        for status in ["ERROR" if bad else "OK"]
    ]
    payload = request(steps)
    ids = [trace_id(number) for number in range(20)]
    facts = facts_of(plan, [payload, payload], ids)
    plan.arrived(plan.flags(scan(Signal.TRACES, payload)), SECOND)

    decided = plan.decide(facts, SECOND)

    lost = {of for of, kept in zip(ids, decided.keep.tolist(), strict=True) if not kept}
    assert lost
    for of in services:
        bad = [
            of_trace
            for of_trace, step in steps
            if step.resource["service.name"] == of and step.status == "ERROR" and of_trace in lost
        ]
        assert totals(plan)[SHED_EVENTS, of] == 2 * len(bad)


def test_a_state_that_counted_traces_alone_is_taken_over() -> None:
    old, new = plan_with(bytes_per_second=1), plan_with(bytes_per_second=1)
    step(old, {GOOD | BAD: 10}, 1)
    state = json.loads(old.snapshot())
    del state["slo"]["shed_events"]

    new.restore(json.dumps(state).encode())

    assert totals(new)[SHED, "shop"] == 10
    assert totals(new)[SHED_EVENTS, "shop"] == 0
    assert totals(new)[BURNING, "shop"] == totals(old)[BURNING, "shop"]


def test_burning_is_exact_at_its_limit() -> None:
    burning = Burning([Fraction(1, 100), Fraction(1, 100)], 60 * SECOND, 2)

    burning.count(np.array([1_000, 1_000]), np.array([19, 20]), 0)

    assert burning.now(0) == [False, True]
    assert burning.now(59 * SECOND) == [False, True]
    assert burning.now(10_000 * SECOND) == [False, False]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"slos": {}}, "at least 1"),
        ({"slos": {"a": {**SHOP, "objective": 100}}}, "less than 100"),
        ({"bytes_per_second": 0}, "greater than or equal to 1"),
        ({"window": "100ms"}, "1s to 24h"),
        ({"exemplars": 1, "exemplar_interval": 0}, "must be above 0"),
        ({"burn_rate": 101}, "can never match: with every event bad, shop"),
        (
            {"slos": {"bank": BANK}, "near_sampling_percentage": 50},
            "no SLO has bad.above",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(block: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        SloPolicyConfig.model_validate({"slos": {"shop": SHOP}, "bytes_per_second": 9} | block)
