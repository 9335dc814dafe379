"""Who is kept quiet while whom: by firing alerts one against the other."""

from __future__ import annotations

import pytest

from alerts.routing.build import routing
from alerts.routing.inhibit import alert_labels, resolve
from alerts.routing.simulate import inhibitors
from slo.model import Compiled, Scope, Severity
from tests.alert_projects import SRE_TIERS, alert, fleet, project, slo, team, tier, webhook

TEAMS = (team("platform", webhook("http://127.0.0.1:9/x")),)
FLEET = fleet()


def arriving(compiled: Compiled, name: str, kind: str = "", **more: str) -> dict[str, str]:
    """The labels of the alert `name`, of tier `kind` where it has tiers."""
    for rule in compiled.alert_rules():
        if rule.name == name and rule.labels.get("slo_tier", "") == kind:
            return {**alert_labels(rule, {"cluster": "prod"}), **more}
    raise LookupError(name)


def silent(compiled: Compiled, target: dict[str, str], *firing: dict[str, str]) -> bool:
    return bool(inhibitors(routing(compiled), target, [*firing, target]))


ACTION = "AgentFleetActionSuccessBurn"
LLM = "AgentFleetLlmAvailabilityBurn"
AGENT = "AgentFleetAgentSuccessBurn"


@pytest.mark.parametrize("page", ["outage", "fast", "slow"])
@pytest.mark.parametrize("ticket", ["trend", "drift"])
def test_a_page_silences_the_tickets_of_its_budget(page: str, ticket: str) -> None:
    firing = arriving(FLEET, ACTION, page)

    assert silent(FLEET, arriving(FLEET, ACTION, ticket), firing)


def test_a_page_does_not_silence_the_ticket_of_another_budget() -> None:
    firing = arriving(FLEET, ACTION, "fast")

    assert not silent(FLEET, arriving(FLEET, LLM, "trend"), firing)


def test_a_page_does_not_silence_the_same_budget_in_another_cluster() -> None:
    firing = arriving(FLEET, ACTION, "fast", cluster="staging")

    assert not silent(FLEET, arriving(FLEET, ACTION, "trend"), firing)


def test_a_page_silences_the_ticket_of_its_root_cause_whatever_the_budget_and_the_team() -> None:
    one = arriving(FLEET, AGENT, "fast", budget_id="agent-success/planner")
    other = arriving(FLEET, AGENT, "trend", budget_id="agent-success/coder", team="platform")
    unrelated = {**other, "root_cause": "elsewhere"}

    assert silent(FLEET, other, one)
    assert not silent(FLEET, unrelated, one)


def test_a_page_silences_no_page_of_its_root_cause() -> None:
    one = arriving(FLEET, AGENT, "fast", budget_id="agent-success/planner")
    other = arriving(FLEET, AGENT, "slow", budget_id="agent-success/coder")

    assert not silent(FLEET, other, one)


@pytest.mark.parametrize(
    ("fast", "slow", "expected"),
    [
        ("outage", "fast", True),
        ("outage", "slow", True),
        ("fast", "slow", True),
        ("trend", "drift", True),
        ("slow", "fast", False),
        ("fast", "outage", False),
        ("drift", "trend", False),
        ("trend", "fast", False),
        ("drift", "outage", False),
    ],
)
def test_only_the_faster_tier_silences(fast: str, slow: str, expected: bool) -> None:
    firing = arriving(FLEET, ACTION, fast)

    assert silent(FLEET, arriving(FLEET, ACTION, slow), firing) is expected


def test_an_alert_does_not_silence_itself() -> None:
    for rule in FLEET.alert_rules():
        assert not silent(FLEET, alert_labels(rule, {"cluster": "prod"}))


def test_the_service_silences_its_agents() -> None:
    assert silent(FLEET, arriving(FLEET, "AgentSilent"), arriving(FLEET, "OrchestratorUnhealthy"))


def test_a_page_of_the_service_on_one_agent_silences_only_that_agent() -> None:
    by = ("agent",)
    compiled = project(
        teams=TEAMS,
        slos=(slo("per-agent", by=by), slo("whole")),
        alerts=(alert("AgentSilent", scope=Scope.AGENT, by=by),),
    )
    page = arriving(compiled, "AgentFleetPerAgentBurn", "fast", agent="planner")
    whole = arriving(compiled, "AgentFleetWholeBurn", "fast")
    same = arriving(compiled, "AgentSilent", agent="planner")
    other = arriving(compiled, "AgentSilent", agent="coder")
    nameless = {key: value for key, value in other.items() if key != "agent"}

    assert silent(compiled, same, page)
    assert not silent(compiled, other, page)
    assert not silent(compiled, nameless, page)
    assert silent(compiled, other, whole)


def test_a_pipeline_that_is_down_silences_the_lost_signals_and_nothing_else() -> None:
    compiled = project(
        teams=TEAMS,
        slos=(slo("action"),),
        alerts=(
            alert("TelemetryMissing", scope=Scope.PIPELINE, service="telemetry"),
            alert("AgentSilent", scope=Scope.AGENT),
        ),
    )
    down = arriving(compiled, "TelemetryMissing")

    assert silent(compiled, arriving(compiled, "SLOSignalLost"), down)
    assert not silent(compiled, arriving(compiled, "AgentFleetActionBurn", "fast"), down)
    assert not silent(compiled, arriving(compiled, "AgentSilent"), down)
    assert not silent(compiled, down, arriving(compiled, "SLOSignalLost"))


def test_a_ticket_of_the_service_does_not_silence_its_agents() -> None:
    ticket = arriving(FLEET, ACTION, "trend")

    assert not silent(FLEET, arriving(FLEET, "AgentSilent"), ticket)


