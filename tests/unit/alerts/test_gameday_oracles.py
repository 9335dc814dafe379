"""The oracles find what they look for: a lost count, a canary that got through."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from alerts.gameday.fleet.canaries import files_with, found_in, person
from alerts.gameday.fleet.truth import Truth
from alerts.gameday.oracles import counted

PAGE = """
# TYPE mas_agent_actions counter
mas_agent_actions_total{mas_action_type="query",mas_action_outcome="success",a="1"} 3
mas_agent_actions_total{mas_action_type="query",mas_action_outcome="failure",a="2"} 2
mas_agent_actions_total{mas_action_type="query",mas_action_outcome="cancelled",a="2"} 9
# TYPE gen_ai_client_token_usage histogram
gen_ai_client_token_usage_bucket{gen_ai_token_type="input",le="+Inf"} 1
gen_ai_client_token_usage_count{gen_ai_token_type="input"} 1
gen_ai_client_token_usage_sum{gen_ai_token_type="input"} 1800
# TYPE mas_compliance_violations counter
mas_compliance_violations_total{rule="x"} 1
"""


def test_a_page_is_counted_over_all_agents_and_without_what_was_called_off() -> None:
    assert counted(PAGE) == {"actions/query": 5, "tokens/input": 1800, "violations": 1}


def test_what_several_processes_did_adds_up() -> None:
    whole, part = Truth(), Truth()
    part.add("actions/query", 2)
    part.add("tokens/input", 7)
    whole.add("actions/query")
    whole.add_all({**part.counts(), "event": "truth"})

    assert whole.counts() == {"actions/query": 3, "tokens/input": 7}


def test_each_made_up_person_is_found_again_and_the_same_for_a_seed() -> None:
    people = [person(random.Random(seed)) for seed in range(50)]

    assert people == [person(random.Random(seed)) for seed in range(50)]
    assert len(set(people)) > 40
    assert all(found_in(text.encode()) for text in people)


@pytest.mark.parametrize("before", [0, (1 << 20) - 5, (1 << 20) - 1, 3 << 20])
def test_a_canary_is_found_wherever_it_stands_in_a_file(tmp_path: Path, before: int) -> None:
    (tmp_path / "clean").write_bytes(b"nobody@example.com " * 10)
    hit = tmp_path / "deep" / "inbox"
    hit.parent.mkdir()
    hit.write_bytes(b"\0" * before + person(random.Random(1)).encode() + b"\0" * 9)

    assert list(files_with([tmp_path])) == [hit]
