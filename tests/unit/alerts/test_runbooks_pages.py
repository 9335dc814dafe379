"""A page for every alert, with the numbers and the ways that really hold."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath

import pytest

from alerts.routing.build import routing
from alerts.routing.inhibit import alert_labels
from alerts.routing.simulate import silences
from alerts.runbooks import text
from alerts.runbooks.generator import GENERATOR
from alerts.runbooks.links import runbook
from alerts.runbooks.procedures import PROCEDURES
from slo.exact import Duration, Ratio
from slo.model import Compiled, Runbook
from slo.promql import parse
from tests.alert_projects import alert, fleet, project, slo, team, webhook

TEAMS = (team("platform", webhook("http://127.0.0.1:9/x")),)
FLEET = fleet()
LINK = re.compile(r"\]\(([^)\s]+\.md)\)")
BLOCK = re.compile(r"```promql\n(.*?)\n```", re.DOTALL)


def pages(compiled: Compiled) -> dict[str, str]:
    return {file.path: file.text for file in GENERATOR.generate(compiled)}


def page(compiled: Compiled, name: str) -> str:
    return pages(compiled)[f"runbooks/{name}.md"]


ALL = pages(FLEET)


def test_every_alert_has_its_page() -> None:
    assert {f"runbooks/{rule.name}.md" for rule in FLEET.alert_rules()} <= set(ALL)


def test_the_watchdog_a_lost_signal_and_an_escalation_have_pages_too() -> None:
    for name in ("Watchdog", "SLOSignalLost", "OrchestratorUnhealthyEscalated"):
        assert f"runbooks/{name}.md" in ALL


def test_every_page_of_an_alert_has_the_five_sections_in_order_and_none_is_empty() -> None:
    for rule in FLEET.alert_rules():
        body = page(FLEET, rule.name)
        titles = [line[3:] for line in body.splitlines() if line.startswith("## ")]
        assert titles[:5] == list(text.SECTIONS)
        for part in body.split("\n## ")[1:6]:
            assert part.partition("\n")[2].strip(), (rule.name, part)


def test_every_link_between_pages_leads_to_a_page() -> None:
    for path, body in ALL.items():
        for target in LINK.findall(body):
            parts: list[str] = []
            for part in (PurePosixPath(path).parent / target).parts:
                if part == "..":
                    parts.pop()
                else:
                    parts.append(part)
            assert "/".join(parts) in ALL, (path, target)


def test_no_page_is_left_out_of_the_index() -> None:
    linked = {f"runbooks/{target}" for target in LINK.findall(ALL["runbooks/index.md"])}

    assert linked == set(ALL) - {"runbooks/index.md"}


def test_every_query_on_a_page_is_promql() -> None:
    for body in ALL.values():
        for expr in BLOCK.findall(body):
            parse(expr)


def test_the_same_project_gives_the_same_bytes() -> None:
    assert pages(fleet()) == ALL


def test_a_burn_page_states_objective_budget_and_every_tier() -> None:
    body = page(FLEET, "AgentFleetActionSuccessBurn")

    assert "| Objective | 99 % over 30d |" in body
    assert "1 %: 311,040 bad events per period" in body
    for name in ("outage", "fast", "slow", "trend", "drift"):
        assert f"| `{name}` |" in body
    assert "above 14.4 % (14.4 times the budget), with at least 10 bad events in 1h" in body


def test_a_burn_page_begins_with_its_cause_and_asks_prometheus_by_a_link() -> None:
    body = page(FLEET, "AgentFleetActionSuccessBurn")
    diagnosis = body.partition("## Diagnosis")[2].partition("## Mitigation")[0]

    assert diagnosis.index("look at [") < diagnosis.index("1. How fast")
    assert diagnosis.count("[ask Prometheus](") == 2


def test_what_hardly_ever_comes_by_chance_is_no_number_with_an_exponent() -> None:
    impact = page(FLEET, "AgentFleetActionSuccessBurn").partition("By chance")[2]

    assert "| < 0.01 |" in impact
    assert re.search(r"\de-\d", impact.partition("## Diagnosis")[0]) is None


def test_a_changed_objective_changes_the_page() -> None:
    changed = replace(slo("action-success"), objective=Ratio.from_percent("99.9"))
    body = page(project(teams=TEAMS, slos=(changed,)), "AgentFleetActionSuccessBurn")

    assert "| Objective | 99.9 % over 30d |" in body
    assert "31,104 bad events" in body


def test_unknown_traffic_is_said_to_be_unknown() -> None:
    quiet = replace(slo("action-success"), events_per_second=None)
    body = page(project(teams=TEAMS, slos=(quiet,)), "AgentFleetActionSuccessBurn")

    assert "unknown: no traffic stated" in body
    assert "bad events per period" not in body


def test_an_operational_page_carries_the_runbooks_own_steps() -> None:
    body = page(FLEET, "OrchestratorUnhealthy")

    assert "1. Look at it." in body
    assert "1. Restart it." in body
    assert "When: it persists after a restart." in body
    assert "[OrchestratorUnhealthyEscalated](OrchestratorUnhealthyEscalated.md) wakes them" in body


def test_an_escalation_that_a_person_must_judge_promises_no_second_page() -> None:
    stated = alert("Odd", escalation="platform")
    compiled = project(teams=TEAMS, alerts=(stated,))
    (file,) = compiled.rule_files
    (group,) = file.groups
    kept = tuple(rule for rule in compiled.alert_rules() if not rule.escalated)
    words_only = replace(
        compiled, rule_files=(replace(file, groups=(replace(group, rules=kept),)),)
    )

    assert "by itself" in page(compiled, "Odd")
    assert "by itself" not in page(words_only, "Odd")


def test_an_alert_without_any_runbook_text_still_has_a_whole_page() -> None:
    bare = replace(alert("Bare"), runbook=Runbook(), summary="", description="")
    body = page(project(teams=TEAMS, alerts=(bare,)), "Bare")

    for part in body.split("\n## ")[1:6]:
        assert part.partition("\n")[2].strip()


def test_what_only_a_firing_alert_knows_is_not_shown_as_text() -> None:
    told = replace(alert("Odd"), description="Waits {{ $value }} seconds", summary="It waits")

    assert "{{" not in page(project(teams=TEAMS, alerts=(told,)), "Odd")


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert text.table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"


def test_a_page_says_what_it_silences_and_what_silences_it() -> None:
    rules = FLEET.alert_rules()
    labels = [alert_labels(rule, {"cluster": "prod"}) for rule in rules]
    for pair in silences(routing(FLEET), labels):
        source, target = rules[pair.source].name, rules[pair.target].name
        if source != target:
            assert f"({target}.md)" in page(FLEET, source), (source, target)
            assert f"({source}.md)" in page(FLEET, target), (source, target)


def test_a_compliance_page_is_sent_at_once_and_the_page_says_so() -> None:
    body = page(FLEET, "ComplianceViolationDetected")

    assert (
        "| page | fleetslo-legal-and-compliance-page | after 0s, at any hour | every 1h |" in body
    )
    assert "It is sent without waiting" in body


def test_a_page_leads_to_silence_dashboard_and_condition() -> None:
    body = page(FLEET, "AgentFleetActionSuccessBurn")

    assert "/#/silences/new?filter=%7Broot_cause%3D%22agent-fleet%3Aaction-success%22%7D" in body
    assert "/d/fleetslo-on-call" in body
    assert "/graph?g0.expr=" in body


@pytest.mark.parametrize("each", PROCEDURES, ids=lambda each: each.name)
def test_every_procedure_has_its_page_and_queries_that_parse(each: object) -> None:
    (procedure,) = (one for one in PROCEDURES if one is each)
    body = ALL[f"runbooks/procedures/{procedure.name}.md"]

    assert body.startswith(f"# {procedure.title}\n")
    assert body.count("\n## ") == len(procedure.steps)
    for step in procedure.steps:
        if step.expr:
            parse(step.expr)


def test_a_runbook_url_that_leads_nowhere_is_shown_at_its_document() -> None:
    (file,) = FLEET.rule_files
    (group,) = file.groups
    first = FLEET.alert_rules()[0]
    wrong = replace(first, annotations={**first.annotations, "runbook_url": "http://x/404.md"})
    broken = replace(
        FLEET,
        rule_files=(replace(file, groups=(replace(group, rules=(wrong, *group.rules[1:])),)),),
    )
    (problem,) = GENERATOR.check(broken)

    assert problem.code == "ALM016"
    assert problem.place == first.slo.place if first.slo else None
    assert runbook(FLEET.project.settings, first.name) in problem.text
    assert list(GENERATOR.check(FLEET)) == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "never"),
        (Fraction(1, 3), "1 s"),
        (Fraction(75), "75 s"),
        (Fraction(3000), "50 min"),
        (Fraction(12_600), "3.5 h"),
        (Fraction(86_400 * 15), "15 d"),
    ],
)
def test_a_time_is_told_in_what_a_person_can_use(seconds: Fraction | None, told: str) -> None:
    assert text.clock(seconds) == told


def test_numbers_are_short_and_exact_where_it_matters() -> None:
    assert text.number(Fraction(311_040)) == "311,040"
    assert text.number(Fraction(72, 5)) == "14.4"
    assert text.number(Fraction(1, 3)) == "0.333"
    assert text.share(Fraction(1, 48)) == "2.1 %"
    assert text.span(Duration(0)) == "at once"
    assert text.words(["a", "b", "c"]) == "a, b and c"
