"""Maintenance that a budget leaves out: nothing of it counts, during the window or right after."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from slo.model import Project, RecordRule, Slo
from slo.rules import compile_project
from slo.spec import SourceFile, read
from tests.rule_projects import make_project, make_slo, promtool, write_tree

START, END = 1200, 3000
"""Seconds between which everything fails, and the window that says so."""
ID = '{slo_id="fleet-action-success"}'

FILES = """
apiVersion: fleetslo/v1
kind: Team
metadata: {name: web}
spec: {destinations: [{webhook: {url: "http://127.0.0.1:9/"}}]}
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: checkout, service: shop}
spec:
  objective: 99.9
  owner: web
  sli: {events: {bad: 'sum(rate(e_total[$window]))', total: 'sum(rate(r_total[$window]))'}}
"""


def window(name: str, starts: str, ends: str, excludes: str = "[shop-checkout]") -> str:
    return f"""
---
apiVersion: fleetslo/v1
kind: Maintenance
metadata: {{name: {name}}}
spec:
  reason: Upgrade
  owner: web
  starts: {starts}
  ends: {ends}
  matchers: {{service: shop}}
  excludes: {excludes}
"""


def project(*windows: str) -> Project:
    found, problems = read([SourceFile("a.yaml", FILES + "".join(windows), named=True)])
    assert [p.text for p in problems if p.level != "notice"] == []
    assert found is not None
    return found


def test_a_window_that_excludes_an_slo_is_known_to_it_in_utc() -> None:
    one = window("one", "2026-12-01T22:00:00+01:00", "2026-12-01T23:00:00+01:00")

    (slo,) = project(one).slos

    assert slo.excluded == ((1796158800, 1796162400),)


def test_windows_that_meet_are_one_and_others_stay_apart() -> None:
    one = window("one", "2026-12-01T00:00:00Z", "2026-12-01T01:00:00Z")
    meets = window("two", "2026-12-01T01:04:00Z", "2026-12-01T02:00:00Z")
    inside = window("three", "2026-12-01T00:10:00Z", "2026-12-01T00:20:00Z")
    apart = window("four", "2026-12-01T03:00:00Z", "2026-12-01T04:00:00Z")

    (slo,) = project(one, apart, inside, meets).slos

    hours = [
        ((start - 1796083200) / 3600, (end - 1796083200) / 3600) for start, end in slo.excluded
    ]
    assert hours == [(0, 2), (3, 4)]


def test_a_window_of_other_slos_changes_no_rule() -> None:
    one = window("one", "2026-12-01T00:00:00Z", "2026-12-01T01:00:00Z", "[]")

    assert compile_project(project(one)).rule_files == compile_project(project()).rule_files


def test_a_budget_with_a_hole_reads_nothing_raw_beyond_five_minutes() -> None:
    slo = replace(make_slo(), excluded=((START, END),))

    for file in compile_project(make_project(slo)).rule_files:
        for group in file.groups:
            for rule in group.rules:
                raw = "actions_total" in rule.expr
                hot = isinstance(rule, RecordRule) and rule.record.endswith(":rate5m")
                assert raw == hot
                assert not raw or "time() >= bool 1200" in rule.expr


def run(slo: Slo, checks: list[tuple[str, str, list[float]]], folder: Path) -> str:
    """Good traffic, then a window in which all fails, then good traffic; promtool's verdict."""
    write_tree(compile_project(make_project(slo)), folder)
    good, bad = START // 30, (END - START) // 30
    step = 300
    tests = {
        "rule_files": ["prometheus/rules/fleet.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {
                        "series": 'actions_total{outcome="success"}',
                        "values": f"0+{step}x{good} {step * good}+0x{bad - 1}"
                        f" {step * good}+{step}x200",
                    },
                    {
                        "series": 'actions_total{outcome="failure"}',
                        "values": f"0+0x{good} {step}+{step}x{bad - 1} {step * bad}+0x200",
                    },
                ],
                "promql_expr_test": [
                    {
                        "expr": expr,
                        "eval_time": when,
                        "exp_samples": [{"labels": "{}", "value": value} for value in values],
                    }
                    for expr, when, values in checks
                ],
            }
        ],
    }
    (folder / "t.json").write_text(json.dumps(tests))
    command = [str(promtool()), "test", "rules", str(folder / "t.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def silent(*moments: str) -> list[tuple[str, str, list[float]]]:
    return [("count(ALERTS)", moment, []) for moment in moments]


def value(series: str, moment: str, *values: float) -> tuple[str, str, list[float]]:
    return (f"sum({series}{ID})", moment, list(values))


@pytest.mark.servers
@pytest.mark.parametrize("idle", ["ok", "page"])
def test_a_total_outage_in_the_window_costs_no_budget_and_wakes_nobody(
    idle: str, tmp_path: Path
) -> None:
    slo = replace(make_slo(idle=idle), excluded=((START, END),))
    inside, after = "40m", "55m30s"
    checks = [
        value("slo:sli_total:rate5m", inside, 0),
        value("slo:sli_errors:rate5m", inside, 0),
        value("slo:sli_error:ratio_rate5m", inside),
        *silent("22m", "30m", "49m", "50m30s", "52m", "54m30s", "56m", "1h5m", "1h30m"),
        value("slo:sli_errors:rate5m", after, 0),
        value("slo:sli_total:rate5m", after, 10),
        value("slo:sli_error:ratio_rate5m", after, 0),
        value("slo:sli_error:ratio_rate1h", "1h10m", 0),
        value("slo:sli_error:ratio_rate6h", "1h10m", 0),
        value("slo:period_error:ratio", "1h30m", 0),
        value("slo:error_budget_remaining:ratio", "1h30m", 1),
    ]

    assert run(slo, checks, tmp_path) == ""


@pytest.mark.servers
def test_the_same_outage_outside_of_any_window_is_told(tmp_path: Path) -> None:
    words = run(make_slo(), silent("40m"), tmp_path)

    assert "ALERTS" in words


@pytest.mark.servers
def test_a_window_that_ends_too_soon_leaves_the_rest_in_the_budget(tmp_path: Path) -> None:
    slo = replace(make_slo(), excluded=((START, END - 600),))

    words = run(slo, [value("slo:period_error:ratio", "1h30m", 0)], tmp_path)

    assert "period_error" in words


@pytest.mark.servers
def test_a_lost_signal_is_told_in_the_window_too(tmp_path: Path) -> None:
    slo = replace(make_slo(), excluded=((START, 20_000),))

    words = run(slo, [("count(ALERTS{alertname='SLOSignalLost'})", "2h45m", [1])], tmp_path)

    assert words == ""
