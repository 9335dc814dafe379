"""Annotations, as a real Prometheus fills them in."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from slo.model import Slo
from slo.rules import compile_project
from tests.rule_projects import make_project, make_slo, promtool, write_tree

pytestmark = pytest.mark.servers


EVEN = ("0+900x400", "0+100x400")
THREE_GOOD_HOURS_THEN_NONE = ("0+1000x360 360000+0x40", "0+0x360 1000+1000x39")


def told(slo: Slo, folder: Path, tier: str, at: str = "1h", counted: tuple[str, str] = EVEN) -> str:
    """What promtool shows of the alert of `tier`, at `at`, for these good and bad events."""
    write_tree(compile_project(make_project(slo)), folder)
    by = ",".join(f'{label}="a\\"b"' for label in slo.by)
    series = [
        {"series": f"actions_total{{{by}}}", "values": counted[0]},
        {"series": f'actions_total{{outcome="failure"{by and ","}{by}}}', "values": counted[1]},
    ]
    expected = [{"eval_time": at, "alertname": "FleetActionSuccessBurn", "exp_alerts": []}]
    test = {"interval": "30s", "input_series": series, "alert_rule_test": expected}
    whole = {
        "rule_files": [str(folder / "prometheus/rules/fleet.yaml")],
        "evaluation_interval": "30s",
        "tests": [test],
    }
    file = folder / "words.json"
    file.write_text(json.dumps(whole))
    ended = subprocess.run(
        [promtool(), "test", "rules", file], capture_output=True, text=True, check=False
    )
    said = ended.stdout + ended.stderr
    (alert,) = [part for part in said.split("Labels:") if f'slo_tier="{tier}"' in part]
    return alert


def test_a_page_says_what_burns_how_fast_what_is_left_and_when_it_ends(tmp_path: Path) -> None:
    said = told(make_slo(objective="99.5"), tmp_path, "fast")

    assert "Action success: 10% bad in 1h, objective 99.5 %" in said
    assert "What agents do succeeds. 10% of events were bad in the last 1h" in said
    assert "20 times the pace that the budget allows; the page starts above 7.2 %" in said
    assert "The 30d budget is spent." in said
    assert "At this pace" not in said
    assert "<error" not in said


def test_the_end_of_the_budget_is_told_while_there_is_some_left(tmp_path: Path) -> None:
    slo = make_slo(objective="95")

    said = told(slo, tmp_path, "outage", "3h6m", THREE_GOOD_HOURS_THEN_NONE)

    assert "of the 30d budget is left. At this pace it is gone in" in said
    assert "spent" not in said


def test_a_page_on_a_fresh_server_says_why_nothing_is_told_of_the_budget(tmp_path: Path) -> None:
    fresh = "How much of the 30d budget is left is not recorded yet: a new SLO takes about ten"
    slo = make_slo(objective="99.5")
    counted = ("0+0x400", "0+1000x400")

    assert fresh in told(slo, tmp_path / "4m", "outage", "4m", counted)
    assert "budget is spent" in told(slo, tmp_path / "11m", "outage", "11m", counted)


def test_a_budget_of_a_group_names_its_group_and_asks_for_its_own_figures(tmp_path: Path) -> None:
    said = told(make_slo(objective="99.5", by=("agent",)), tmp_path, "fast")

    assert "20 times the pace" in said
    assert "<error" not in said
    assert "Action success (a" in said


def test_braces_of_a_user_are_shown_as_they_are_and_leave_the_file_sound(tmp_path: Path) -> None:
    slo = replace(
        make_slo(objective="99.5", labels={"area": "a {{ $b"}),
        title="{{ title",
        description='Says {{ $value }} and {{ "x.',
    )

    said = told(slo, tmp_path, "fast")

    assert "{{ title: 10% bad in 1h" in said
    assert 'Says {{ $value }} and {{ \\"x. 10% of events' in said
    assert 'area="a {{ $b"' in said
    proofs = tmp_path / "prometheus/tests/fleet.test.yaml"
    ended = subprocess.run([promtool(), "test", "rules", proofs], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