def test_an_agent_alert_without_a_service_is_not_silenced_by_a_service_without_a_name() -> None:
    agent = {"alertname": "A", "severity": "page", "scope": "agent"}
    service = {"alertname": "B", "severity": "page", "scope": "service"}

    assert not silent(FLEET, agent, service)


def test_foreign_alerts_without_our_labels_never_silence_each_other() -> None:
    page, ticket = ({"alertname": name, "severity": name} for name in ("page", "ticket"))

    assert not silent(FLEET, ticket, page)


def test_no_general_rule_silences_a_compliance_page() -> None:
    everything = [alert_labels(rule, {"cluster": "prod"}) for rule in FLEET.alert_rules()]

    assert not silent(FLEET, arriving(FLEET, "ComplianceViolationDetected"), *everything)


def test_a_cause_silences_what_depends_on_it_pages_and_tickets() -> None:
    cause = arriving(FLEET, LLM, "fast")

    assert silent(FLEET, arriving(FLEET, ACTION, "outage"), cause)
    assert silent(FLEET, arriving(FLEET, ACTION, "drift"), cause)


def test_the_effect_does_not_silence_its_cause() -> None:
    assert not silent(FLEET, arriving(FLEET, LLM, "fast"), arriving(FLEET, ACTION, "fast"))


def test_a_ticket_on_the_cause_silences_no_page_on_the_effect() -> None:
    assert not silent(FLEET, arriving(FLEET, ACTION, "fast"), arriving(FLEET, LLM, "trend"))


def test_a_lost_signal_silences_the_tickets_but_no_page_of_its_slo() -> None:
    lost = arriving(FLEET, "SLOSignalLost", slo_id="agent-fleet-action-success")

    assert silent(FLEET, arriving(FLEET, ACTION, "trend"), lost)
    assert not silent(FLEET, arriving(FLEET, ACTION, "fast"), lost)


def test_the_loss_of_one_signal_does_not_hide_the_loss_of_another() -> None:
    lost = arriving(FLEET, "SLOSignalLost", slo_id="agent-fleet-action-success")

    assert not silent(FLEET, arriving(FLEET, "SLOSignalLost", slo_id="other"), lost)


def test_an_escalation_is_silenced_by_neither_its_alert_nor_its_ticket() -> None:
    raised = arriving(FLEET, "OrchestratorUnhealthyEscalated")

    assert not silent(FLEET, raised, arriving(FLEET, "OrchestratorUnhealthy"))


def test_an_escalation_of_the_cause_keeps_the_effect_quiet_too() -> None:
    raised = arriving(FLEET, "OrchestratorUnhealthyEscalated")

    assert silent(FLEET, arriving(FLEET, "QueueSlow"), raised)


def test_a_cause_of_one_agent_silences_only_that_agents_effect() -> None:
    by = ("agent",)
    compiled = project(
        teams=TEAMS,
        slos=(
            slo("cause", by=by, scope=Scope.AGENT),
            slo("effect", by=by, scope=Scope.AGENT, depends_on=("cause",)),
        ),
    )
    cause = arriving(compiled, "AgentFleetCauseBurn", "fast", agent="planner")
    effect = arriving(compiled, "AgentFleetEffectBurn", "fast", agent="planner")

    assert silent(compiled, effect, cause)
    assert not silent(compiled, {**effect, "agent": "coder"}, cause)
    assert not silent(
        compiled,
        {key: value for key, value in effect.items() if key != "agent"},
        {key: value for key, value in cause.items() if key != "agent"},
    )


def test_an_agents_alert_that_is_a_stated_cause_is_not_hidden_by_its_effect() -> None:
    compiled = project(
        teams=TEAMS,
        slos=(
            slo("cause", scope=Scope.AGENT),
            slo("effect", depends_on=("cause", "WorkerGone")),
        ),
        alerts=(alert("WorkerGone", scope=Scope.AGENT), alert("Other", scope=Scope.AGENT)),
    )
    effect = arriving(compiled, "AgentFleetEffectBurn", "fast")

    assert not silent(compiled, arriving(compiled, "AgentFleetCauseBurn", "fast"), effect)
    assert not silent(compiled, arriving(compiled, "WorkerGone"), effect)
    assert silent(compiled, arriving(compiled, "Other"), effect)


def test_two_policies_that_order_two_tiers_differently_leave_both_loud() -> None:
    compiled = project(
        teams=TEAMS,
        slos=(
            slo("one", tiers=(tier("a", Severity.PAGE, 1), tier("b", Severity.PAGE, 6))),
            slo("two", tiers=(tier("a", Severity.PAGE, 6), tier("b", Severity.PAGE, 1))),
        ),
    )

    for name in ("AgentFleetOneBurn", "AgentFleetTwoBurn"):
        first, second = (arriving(compiled, name, kind) for kind in ("a", "b"))
        assert not silent(compiled, first, second)
        assert not silent(compiled, second, first)


def test_a_project_without_slos_has_no_rules_about_budgets() -> None:
    assert routing(project(teams=TEAMS, alerts=(alert("A"),))).inhibitions == ()


def test_a_cause_is_found_by_id_by_alert_and_by_its_short_name() -> None:
    here = slo("queue")
    there = slo("queue", service="other")
    lonely = slo("store", service="other")
    effect = slo("action", tiers=SRE_TIERS)
    gone = alert("WorkerGone")
    compiled = project(teams=TEAMS, slos=(here, there, lonely, effect), alerts=(gone,))

    def found(name: str) -> object:
        return resolve(compiled.project, effect, name)

    assert found("other-queue") is there
    assert found("WorkerGone") is gone
    assert found("queue") is here
    assert found("store") is lonely
    assert found("nothing") is None
