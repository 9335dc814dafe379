"""A table of policies and traces, decided as the Collector's documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.sampling.policies import PolicyConfig
from collectors.sampling.policies.schema import OURS
from tests.sampling_plans import Step, facts_of, plan_of, request, trace_id

TABLE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("decisions.yaml").read_text())
THEIRS = set(PolicyConfig.model_fields["type"].annotation.__args__) - OURS


def _steps(name: str) -> list[Step]:
    return [
        Step(**{**words, "ms": tuple(words.get("ms", (0, 100)))}) for words in TABLE["traces"][name]
    ]


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["case"])
def test_a_trace_is_decided_as_documented(case: dict[str, Any]) -> None:
    plan = plan_of(*case["policies"], **case.get("options", {}))
    names = case.get("order") or [*case.get("keep", ()), *case.get("leave", ())]
    ids = [trace_id(place + 1) for place in range(len(names))]
    spans = [(of, step) for of, name in zip(ids, names, strict=True) for step in _steps(name)]

    decided = plan.decide(facts_of(plan, [request(spans)], ids), 1_000_000_000)

    expected = {name: name in case.get("keep", ()) for name in names}
    assert dict(zip(names, decided.keep.tolist(), strict=True)) == expected
    deciders = {
        name: plan.names[place]
        for name, place in zip(names, decided.policies.tolist(), strict=True)
        if place >= 0
    }
    for name, decider in case.get("by", {}).items():
        assert deciders[name] == decider


def test_the_table_has_every_type_of_the_collector() -> None:
    found = {part["type"] for case in TABLE["cases"] for part in _all(case["policies"])}

    assert found == THEIRS
    assert len(THEIRS) == 17


def _all(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = list(policies)
    for policy in policies:
        block = policy.get(policy["type"], {})
        for key, value in block.items():
            if key.endswith("_sub_policy"):
                found += _all(value if isinstance(value, list) else [value])
    return found
