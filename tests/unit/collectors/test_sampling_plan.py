"""What policies come to: thresholds, attribution, late spans, state."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest

from collectors.ottl.columns import Mask
from collectors.sampling.plan import NOBODY, UNKNOWN, Decisions, Facts
from collectors.sampling.policies import CompiledPlan
from collectors.sampling.thresholds import NEVER, threshold
from collectors.wire.kernel import Words
from tests.sampling_plans import Step, facts_of, plain_facts, plan_of, policy, request, trace_id

SECOND = 1_000_000_000
ERRORS = policy("status_code", status_codes=["ERROR"])
TENTH = policy("probabilistic", sampling_percentage=10)
HALF = policy("probabilistic", "half", sampling_percentage=50)


def threshold_of(percent: int) -> int:
    return threshold(Fraction(percent, 100), 4)


def nested(type_: str, *parts: dict[str, object], name: str = "") -> dict[str, object]:
    inner: object = parts[0] if type_ == "not" else list(parts)
    return policy(type_, name, **{f"{type_}_sub_policy": inner})


def bit_of(plan: CompiledPlan, word: str) -> np.uint64:
    (place,) = (place for place, text in enumerate(plan.leaves) if word in text)
    return np.uint64(1 << place)


def with_bit(plan: CompiledPlan, facts: Facts, word: str, rows: slice) -> Facts:
    bits = facts.bits.copy()
    bits[rows] |= bit_of(plan, word)
    return dataclasses.replace(facts, bits=bits)


def estimate(decided: Decisions, rows: Mask | None = None) -> float:
    """How many traces there were, by the weight of those that were kept."""
    chosen = decided.keep if rows is None else decided.keep & rows
    assert not (decided.thresholds[chosen] == np.uint64(UNKNOWN)).any()
    return float(weights(decided.thresholds[chosen]).sum())


def weights(thresholds: Words) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return NEVER / (NEVER - thresholds.astype(np.float64))


@pytest.mark.parametrize("percentage", [0.5, 5, 20, 50, 99])
@pytest.mark.parametrize("salt", ["", "pepper"])
def test_a_share_is_kept_as_a_binomial_has_it(percentage: float, salt: str) -> None:
    count, share = 40_000, percentage / 100
    plan = plan_of(policy("probabilistic", sampling_percentage=percentage, hash_salt=salt))

    kept = int(plan.decide(plain_facts(plan, count), SECOND).keep.sum())

    deviation = (count * share * (1 - share)) ** 0.5
    assert abs(kept - count * share) < 4.5 * deviation


def test_salts_choose_independently() -> None:
    plans = [
        plan_of(policy("probabilistic", sampling_percentage=50, hash_salt=salt))
        for salt in ("a", "b")
    ]
    one, other = (plan.decide(plain_facts(plan, 20_000), SECOND).keep for plan in plans)

    assert abs(int((one & other).sum()) - 5_000) < 300


def test_a_salt_hashes_as_the_collector_does() -> None:
    # FNV-1a of 64 bits, computed by hand: of "pepper" and sixteen bytes of 1.
    value = 0xCBF29CE484222325
    for byte in b"pepper" + b"\x01" * 16:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    share = value / (2**64 - 1) * 100
    facts = dataclasses.replace(plain_facts(plan_of(ERRORS), 1), ids=np.full((1, 16), 1, np.uint8))

    def keeps(percentage: float) -> bool:
        plan = plan_of(policy("probabilistic", hash_salt="pepper", sampling_percentage=percentage))
        return bool(plan.decide(facts, SECOND).keep[0])

    assert keeps(share + 0.001)
    assert not keeps(share - 0.001)


def test_what_one_policy_keeps_for_sure_counts_once_whatever_others_drew() -> None:
    plan = plan_of(TENTH, ERRORS)
    facts = with_bit(plan, plain_facts(plan, 10_000), "status", slice(0, 1_000))

    decided = plan.decide(facts, SECOND)

    assert decided.keep[:1_000].all()
    assert not decided.thresholds[:1_000].any()
    rest = decided.thresholds[1_000:][decided.keep[1_000:]]
    assert set(rest.tolist()) == {threshold_of(10)}
    assert estimate(decided) == pytest.approx(10_000, rel=0.1)


def test_of_two_shares_the_larger_says_how_likely_a_trace_was() -> None:
    plan = plan_of(TENTH, HALF)

    decided = plan.decide(plain_facts(plan, 20_000), SECOND)

    assert set(decided.thresholds[decided.keep].tolist()) == {threshold_of(50)}
    assert estimate(decided) == pytest.approx(20_000, rel=0.05)


def test_of_shares_that_must_both_want_a_trace_the_smaller_counts() -> None:
    plan = plan_of(nested("and", HALF, TENTH))

    decided = plan.decide(plain_facts(plan, 40_000), SECOND)

    assert set(decided.thresholds[decided.keep].tolist()) == {threshold_of(10)}
    assert estimate(decided) == pytest.approx(40_000, rel=0.07)


def test_the_complement_of_a_share_has_no_threshold() -> None:
    plan = plan_of(nested("not", TENTH))

    decided = plan.decide(plain_facts(plan, 10_000), SECOND)

    assert int(decided.keep.sum()) == pytest.approx(9_000, rel=0.03)
    assert set(decided.thresholds[decided.keep].tolist()) == {UNKNOWN}


def test_who_escaped_a_drop_by_chance_has_no_threshold() -> None:
    plan = plan_of(nested("drop", HALF, ERRORS), policy("always_sample"))
    facts = with_bit(plan, plain_facts(plan, 1_000), "status", slice(0, 500))

    decided = plan.decide(facts, SECOND)

    escaped = decided.keep[:500]
    assert 150 < int(escaped.sum()) < 350
    assert set(decided.thresholds[:500][escaped].tolist()) == {UNKNOWN}
    assert decided.keep[500:].all()
    assert not decided.thresholds[500:].any()


@pytest.mark.parametrize("limit", ["rate_limiting", "bytes_limiting", "composite"])
def test_what_a_limit_lets_through_has_no_threshold(limit: str) -> None:
    blocks: dict[str, dict[str, object]] = {
        "rate_limiting": {"spans_per_second": 10},
        "bytes_limiting": {"bytes_per_second": 1_000},
        "composite": {
            "max_total_spans_per_second": 20,
            "composite_sub_policy": [policy("always_sample")],
        },
    }
    plan = plan_of(policy(limit, **blocks[limit]))

    decided = plan.decide(plain_facts(plan, 100), SECOND)

    assert int(decided.keep.sum()) == 20
    assert decided.keep[:20].all()
    assert set(decided.thresholds[decided.keep].tolist()) == {UNKNOWN}


def test_first_match_leaves_limits_alone_and_thresholds_true() -> None:
    limit = policy("rate_limiting", spans_per_second=100)
    plan = plan_of(HALF, ERRORS, limit, sample_on_first_match=True)
    facts = with_bit(plan, plain_facts(plan, 400), "status", slice(0, 400, 2))

    decided = plan.decide(facts, SECOND)

    is_error = facts.bits != 0
    assert not decided.thresholds[is_error].any()
    by_share = decided.keep & ~is_error & (decided.policies == 0)
    assert set(decided.thresholds[by_share].tolist()) == {threshold_of(50)}
    by_limit = decided.keep & (decided.policies == 2)
    assert set(decided.thresholds[by_limit].tolist()) == {UNKNOWN}
    assert by_limit.sum() == min(
        200, int((~is_error & (facts.randomness < threshold_of(50))).sum())
    )


def test_a_share_is_of_what_arrives_and_no_threshold_falls() -> None:
    before = threshold_of(25)
    plan = plan_of(TENTH)
    all_facts = plain_facts(plan, 80_000)
    passed = all_facts.randomness >= before
    facts = Facts(
        *(
            getattr(all_facts, name)[passed]
            for name in ("ids", "bits", "spans", "sizes", "starts_ns", "ends_ns", "has_root")
        ),
        all_facts.randomness[passed],
        np.full(int(passed.sum()), before, np.uint64),
        all_facts.extras,
    )

    decided = plan.decide(facts, SECOND)

    assert int(decided.keep.sum()) == pytest.approx(2_000, rel=0.1)
    assert (decided.thresholds[decided.keep] >= before).all()
    assert estimate(decided) == pytest.approx(80_000, rel=0.1)


def test_a_plan_without_traces_decides_nothing() -> None:
    plan = plan_of(ERRORS, TENTH, policy("rate_limiting", spans_per_second=1))

    decided = plan.decide(plain_facts(plan, 0), SECOND)

    assert decided.keep.shape == decided.policies.shape == decided.thresholds.shape == (0,)
    assert decided.votes.tolist() == [[0, 0]] * 3


def test_votes_count_traces_and_their_spans() -> None:
    plan = plan_of(ERRORS, policy("always_sample"), nested("drop", policy("trace_flags")))
    facts = with_bit(plan, plain_facts(plan, 10, spans=3), "status", slice(0, 4))
    facts = with_bit(plan, facts, "sampled flag", slice(3, 5))

    decided = plan.decide(facts, SECOND)

    assert plan.names == ("drop", "status_code", "always_sample")
    assert decided.votes.tolist() == [[2, 6], [3, 9], [8, 24]]


def test_who_is_dropped_or_vetoed_is_told_by_whom() -> None:
    veto = policy("string_attribute", key="s", values=["no"], invert_match=True)
    plan = plan_of(policy("always_sample"), veto, nested("drop", ERRORS), invert_decisions=True)
    facts = with_bit(plan, plain_facts(plan, 4), "'s' in", slice(0, 2))
    facts = with_bit(plan, facts, "status", slice(1, 3))

    decided = plan.decide(facts, SECOND)

    assert decided.keep.tolist() == [False, False, False, True]
    told = [plan.names[place] for place in decided.policies.tolist()]
    assert told == ["string_attribute", "drop", "drop", "always_sample"]


def test_late_spans_bring_back_what_no_other_span_could_change() -> None:
    plan = plan_of(
        ERRORS,
        policy("latency", threshold_ms=1_000),
        policy("latency", "bounded", threshold_ms=10, upper_threshold_ms=500),
        policy("span_count", min_spans=1),
        policy("string_attribute", key="s", values=["x"], invert_match=True),
        nested("not", policy("trace_flags"), name="unflagged"),
        HALF,
        policy("rate_limiting", spans_per_second=1_000),
        nested("and", policy("trace_flags", "f"), policy("latency", "l", threshold_ms=50)),
        nested("drop", policy("boolean_attribute", key="b", value=True)),
    )
    late = {
        "error": (Step(status="ERROR"), "status_code"),
        "slow": (Step(ms=(0, 1_001)), "latency"),
        "plain": (Step(), None),
        "flagged": (Step(flags=1), "and"),
        "unwanted": (Step(status="ERROR", attributes={"b": True}), None),
    }
    ids = [trace_id(place + 1) for place in range(len(late))]
    steps = [step for step, _ in late.values()]
    facts = facts_of(plan, [request(list(zip(ids, steps, strict=True)))], ids)
    before = plan.snapshot()

    found = plan.reconsider(facts, SECOND)

    told = [None if place == NOBODY else plan.names[place] for place in found.tolist()]
    assert told == [expected for _, expected in late.values()]
    assert plan.snapshot() == before


def test_a_plan_goes_on_where_its_snapshot_stood() -> None:
    policies = [
        policy("rate_limiting", spans_per_second=7),
        policy("bytes_limiting", bytes_per_second=1_000),
        policy("ema_throughput", field_list=["k"], goal_throughput_per_sec=5, max_keys=3),
        policy("windowed_throughput", field_list=["root.k", "span.name"]),
        nested("and", policy("span_count"), policy("rate_limiting", "r", spans_per_second=3)),
        policy(
            "composite",
            max_total_spans_per_second=9,
            composite_sub_policy=[policy("rate_limiting", "inner", spans_per_second=4)],
        ),
    ]
    first, second = plan_of(*policies), plan_of(*policies)
    for second_of in range(40):
        first.decide(keyed(first, second_of), second_of * SECOND)
    second.restore(first.snapshot())

    assert second.snapshot() == first.snapshot()
    for second_of in range(40, 60):
        one = first.decide(keyed(first, second_of), second_of * SECOND)
        other = second.decide(keyed(second, second_of), second_of * SECOND)
        assert one.keep.tolist() == other.keep.tolist()
        assert one.thresholds.tolist() == other.thresholds.tolist()


def keyed(plan: CompiledPlan, seed: int) -> Facts:
    facts = plain_facts(plan, 30, first=seed)
    extras = np.random.default_rng(seed).integers(1, 9, facts.extras.shape).astype(np.uint64)
    return dataclasses.replace(facts, extras=extras)


def test_state_of_policies_that_changed_or_went_is_left_out() -> None:
    old = plan_of(
        policy("rate_limiting", "a", spans_per_second=2),
        policy("rate_limiting", "b", spans_per_second=2),
    )
    old.decide(plain_facts(old, 10), SECOND)
    new = plan_of(policy("rate_limiting", "b", spans_per_second=100), ERRORS)

    new.restore(old.snapshot())

    assert int(new.decide(plain_facts(new, 10), SECOND).keep.sum()) == 0
    assert int(new.decide(plain_facts(new, 500), 2 * SECOND).keep.sum()) == 100


@pytest.mark.parametrize("state", [b"[]", b"7", b"{", b"\xff"])
def test_state_that_is_none_is_refused(state: bytes) -> None:
    plan = plan_of(policy("rate_limiting", spans_per_second=2))
    before = plan.snapshot()

    with pytest.raises(ValueError, match="a plan's state must be"):
        plan.restore(state)

    assert plan.snapshot() == before


@pytest.mark.parametrize("words", [None, [], {"level": 1}, "x", [1, "x"]])
def test_state_that_is_not_understood_is_left_out(words: object) -> None:
    plan = plan_of(policy("rate_limiting", spans_per_second=2))
    before = plan.snapshot()

    plan.restore(json.dumps({"rate_limiting": words}).encode())

    assert plan.snapshot() == before
