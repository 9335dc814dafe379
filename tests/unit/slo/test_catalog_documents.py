"""The shipped SLOs and alerts: valid, complete, and in the catalogue's own words."""

from __future__ import annotations

import pytest

from slo.catalog import metrics, unknown
from slo.model import Alert, Severity, Slo
from tests.catalog_project import catalog_project


def expressions() -> list[tuple[str, str]]:
    found = [
        (slo.slo_id, text)
        for slo in catalog_project().slos
        for text in (slo.sli.errors, slo.sli.total)
    ]
    for alert in catalog_project().alerts:
        found.append((alert.name, alert.expr))
        escalation = alert.runbook.escalation
        if escalation is not None and escalation.expr:
            found.append((f"{alert.name} escalation", escalation.expr))
    return [(name, text.replace("$window", "5m")) for name, text in found]


def slo_of(row: str) -> Slo:
    return next(slo for slo in catalog_project().slos if slo.catalog_id == row)


def alert_of(name: str) -> Alert:
    return next(alert for alert in catalog_project().alerts if alert.name == name)


@pytest.mark.parametrize(("name", "text"), expressions(), ids=lambda value: str(value)[:40])
def test_every_series_label_and_value_stands_in_the_catalogue(name: str, text: str) -> None:
    assert unknown(text) == []


@pytest.mark.parametrize(
    ("row", "objective", "window"),
    [
        ("M1", "99.9", "30d"),
        ("M2", "99", "30d"),
        ("M3", "50", "7d"),  # the median
        ("M4", "99.9", "7d"),
        ("M5", "95", "7d"),  # P95
        ("M6", "99.9", "30d"),
        ("M7", "99", "7d"),
        ("M8", "99.5", "30d"),
        ("M10", "99.9", "30d"),
    ],
)
def test_the_starting_targets_are_the_guides(row: str, objective: str, window: str) -> None:
    found = slo_of(row)

    assert found.objective.percent() == objective
    assert getattr(found.window, "length").promql() == window  # noqa: B009 - a rolling one


def test_every_slo_takes_the_guides_own_policy() -> None:
    assert {slo.alerting.policy for slo in catalog_project().slos} == {"fleet-sustained"}


def test_time_to_remediate_policy_latency_and_rollbacks_wake_nobody() -> None:
    waking = {
        slo.catalog_id
        for slo in catalog_project().slos
        if any(tier.severity is Severity.PAGE for tier in slo.alerting.tiers)
    }

    assert waking == {"M1", "M2", "M4", "M6", "M7", "M10", ""}


def test_every_slo_can_tell_somebody() -> None:
    assert [slo.slo_id for slo in catalog_project().slos if not slo.alerting.tiers] == []


def test_every_owner_is_a_team_and_every_team_of_the_runbook_is_there() -> None:
    teams = {team.name for team in catalog_project().teams}
    owners = {slo.owner for slo in catalog_project().slos} | {
        alert.owner for alert in catalog_project().alerts
    }

    assert {"core-engineering", "platform", "ai-ml", "legal-compliance"} <= teams
    assert owners | {metric.owner for metric in metrics().metrics} <= teams


@pytest.mark.parametrize(
    ("name", "escalates_to", "computed"),
    [
        ("OrchestratorUnhealthy", "core-engineering", True),
        ("HighMessageQueueLatency", "platform", True),
        ("HighLLMAPIErrorRate", "ai-ml", True),
        ("ComplianceViolationDetected", "legal-compliance", False),
    ],
)
def test_the_runbooks_incidents_escalate_as_it_says(
    name: str, escalates_to: str, *, computed: bool
) -> None:
    alert = alert_of(name)
    escalation = alert.runbook.escalation

    assert alert.severity is Severity.PAGE
    assert len(alert.runbook.triage) == 3
    assert escalation is not None
    assert escalation.team == escalates_to
    assert bool(escalation.expr) is computed


def test_a_compliance_violation_pages_legal_and_compliance_at_once() -> None:
    alert = alert_of("ComplianceViolationDetected")

    assert alert.owner == "legal-compliance"
    assert alert.hold.ms == 0
    assert alert.depends_on == ()


def test_every_failure_mode_and_incident_has_an_alert() -> None:
    rows = {alert.catalog_id for alert in catalog_project().alerts}

    assert {"R1", "R2", "R3", "R4", "F1", "F2", "F3", "F4", "F5"} <= rows


@pytest.mark.parametrize("alert", catalog_project().alerts, ids=lambda alert: alert.name)
def test_whoever_is_called_is_told_what_it_means_and_what_to_do(alert: Alert) -> None:
    runbook = alert.runbook

    assert alert.summary
    assert alert.description
    assert runbook.meaning
    assert runbook.impact
    assert runbook.triage
    assert runbook.mitigation
    assert runbook.escalation is not None or alert.severity is Severity.TICKET
