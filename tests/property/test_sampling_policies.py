"""Any policies decide as the Collector evaluates them one trace at a time; and consistently."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.sampling.plan import UNKNOWN, Facts
from collectors.sampling.policies import CompiledPlan
from collectors.sampling.thresholds import ALWAYS, NEVER
from tests.sampling_plans import (
    MS,
    START_NS,
    Step,
    facts_of,
    plan_of,
    policy,
    request,
    trace_id,
)

SECOND = 1_000_000_000
LEAVES = st.sampled_from(
    [
        policy("always_sample"),
        policy("status_code", status_codes=["ERROR"]),
        policy("trace_flags"),
        policy("string_attribute", key="s", values=["a"]),
        policy("string_attribute", key="s", values=["a"], invert_match=True),
        policy("boolean_attribute", key="b", value=True, invert_match=True),
        policy("latency", threshold_ms=100),
        policy("latency", threshold_ms=10, upper_threshold_ms=200),
        policy("span_count", min_spans=2, max_spans=3),
        policy("probabilistic", sampling_percentage=40),
        policy("rate_limiting", spans_per_second=3),
        policy("rate_limiting", spans_per_second=1, burst_capacity=4),
    ]
)


def renamed(policies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**of, "name": f"p{place}"} for place, of in enumerate(policies)]


def several(of: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(of, min_size=1, max_size=3).map(renamed)


SIMPLE = LEAVES | LEAVES.map(lambda of: policy("not", not_sub_policy=of))
ANDS = several(SIMPLE).map(lambda of: policy("and", and_sub_policy=of))
NOTS = ANDS.map(lambda of: policy("not", not_sub_policy=of))
DROPS = several(SIMPLE).map(lambda of: policy("drop", drop_sub_policy=of))
COMPOSITES = several(SIMPLE | ANDS).map(
    lambda of: policy("composite", max_total_spans_per_second=12, composite_sub_policy=of)
)
PLANS = st.lists(SIMPLE | ANDS | NOTS | DROPS | COMPOSITES, min_size=1, max_size=5).map(renamed)
STEPS = st.builds(
    Step,
    attributes=st.sampled_from([{}, {"s": "a"}, {"s": "b"}, {"b": True}, {"s": "a", "b": False}]),
    status=st.sampled_from(["UNSET", "OK", "ERROR"]),
    ms=st.sampled_from([(0, 5), (0, 50), (100, 150), (0, 150), (0, 300)]),
    flags=st.sampled_from([0, 0, 1, 3]),
)
TRACES = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=8)


class Oracle:
    """The Collector's evaluation, trace by trace, in plain words."""

    def __init__(self, policies: list[dict[str, Any]], *, first_match: bool, inverts: bool) -> None:
        # What was drawn twice is the same object, and must not share a budget.
        apart = json.loads(json.dumps(policies))
        self.policies = sorted(apart, key=lambda of: of["type"] != "drop")
        self.first_match = first_match
        self.inverts = inverts
        self.tokens: dict[int, float] = {}
        self.second: dict[int, tuple[int, int]] = {}
        self.now = 0

    def keeps(self, trace: Sequence[Step], randomness: int) -> bool:
        said: set[str] = set()
        for of in self.policies:
            decision = self.ask(of, trace, randomness)
            said.add(decision)
            if decision == "dropped" or (self.first_match and decision == "sampled"):
                break
        if "dropped" in said or "inverted not" in said:
            return False
        return "sampled" in said or ("inverted" in said and "not" not in said)

    def ask(self, of: dict[str, Any], trace: Sequence[Step], randomness: int) -> str:
        block = of.get(of["type"], {})
        match of["type"]:
            case "and" | "drop":
                for part in block[f"{of['type']}_sub_policy"]:
                    if self.ask(part, trace, randomness) in {"not", "inverted not"}:
                        return "not"
                return "dropped" if of["type"] == "drop" else "sampled"
            case "not":
                inner = self.ask(block["not_sub_policy"], trace, randomness)
                return {"sampled": "not", "not": "sampled"}.get(inner, inner)
            case "composite":
                return self.composite(block, trace, randomness)
            case _:
                return self.single(of, trace, randomness)

    def single(self, of: dict[str, Any], trace: Sequence[Step], randomness: int) -> str:
        block = of.get(of["type"], {})
        if of["type"] == "rate_limiting":
            return self.limit(of, block, len(trace))
        if of["type"] in {"string_attribute", "boolean_attribute"}:
            return self.attribute(block, trace)
        return "sampled" if self.plain(of["type"], block, trace, randomness) else "not"

    def plain(
        self, type_: str, block: dict[str, Any], trace: Sequence[Step], randomness: int
    ) -> bool:
        took = max(of.ms[1] for of in trace) - min(of.ms[0] for of in trace)
        match type_:
            case "status_code":
                return any(of.status == "ERROR" for of in trace)
            case "trace_flags":
                return any(of.flags & 1 for of in trace)
            case "latency":
                high = block.get("upper_threshold_ms") or float("inf")
                return bool(block["threshold_ms"] < took <= high)
            case "span_count":
                return bool(block["min_spans"] <= len(trace) <= block["max_spans"])
            case "probabilistic":
                return randomness >= 0x999A << 40  # 40 percent, to four digits
            case _:
                return True

    def attribute(self, block: dict[str, Any], trace: Sequence[Step]) -> str:
        wanted = block.get("values") or [block.get("value")]
        found = any(of.attributes.get(block["key"]) in wanted for of in trace)
        if not block.get("invert_match"):
            return "sampled" if found else "not"
        if self.inverts:
            return "inverted not" if found else "inverted"
        return "not" if found else "sampled"

    def limit(self, of: dict[str, Any], block: dict[str, Any], spans: int) -> str:
        capacity = block.get("burst_capacity") or 2 * block["spans_per_second"]
        tokens = self.tokens.setdefault(id(of), capacity)
        if spans > tokens:
            return "not"
        self.tokens[id(of)] = tokens - spans
        return "sampled"

    def composite(self, block: dict[str, Any], trace: Sequence[Step], randomness: int) -> str:
        parts = block["composite_sub_policy"]
        for part in parts:
            if self.ask(part, trace, randomness) in {"sampled", "inverted"}:
                _, spent = self.second.get(id(part), (0, 0))
                if spent + len(trace) > block["max_total_spans_per_second"] // len(parts):
                    return "not"
                self.second[id(part)] = (0, spent + len(trace))
                return "sampled"
        return "not"


