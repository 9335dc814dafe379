"""Tests of operational alerts: derived from the condition, true, and able to fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from slo.emit.tests import GENERATOR
from slo.exact import Duration
from slo.model import Alert, Escalation
from slo.plugin import Verdict
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from tests.rule_projects import make_alert, make_project, promtool, write_tree

servers = pytest.mark.servers
TRUE_BY = {
    "gauge": ("max by (queue) (queue_age_seconds) > 60", ("queue",)),
    "gauge of named groups": ('max by (log) (age_seconds{log=~"inbox|outbox"}) > 30', ("log",)),
    "growth": ('sum by (pool) (increase(rejects_total{kind!="soft"}[5m])) > 5', ("pool",)),
    "share of failures": (
        'sum(rate(calls_total{outcome!~"|success"}[5m])) / sum(rate(calls_total[5m])) > 0.05',
        (),
    ),
    "too few that pass": (
        'sum(rate(checks_total{result="pass"}[2m])) / sum(rate(checks_total[2m])) < 0.5',
        (),
    ),
    "either of two": ("sum(rate(a_total[5m])) > 5 or sum(rate(b_total[5m])) > 5", ()),
}  # fmt: skip
LEFT_ALONE = [
    "absent(heartbeats_total)",
    "histogram_quantile(0.95, sum by (le) (rate(wait_seconds_bucket[2m]))) > 5",
    "sum(increase(a_total[10m] offset 1h)) > 5",
    "min(time_to_expiry_seconds) < 3600",
    "sum(increase(a_total[1d])) > 5",
    'sum(rate({__name__=~"a_.+"}[5m])) > 0',
]


def derived(*alerts: Alert) -> list[dict[str, object]]:
    files = list(GENERATOR.generate(compile_project(make_project(alerts=alerts))))
    return [test for file in files for test in yaml.safe_load(file.text)["tests"]]


def complaints(folder: Path) -> str:
    promtool()
    return "\n".join(
        result.detail for result in PROOF.run(folder) if result.verdict is not Verdict.PASSED
    )


@servers
@pytest.mark.parametrize("name", TRUE_BY)
def test_a_condition_is_made_true_and_its_alert_fires_in_time(name: str, tmp_path: Path) -> None:
    expr, by = TRUE_BY[name]
    alert = make_alert(expr=expr, by=by)

    assert [test["name"] for test in derived(alert)] == ["QueueStuck: silent, then firing"]
    write_tree(compile_project(make_project(alerts=(alert,))), tmp_path)
    assert complaints(tmp_path) == ""


@pytest.mark.parametrize("expr", LEFT_ALONE)
def test_what_cannot_be_told_from_the_condition_is_left_alone(expr: str) -> None:
    assert derived(make_alert(expr=expr, by=())) == []


@servers
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("> 60", "> 6000"),
        ("queue_age_seconds", "queue_size"),
        ("for: 2m", "for: 20m"),
        ("team: operations", "team: nobody"),
        ("max by (queue)", "max"),
    ],
)
def test_an_alert_that_is_wrong_fails_its_test(before: str, after: str, tmp_path: Path) -> None:
    write_tree(compile_project(make_project(alerts=(make_alert(),))), tmp_path)
    file = tmp_path / "prometheus/rules/fleet.yaml"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))

    assert "FAILED" in complaints(tmp_path)


@servers
def test_an_escalation_is_proven_like_its_alert(tmp_path: Path) -> None:
    escalation = Escalation("it grows", "platform", "sum(queue_depth) > 100", Duration.parse("5m"))
    alert = make_alert(escalation=escalation)

    assert [test["name"] for test in derived(alert)] == [
        "QueueStuck: silent, then firing",
        "QueueStuckEscalated: silent, then firing",
    ]
    write_tree(compile_project(make_project(alerts=(alert,))), tmp_path)
    assert complaints(tmp_path) == ""
