"""The shipped SLOs and alerts: nobody is forgotten, nobody is told twice for one cause."""

from __future__ import annotations

from functools import cache

import pytest

from alerts.routing.build import routing
from alerts.routing.count import Stretch, counts, opened
from alerts.routing.generator import GENERATOR
from alerts.routing.inhibit import alert_labels
from alerts.routing.lint import lint
from alerts.routing.simulate import deliveries, inhibitors, receivers
from alerts.routing.tree import Routing
from alerts.runbooks.generator import GENERATOR as RUNBOOKS
from slo.diagnostic import Level
from slo.model import AlertRule, Compiled
from slo.names import LOST_SIGNALS, is_escalation
from slo.rules import compile_project
from tests.catalog_project import catalog_project

Labels = dict[str, str]


@cache
def shipped() -> Compiled:
    return compile_project(catalog_project())


@cache
def built() -> Routing:
    return routing(shipped())


def arriving(name: str, **more: str) -> list[Labels]:
    return [
        {**alert_labels(rule, {}), **more} for rule in shipped().alert_rules() if rule.name == name
    ]


def heard(*firing: Labels) -> list[str]:
    """The names of the pages that are not silenced while all of `firing` fire."""
    return sorted(
        labels["alertname"]
        for labels in firing
        if labels["severity"] == "page" and not inhibitors(built(), labels, firing)
    )


def test_what_is_shipped_has_no_error_and_no_warning() -> None:
    problems = [*GENERATOR.check(shipped()), *RUNBOOKS.check(shipped())]

    assert [each.text for each in problems if each.level is not Level.NOTICE] == []


def test_what_is_shipped_keeps_every_law() -> None:
    assert lint(built()) == ()


@pytest.mark.parametrize("rule", shipped().alert_rules(), ids=lambda rule: rule.name)
def test_every_shipped_alert_reaches_its_owner_alone(rule: AlertRule) -> None:
    (told,) = receivers(built(), alert_labels(rule, {}))
    severity = rule.labels["severity"]

    expected = "fleetslo-watchdog" if severity == "none" else f"fleetslo-{rule.team}-{severity}"
    assert told == expected


def test_the_four_incidents_of_the_runbook_reach_the_teams_that_it_names() -> None:
    for name, owner in (
        ("OrchestratorUnhealthyEscalated", "core-engineering"),
        ("HighMessageQueueLatencyEscalated", "platform"),
        ("HighLLMAPIErrorRateEscalated", "ai-ml"),
        ("ComplianceViolationDetected", "legal-compliance"),
    ):
        (labels,) = arriving(name)
        assert receivers(built(), labels) == (f"fleetslo-{owner}-page",)


def test_a_compliance_violation_is_told_at_once_whatever_else_burns() -> None:
    everything = [alert_labels(rule, {}) for rule in shipped().alert_rules()]
    (violation,) = arriving("ComplianceViolationDetected")
    (way,) = deliveries(built(), violation)

    assert way.waits["group_wait"] == "0s"
    assert inhibitors(built(), violation, everything) == ()


def test_a_dead_pipeline_is_one_page_and_not_a_storm_of_missing_agents() -> None:
    storm = [
        *arriving("IngestStalled"),
        *arriving("AgentSilent", gen_ai_agent_name="planner"),
        *arriving("AgentSilent", gen_ai_agent_name="coder"),
        *arriving("AgentClassSilent"),
        *arriving("AgentFleetAgentAvailabilityBurn"),
        *arriving("SLOSignalLost"),
    ]

    assert heard(*storm) == ["IngestStalled"]
    loud = [each for each in storm if not inhibitors(built(), each, storm)]
    assert [each["alertname"] for each in loud] == ["IngestStalled"]


def test_with_everything_on_fire_whatever_is_silent_has_a_loud_page_behind_it() -> None:
    everything = [alert_labels(rule, {}) for rule in shipped().alert_rules()]
    behind = {
        place: [everything.index(dict(by)) for _, by in inhibitors(built(), labels, everything)]
        for place, labels in enumerate(everything)
    }
    loud = {place for place, silencers in behind.items() if not silencers}
    reached = set(loud)
    while True:
        more = {place for place, by in behind.items() if reached & set(by)} - reached
        if not more:
            break
        reached |= more

    assert reached == set(behind)
    assert 5 < len(loud) < len(everything) / 2


SEVERAL_TEAMS = {
    # Legal must know of a violation, and operations must pause the agent that went on.
    "compliance": {"legal-compliance", "operations"},
    # Each owner looks for its own signals.
    LOST_SIGNALS: {"core-engineering", "operations", "platform"},
}


@pytest.mark.parametrize("cause", sorted({r.labels["root_cause"] for r in shipped().alert_rules()}))
def test_a_root_cause_is_one_notification_and_one_more_for_an_escalation(cause: str) -> None:
    alerts = [alert_labels(rule, {}) for rule in shipped().alert_rules()]
    fired = [Stretch(each, 0.0, None) for each in alerts if each["root_cause"] == cause]
    told = [each for each in opened(built(), fired) if not all(map(is_escalation, each.alerts))]

    teams = SEVERAL_TEAMS.get(cause)
    assert len(told) == (0 if cause == "watchdog" else len(teams) if teams else 1)
    for each in told:
        owner = each.receiver.removeprefix("fleetslo-").rpartition("-")[0]
        assert teams is None or owner in teams


def test_all_at_once_is_a_third_of_what_routing_by_severity_would_send() -> None:
    everything = [alert_labels(rule, {}) for rule in shipped().alert_rules()]
    *causes, whole = counts(built(), everything)

    more = {each.cause for each in causes if each.told > each.plain}
    assert more <= {LOST_SIGNALS}  # by severity alone nobody in particular is told
    assert whole.told * 3 < whole.plain
