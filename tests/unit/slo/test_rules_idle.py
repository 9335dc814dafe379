"""A service at rest is not one whose signal is lost, however its SLI is stated."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from slo import names
from slo.plugin import Verdict
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from tests.front_end import project_of, slo_text
from tests.rule_projects import promtool, write_tree

GOOD = 'sum(rate(calls_total{code!="500"}[$window]))'
BAD = 'sum(rate(calls_total{code="500"}[$window]))'
TOTAL = "sum(rate(calls_total[$window]))"
MEMBER = slo_text("member", sli=f"    events: {{bad: '{BAD}', total: '{TOTAL}'}}\n")
STATED = {
    "guarded": f"events: {{bad: '{BAD}', total: '({TOTAL} > 0)'}}",
    "divided": f"ratio: {{bad: '{BAD} / ({TOTAL} > 0)'}}",
    "share": f"ratio: {{good: '1 * ({GOOD} / {TOTAL})'}}",
    "worst": "composite: {of: [member], method: minimum}",
    "every": "composite: {of: [member], method: all}",
}
LOST = f'ALERTS{{alertname="{names.SIGNAL_LOST}",alertstate="firing"}}'


@pytest.mark.servers
@pytest.mark.parametrize("stated", STATED)
def test_nobody_is_told_of_a_lost_signal_while_nothing_happens(stated: str, tmp_path: Path) -> None:
    slo = slo_text(stated, sli=f"    {STATED[stated]}\n")
    write_tree(compile_project(project_of(MEMBER, slo)), tmp_path)
    # Half an hour of traffic, an hour of none, and then no series any more.
    kinds = {'calls_total{code="200"}': 30, 'calls_total{code="500"}': 3}
    tests = {
        "rule_files": [str(tmp_path / "prometheus/rules/shop.yaml")],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": series, "values": f"0+{grown}x60 {60 * grown}+0x119 stale"}
                    for series, grown in kinds.items()
                ],
                "promql_expr_test": [
                    {"expr": f"count({LOST}) or vector(0)", "eval_time": at, "exp_samples": told}
                    for at, told in (
                        ("29m", [{"labels": "{}", "value": 0}]),
                        ("1h29m", [{"labels": "{}", "value": 0}]),
                        ("1h50m", [{"labels": "{}", "value": 2}]),
                    )
                ],
            }
        ],
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps(tests))
    command = [str(promtool()), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
def test_the_generated_tests_of_a_share_pass_though_its_parts_can_be_told(tmp_path: Path) -> None:
    slo = slo_text("share", sli=f"    {STATED['share']}\n")
    write_tree(compile_project(project_of(slo)), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert [(r.name, r.detail) for r in results if r.verdict is not Verdict.PASSED] == []
