"""`--compat sloth`: what was made for sloth's rules finds its series, and its alerts fire."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from slo import names
from slo.model import Calendar, Compiled, RecordRule, Slo
from slo.rules import compile_project, with_sloth
from tests.rule_projects import make_project, make_slo, promtool, write_tree

LABELS = {
    "sloth_id": "fleet-action-success",
    "sloth_service": "fleet",
    "sloth_slo": "action-success",
    "tier": "1",
}
# Records of sloth's documented example, with the label `sloth_window` of each.
# Source: sloth v0.16, examples/_gen/getting-started.yml.
DOCUMENTED = {
    "slo:sli_error:ratio_rate5m": "5m",
    "slo:sli_error:ratio_rate30m": "30m",
    "slo:sli_error:ratio_rate1h": "1h",
    "slo:sli_error:ratio_rate2h": "2h",
    "slo:sli_error:ratio_rate6h": "6h",
    "slo:sli_error:ratio_rate1d": "1d",
    "slo:sli_error:ratio_rate3d": "3d",
    "slo:sli_error:ratio_rate30d": "30d",
    "slo:objective:ratio": "",
    "slo:error_budget:ratio": "",
    "slo:time_period:days": "",
    "slo:current_burn_rate:ratio": "",
    "slo:period_burn_rate:ratio": "",
    "slo:period_error_budget_remaining:ratio": "",
    "sloth_slo_info": "",
}
ID = '{sloth_id="fleet-action-success", sloth_service="fleet", sloth_slo="action-success"}'
# The page of the same example, for an objective of 99.9.
PAGE = f"""
(
    max(slo:sli_error:ratio_rate5m{ID} > (14.4 * 0.0009999999999999432)) without (sloth_window)
    and
    max(slo:sli_error:ratio_rate1h{ID} > (14.4 * 0.0009999999999999432)) without (sloth_window)
)
or
(
    max(slo:sli_error:ratio_rate30m{ID} > (6 * 0.0009999999999999432)) without (sloth_window)
    and
    max(slo:sli_error:ratio_rate6h{ID} > (6 * 0.0009999999999999432)) without (sloth_window)
)
"""


def compat(slo: Slo) -> Compiled:
    return with_sloth(compile_project(make_project(slo)))


def sloth_records(compiled: Compiled) -> list[RecordRule]:
    return [
        rule
        for file in compiled.rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule) and "sloth_id" in rule.labels
    ]


@pytest.mark.parametrize("window", ["1h", "6h", "1d", "3d"])
def test_a_period_that_is_a_window_of_sloth_is_recorded_once(window: str) -> None:
    records = sloth_records(compat(make_slo(window=window)))
    series = [(rule.record, tuple(sorted(rule.labels.items()))) for rule in records]

    assert len(set(series)) == len(series)
    assert names.error_ratio(window) in {rule.record for rule in records}


def test_every_documented_record_is_there_with_its_labels_and_no_other() -> None:
    found = {rule.record: rule for rule in sloth_records(compat(make_slo(labels={"tier": "1"})))}

    assert set(found) == set(DOCUMENTED)
    for record, window in DOCUMENTED.items():
        expected = LABELS | ({"sloth_window": window} if window else {})
        if record == "sloth_slo_info":
            expected |= {
                "sloth_mode": "cli-gen-prom",
                "sloth_objective": "99",
                "sloth_spec": "prometheus/v1",
                "sloth_version": "fleetslo",
            }
        assert found[record].labels == expected


def test_no_copy_can_be_taken_for_the_series_it_is_made_of() -> None:
    for rule in sloth_records(compat(make_slo(by=("agent",)))):
        assert "slo_id" not in rule.labels
        assert "slo_id" not in rule.expr or rule.expr.startswith("sum without (slo_id) (")


def test_our_own_rules_stay_as_they_are() -> None:
    plain = compile_project(make_project(make_slo()))

    ours = {rule.expr for rule in plain.alert_rules()}
    assert {rule.expr for rule in compat(make_slo()).alert_rules()} == ours
    assert plain.record_names() < compat(make_slo()).record_names()


def test_burn_alerts_carry_the_labels_that_routes_for_sloth_look_at() -> None:
    burns = [rule for rule in compat(make_slo()).alert_rules() if rule.tier is not None]

    assert burns
    for rule in burns:
        assert rule.labels["sloth_severity"] == rule.severity
        assert rule.labels["sloth_service"] == "fleet"


def test_a_calendar_month_is_told_as_thirty_days() -> None:
    rules = sloth_records(compat(make_slo(window=Calendar("month", "UTC"))))

    days = [rule.expr for rule in rules if rule.record == "slo:time_period:days"]
    assert days == ["vector(30)"]


@pytest.mark.servers
def test_an_alert_of_sloth_and_its_budget_work_on_our_records(tmp_path: Path) -> None:
    write_tree(compat(make_slo(objective="99.9")), tmp_path)
    rule = {"alert": "High", "expr": PAGE, "labels": {"sloth_severity": "page"}}
    groups = {"groups": [{"name": "theirs", "rules": [rule]}]}
    (tmp_path / "theirs.json").write_text(json.dumps(groups))
    shown = {"__name__": "ALERTS", "alertname": "High", "alertstate": "firing"}
    shown |= {key: text for key, text in LABELS.items() if key != "tier"}
    labels = ",".join(f'{key}="{text}"' for key, text in shown.items() if key != "__name__")
    tests = {
        "rule_files": ["prometheus/rules/fleet.yaml", "theirs.json"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": 'actions_total{outcome="success"}', "values": "0+300x120"},
                    {"series": 'actions_total{outcome="failure"}', "values": "0+0x60 0+300x60"},
                ],
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{alertname="High"}',
                        "eval_time": "30m",
                        "exp_samples": [],
                    },
                    {
                        "expr": 'ALERTS{alertname="High"}',
                        "eval_time": "50m",
                        "exp_samples": [
                            {
                                "labels": f'ALERTS{{{labels},sloth_severity="page"}}',
                                "value": 1,
                            }
                        ],
                    },
                    {
                        "expr": f"sum(slo:period_error_budget_remaining:ratio{ID}) < bool 0",
                        "eval_time": "50m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    },
                ],
            }
        ],
    }
    (tmp_path / "t.json").write_text(json.dumps(tests))
    command = [str(promtool()), "test", "rules", str(tmp_path / "t.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