def known(plan: CompiledPlan, traces: Sequence[Sequence[Step]]) -> Facts:
    ids = [trace_id(place + 1) for place in range(len(traces))]
    steps = [(of, step) for of, trace in zip(ids, traces, strict=True) for step in trace]
    return facts_of(plan, [request(steps)], ids)


@settings(max_examples=200, deadline=None)
@given(PLANS, TRACES, st.booleans(), st.booleans())
def test_policies_decide_as_the_collector_evaluates_them(
    policies: list[dict[str, Any]],
    traces: list[list[Step]],
    first_match: bool,
    inverts: bool,
) -> None:
    plan = plan_of(*policies, sample_on_first_match=first_match, invert_decisions=inverts)
    facts = known(plan, traces)
    oracle = Oracle(policies, first_match=first_match, inverts=inverts)

    decided = plan.decide(facts, SECOND)

    expected = [
        oracle.keeps(trace, randomness)
        for trace, randomness in zip(traces, facts.randomness.tolist(), strict=True)
    ]
    assert decided.keep.tolist() == expected
    told = decided.thresholds[decided.keep]
    is_known = told != np.uint64(UNKNOWN)
    assert (facts.randomness[decided.keep][is_known] >= told[is_known]).all()


@settings(max_examples=100, deadline=None)
@given(PLANS, TRACES, st.randoms(use_true_random=False))
def test_spans_may_come_in_any_parts_and_order(
    policies: list[dict[str, Any]], traces: list[list[Step]], random: Any
) -> None:
    dynamic = policy("ema_dynamic", field_list=["s", "root.b", "span.name"])
    plan = plan_of(*policies, dynamic)
    ids = [trace_id(place + 1) for place in range(len(traces))]
    steps = [(of, step) for of, trace in zip(ids, traces, strict=True) for step in trace]
    whole = facts_of(plan, [request(steps)], ids)
    random.shuffle(steps)
    cut = random.randrange(len(steps) + 1)

    parted = facts_of(plan, [request(steps[:cut]), request(steps[cut:])], ids)

    for column in ("bits", "spans", "starts_ns", "ends_ns", "extras"):
        assert getattr(parted, column).tolist() == getattr(whole, column).tolist()


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(0, NEVER - 1), st.integers(0, 2**32))
def test_a_smaller_share_keeps_a_part_of_what_a_larger_one_keeps(
    one: float, other: float, before: int, seed: int
) -> None:
    small, large = (
        plan_of(policy("probabilistic", sampling_percentage=of)) for of in sorted((one, other))
    )
    randomness = np.random.default_rng(seed).integers(before, NEVER, 200, np.uint64)
    facts = dataclasses.replace(
        _plain(200), randomness=randomness, thresholds=np.full(200, before, np.uint64)
    )

    few, many = small.decide(facts, SECOND), large.decide(facts, SECOND)

    assert not (few.keep & ~many.keep).any()
    for decided in (few, many):
        told = decided.thresholds[decided.keep]
        assert ((told >= before) | (told == np.uint64(ALWAYS))).all()


def _plain(count: int) -> Facts:
    nothing = np.zeros(count, np.uint64)
    start = np.full(count, START_NS, np.uint64)
    one = np.ones(count, np.int64)
    ids = np.zeros((count, 16), np.uint8)
    ends = start + np.uint64(MS)
    return Facts(ids, nothing, one, one, start, ends, one.astype(np.bool_), nothing, nothing)
