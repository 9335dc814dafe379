"""Every shipped alert against synthetic incidents, judged by promtool."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from slo.model import AlertRule
from slo.rules import compile_project
from slo.servers import find
from tests.catalog_project import catalog_project

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog" / "alerts.yaml"


@dataclass(frozen=True, slots=True)
class Case:
    """Series in promtool's notation, and what `alert` fires for at `at`."""

    name: str
    alert: str
    at: str
    series: dict[str, str]
    fires: list[dict[str, str]]


CASES = [Case(**entry) for entry in yaml.safe_load(GOLDEN.read_text("utf-8"))]
pytestmark = pytest.mark.servers


@cache
def rules() -> dict[str, AlertRule]:
    compiled = compile_project(catalog_project())
    return {rule.name: rule for rule in compiled.alert_rules() if rule.alert is not None}


def run_promtool(case: Case) -> subprocess.CompletedProcess[str]:
    promtool = find("promtool")
    if promtool is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    rule = rules()[case.alert]
    bare = {"alert": rule.name, "expr": rule.expr, "for": rule.hold.promql()}
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": text} for name, text in case.series.items()],
        "alert_rule_test": [
            {
                "eval_time": case.at,
                "alertname": case.alert,
                "exp_alerts": [{"exp_labels": labels} for labels in case.fires],
            }
        ],
    }
    with TemporaryDirectory() as folder:
        rule_file, test_file = Path(folder) / "rules.yml", Path(folder) / "test.yml"
        # JSON is YAML.
        rule_file.write_text(json.dumps({"groups": [{"name": "g", "rules": [bare]}]}))
        whole = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]}
        test_file.write_text(json.dumps(whole))
        return subprocess.run(
            [str(promtool), "test", "rules", str(test_file)],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.name}")
def test_the_alert_fires_for_its_incident_and_no_other(case: Case) -> None:
    result = run_promtool(case)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_and_escalation_has_an_incident_that_fires_it() -> None:
    assert set(rules()) - {case.alert for case in CASES if case.fires} == set()
