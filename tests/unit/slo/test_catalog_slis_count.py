"""What each shipped SLO takes for an event and for a bad one, judged by promtool."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from slo.servers import find
from tests.catalog_project import catalog_project

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog" / "slis.yaml"
pytestmark = pytest.mark.servers


@dataclass(frozen=True, slots=True)
class Case:
    """Events each 15 s by series, and what the SLO makes of them."""

    slo: str
    why: str
    series: dict[str, int]
    errors: float
    total: float


CASES = [Case(**entry) for entry in yaml.safe_load(GOLDEN.read_text("utf-8"))]


def promtool(test: dict[str, object]) -> subprocess.CompletedProcess[str]:
    tool = find("promtool")
    if tool is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "test.yml"
        whole = {"rule_files": [], "evaluation_interval": "15s", "tests": [test]}
        file.write_text(json.dumps(whole))  # JSON is YAML
        return subprocess.run(
            [str(tool), "test", "rules", str(file)], capture_output=True, text=True, check=False
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.slo}: {case.why}")
def test_an_slo_counts_what_its_description_says(case: Case) -> None:
    slo = next(each for each in catalog_project().slos if each.slo_id == case.slo)
    # Rounded: five minutes of samples 15 s apart hold 20 steps, whatever floats make of them.
    result = promtool(
        {
            "interval": "15s",
            "input_series": [
                {"series": name, "values": f"0+{step}x60"} for name, step in case.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f"round(sum({template.replace('$window', '5m')}) * 15, 0.001)",
                    "eval_time": "10m",
                    "exp_samples": [{"labels": "{}", "value": value}],
                }
                for template, value in ((slo.sli.errors, case.errors), (slo.sli.total, case.total))
            ],
        }
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_slo_is_tried() -> None:
    tried = {case.slo for case in CASES}

    assert {slo.slo_id for slo in catalog_project().slos} == tried
