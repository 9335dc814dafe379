"""How a case in virtual time is judged: in time, at its team, once, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerts.gameday import report
from alerts.gameday.ask import Held
from alerts.gameday.command import gameday
from alerts.gameday.runner import Verdict
from alerts.gameday.virtual.cases import Case
from alerts.gameday.virtual.coverage import Coverage
from alerts.gameday.virtual.judge import judge
from alerts.gameday.virtual.matrix import cases
from alerts.gameday.virtual.rulebook import read
from alerts.gameday.virtual.told import Told
from alerts.gameday.webhook import Page
from alerts.routing.count import Opened
from slo import names
from slo.exact import Duration
from slo.model import AlertRule, RuleGroup, Severity
from slo.replay import Firing

CASES = {case.id: case for case in cases()}


def test_ids_are_unique_and_scripts_are_in_order() -> None:
    assert len(CASES) == len(cases())
    for case in cases():
        seconds = [act.seconds for act in case.script.acts]
        assert seconds == sorted(seconds)
        assert case.script.lasts_seconds > max(seconds, default=0.0)


RULE = AlertRule(
    name="SplitBrain",
    expr="up",
    hold=Duration.seconds(30),
    keep_firing_for=Duration(0),
    labels={"severity": "page", "team": "core-engineering"},
    annotations={},
    severity=Severity.PAGE,
    team="core-engineering",
    by=(),
)
GROUPS = (RuleGroup("g", Duration.seconds(30), (RULE,)),)


def split_brain() -> Case:
    case = next(each for each in cases() if each.id == "F1")
    only = case.scenario.expected[:1]
    return Case(type(case.scenario)(case.scenario.fault, only), case.script)


def firing(
    case: Case, after: float, name: str = "SplitBrain", team: str = "core-engineering"
) -> Firing:
    labels = {"alertname": name, "severity": "page", "team": team}
    start = case.script.injected + after
    return Firing(RULE, labels, start - 30, start, None, 2.0)


@pytest.mark.parametrize(
    ("after", "team", "verdict"),
    [
        (60.0, "core-engineering", Verdict.MET),
        (200.0, "core-engineering", Verdict.LATE),
        (60.0, "operations", Verdict.WRONG_TEAM),
    ],
)
def test_a_case_is_judged_by_time_and_team(after: float, team: str, verdict: Verdict) -> None:
    case = split_brain()
    outcome = judge(case, GROUPS, [firing(case, after, team=team)], None)

    assert [each.verdict for each in outcome.found] == [verdict]
    assert outcome.passed == (verdict is Verdict.MET)


def test_an_alert_that_does_not_fire_fails_the_case() -> None:
    outcome = judge(split_brain(), GROUPS, [], None)

    assert outcome.found[0].verdict is Verdict.MISSING
    assert not outcome.passed


def page(at: float, severity: str = "page") -> Page:
    labels = {"alertname": "SplitBrain", "severity": severity}
    return Page("core-engineering", at, "firing", labels, {}, "", {"root_cause": "leadership"})


def test_two_pages_for_one_root_cause_to_one_team_are_one_too_many() -> None:
    assert Told((page(1.0), page(1.0)), ()).twice() == ()
    assert Told((page(1.0), page(2.0, "ticket")), ()).twice() == ()
    assert Told((page(1.0), page(2.0)), ()).twice() == ("leadership to core-engineering",)


def test_a_page_that_is_held_back_passes_only_where_the_case_says_so() -> None:
    case = split_brain()
    labels = dict(firing(case, 60.0).labels)
    told = Told((), (Held(labels, ("fleetslo-core-engineering-page",), suppressed=True),))
    excused = replace(case, held_back=("SplitBrain",))

    assert not judge(case, GROUPS, [firing(case, 60.0)], told).passed
    assert judge(excused, GROUPS, [firing(case, 60.0)], told).passed
    assert not judge(excused, GROUPS, [firing(case, 60.0)], Told((page(1.0),), ())).passed


@pytest.mark.parametrize(
    ("name", "after"), [("Oscillation", 60.0), ("SplitBrain", -60.0)], ids=["other", "too early"]
)
def test_what_nobody_expected_fails_the_case(name: str, after: float) -> None:
    case = split_brain()
    outcome = judge(case, GROUPS, [firing(case, 60.0), firing(case, after, name)], None)

    assert not outcome.passed
    assert outcome.forbidden[0].startswith(name)


def test_the_heartbeat_of_the_rules_is_no_alert_about_anything() -> None:
    case = CASES["N-heartbeat"]

    assert judge(case, GROUPS, [firing(case, 60.0, names.WATCHDOG)], None).passed


def test_rules_are_read_back_with_their_waits_and_tests_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "groups:\n- name: g\n  interval: 30s\n  rules:\n"
        "  - {record: a:b, expr: up, labels: {x: y}}\n"
        "  - {alert: A, expr: a:b > 0, for: 2m, keep_firing_for: 1m, labels: {severity: page}}\n"
        "- name: h\n  rules:\n  - {alert: B, expr: up == 0, labels: {severity: odd}}\n",
        "utf-8",
    )
    (tmp_path / "a.test.yaml").write_text("rule_files: [a.yaml]\n", "utf-8")

    first, second = read(tmp_path)

    assert first.interval == Duration.seconds(30)
    assert second.interval == Duration.seconds(60)
    alert = first.rules[1]
    assert isinstance(alert, AlertRule)
    assert (alert.hold, alert.keep_firing_for) == (Duration.seconds(120), Duration.seconds(60))
    assert alert.severity is Severity.PAGE


def test_a_root_cause_that_is_told_again_as_time_passes_fails_its_case() -> None:
    def opened(alert: str, team: str, cause: str = "leadership") -> Opened:
        return Opened(f"fleetslo-{team}", cause, 60.0, (alert,))

    case = split_brain()
    page = opened("SplitBrain", "core-engineering-page")
    ticket = opened("ActionConflicts", "core-engineering-ticket")
    called = opened("SplitBrainEscalated", "platform-page")

    assert Told((), (), (page, called)).twice_told() == ()
    assert Told((), (), (page, ticket)).twice_told() == ("leadership",)
    outcome = judge(case, GROUPS, [firing(case, 60.0)], Told((), (), (page, ticket)))
    assert "a second notification of leadership in the course of time" in outcome.forbidden
    assert outcome.tally is not None
    assert (outcome.tally.causes, outcome.tally.told, outcome.tally.called) == (1, 2, 0)


def test_a_table_is_renewed_between_its_marks_and_nowhere_else() -> None:
    case = split_brain()
    outcome = judge(case, GROUPS, [firing(case, 60.0)], None)
    document = f"# Mine\n{report.BEGIN}\nbefore\n{report.END}\nrest\n"

    renewed = report.inserted(document, [outcome], Coverage(2, ("AgentLooping",)))

    assert renewed.startswith("# Mine\n")
    assert renewed.endswith(f"{report.END}\nrest\n")
    assert "before" not in renewed
    assert "| SplitBrain | core-engineering | 68 s | 60 s | met | - | - |" in renewed
    assert "Each of the 2 alerts was switched off once, by itself: 1 time a" in renewed
    assert "Nothing would miss AgentLooping." in renewed
    assert report.inserted(renewed, [outcome], Coverage(2, ("AgentLooping",))) == renewed
    with pytest.raises(ValueError, match="must have a line"):
        report.inserted("# Mine\n", [outcome], None)


def test_the_list_of_virtual_scenarios_says_what_must_wake_nobody() -> None:
    done = CliRunner().invoke(gameday, ["--virtual", "--list"])

    assert done.exit_code == 0
    assert all(re.search(rf"^{re.escape(each)}\s", done.output, re.MULTILINE) for each in CASES)
    assert done.output.count("nobody is told") == sum(not c.scenario.expected for c in cases())


def test_an_unknown_virtual_scenario_is_refused_with_the_nearest() -> None:
    done = CliRunner().invoke(gameday, ["--virtual", "M2-101"])

    assert done.exit_code == 2
    assert "did you mean M2-100" in done.output
