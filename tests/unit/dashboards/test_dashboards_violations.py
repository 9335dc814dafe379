"""Violations on the dashboards: the first of a rule counts, though no zero came before it."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from dashboards.generator import GENERATOR
from slo import servers
from tests.dashboard_projects import fleet

PROMTOOL = servers.find("promtool")
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(PROMTOOL is None, reason="promtool is not to be had, run `make servers`"),
]
RULE = 'mas_compliance_violations_total{mas_compliance_rule="export"}'


@cache
def expression() -> str:
    """What the panel `Violations` asks, about the last hour."""
    drawn = next(f.text for f in GENERATOR.generate(fleet()) if f.path.endswith("on-call.json"))
    found = re.search(r'"expr": "(sum \(.*mas_compliance_violations_total.*)",', drawn)
    assert found is not None
    return found[1].replace("$__range", "1h")


def counted(folder: Path, values: str, minute: int, wanted: float) -> None:
    """Ask promtool whether `wanted` is shown in that minute of a series of `values`."""
    test = folder / "violations.test.yaml"
    shown = {
        "expr": expression(),
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": "{}", "value": wanted}],
    }
    case = {
        "interval": "1m",
        "input_series": [{"series": RULE, "values": values}],
        "promql_expr_test": [shown],
    }
    test.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(test)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_violation_of_a_rule_that_had_no_series_is_shown(tmp_path: Path) -> None:
    counted(tmp_path, "_x90 1+0x30", 110, 1)


def test_it_is_shown_from_its_first_sample_on(tmp_path: Path) -> None:
    counted(tmp_path, "_x90 1+0x30", 91, 1)


def test_a_sender_that_was_away_violated_nothing_by_coming_back(tmp_path: Path) -> None:
    counted(tmp_path, "0+0x10 3+0x60 _x30 3+0x60", 150, 0)


def test_what_was_violated_before_the_time_chosen_is_not_shown(tmp_path: Path) -> None:
    counted(tmp_path, "_x10 3+0x200", 180, 0)


def test_a_fleet_that_violates_nothing_shows_zero(tmp_path: Path) -> None:
    counted(tmp_path, "0+0x200", 110, 0)
