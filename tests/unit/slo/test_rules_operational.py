"""Operational alerts, their escalations, the watchdog, and the files they stand in."""

from __future__ import annotations

from slo.exact import Duration
from slo.model import AlertRule, Escalation
from slo.rules import OWN_SERVICE, compile_project
from tests.rule_projects import make_alert, make_project, make_slo

EXPR = "max by (queue) (queue_age_seconds) > 60"


def rules(escalation: Escalation | None = None, expr: str = EXPR) -> list[AlertRule]:
    alert = make_alert(expr=expr, escalation=escalation)
    compiled = compile_project(make_project(alerts=(alert,)))
    return [rule for rule in compiled.alert_rules() if rule.alert is not None]


def test_an_alert_keeps_its_condition_and_gets_what_routes_need() -> None:
    (rule,) = rules()

    assert (rule.expr, rule.hold.promql(), rule.keep_firing_for.promql()) == (EXPR, "2m", "1m")
    assert rule.labels == {
        "area": "bus",
        "severity": "page",
        "service": "fleet",
        "team": "operations",
        "scope": "service",
        "root_cause": "queue",
    }
    assert rule.annotations["summary"] == "Queue stuck"
    assert rule.annotations["runbook_url"].endswith("/QueueStuck.md")


def test_an_escalation_in_words_only_stays_in_the_runbook() -> None:
    assert [rule.name for rule in rules(Escalation("it does not help", "platform"))] == [
        "QueueStuck"
    ]


def test_an_escalation_has_its_own_team_and_hold_and_the_same_root_cause() -> None:
    escalation = Escalation("it grows", "platform", "sum(queue_depth) > 1000", Duration.parse("5m"))

    first, second = rules(escalation)

    assert second.name == "QueueStuckEscalated"
    assert second.escalated
    assert not first.escalated
    assert (second.team, second.labels["team"], second.hold.promql()) == (
        "platform",
        "platform",
        "5m",
    )
    assert second.labels["severity"] == "page"
    assert second.labels["root_cause"] == first.labels["root_cause"]
    assert "it grows" in second.annotations["description"]


def test_a_condition_on_the_whole_fleet_speaks_for_each_of_its_parts() -> None:
    _, second = rules(Escalation("it grows", "platform", "sum(queue_depth) > 1000"))

    assert second.expr == f"({EXPR})\nand on () (sum(queue_depth) > 1000)"


def test_conditions_on_the_same_labels_are_matched_on_all_of_them() -> None:
    _, second = rules(Escalation("it grows", "platform", "max by (queue) (queue_depth) > 1000"))

    assert second.expr == f"({EXPR})\nand (max by (queue) (queue_depth) > 1000)"


def test_an_escalation_never_comes_before_its_alert() -> None:
    _, second = rules(Escalation("it grows", "platform", "sum(queue_depth) > 1000"))

    assert second.hold.promql() == "2m"


def test_an_escalation_by_time_alone_waits_on_the_same_condition() -> None:
    _, second = rules(Escalation("it goes on", "platform", hold=Duration.parse("30m")))

    assert (second.expr, second.hold.promql()) == (EXPR, "30m")


def test_the_watchdog_always_fires_and_disturbs_nobody() -> None:
    compiled = compile_project(make_project())

    (rule,) = compiled.alert_rules()
    assert (rule.name, rule.expr, rule.hold.ms) == ("Watchdog", "vector(1)", 0)
    assert rule.labels["severity"] == "none"


def test_a_service_has_one_file_and_a_group_name_stands_once() -> None:
    alert = make_alert()
    compiled = compile_project(make_project(make_slo(), make_slo("other"), alerts=(alert,)))

    assert [file.service for file in compiled.rule_files] == ["fleet", OWN_SERVICE]
    for file in compiled.rule_files:
        groups = [group.name for group in file.groups]
        assert len(groups) == len(set(groups))
