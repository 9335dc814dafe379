"""`sloctl routes` answers from the generated files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from alerts.routing.command import routes
from alerts.routing.generator import GENERATOR
from slo.cli.app import run
from slo.model import Compiled, Maintenance
from tests.alert_projects import fleet, place


def written(folder: Path, compiled: Compiled) -> Path:
    for file in GENERATOR.generate(compiled):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    rules = [
        {"alert": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
        for rule in compiled.alert_rules()
    ]
    path = folder / "prometheus" / "rules" / "all.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), "utf-8")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return written(tmp_path / "tree", fleet())


def sloctl(*arguments: str | Path) -> Result:
    return CliRunner().invoke(routes, [str(each) for each in arguments])


def test_show_names_every_alert_and_who_is_told(tree: Path) -> None:
    told = sloctl("show", tree)

    assert told.exit_code == 0
    for rule in fleet().alert_rules():
        assert rule.name in told.output
    assert "fleetslo-legal-and-compliance-page after 0s" in told.output
    assert "not at night, weekend" in told.output


def test_who_is_told_at_night_depends_on_severity(tree: Path) -> None:
    at = ("--at", "2027-01-13T02:30+00:00")
    ticket = sloctl("who", tree, "severity=ticket", "team=platform", *at)
    page = sloctl("who", tree, "severity=page", "team=platform", *at)

    assert "fleetslo-platform-ticket after 15m, but not at this time" in ticket.output
    assert "fleetslo-platform-page after 10s\n" in page.output


def test_who_names_the_team_its_destinations_and_its_hours(tree: Path) -> None:
    told = sloctl("who", tree, "QueueSlow", "--at", "2027-01-13T02:30+00:00").output.splitlines()

    assert told == [
        "QueueSlow ticket (platform)",
        "fleetslo-audit after 0s",
        "  for    a copy of everything",
        "  who    Audit (ada)",
        "  by     webhook http://127.0.0.1:9/audit",
        "  when   at any hour; again every 4d",
        "fleetslo-platform-ticket after 15m, but not at this time: it waits for working hours",
        "  who    Platform (ada)",
        "  by     webhook http://127.0.0.1:9/platform-ticket",
        "  when   monday to friday 09:00 to 17:00 Europe/Berlin; again every 3d",
        "silent while one of these fires: OrchestratorUnhealthy, OrchestratorUnhealthyEscalated",
    ]


def test_who_says_which_alert_escalates_by_itself_and_whom_a_team_calls_next(tree: Path) -> None:
    told = sloctl("who", tree, "OrchestratorUnhealthy").output

    assert (
        "escalates by itself: OrchestratorUnhealthyEscalated tells "
        "fleetslo-audit, fleetslo-core-engineering-page" in told
    )
    escalated = sloctl("who", tree, "OrchestratorUnhealthyEscalated").output
    assert "  next   Platform (ada)\n" in escalated


def test_who_answers_for_each_tier_unless_one_is_chosen(tree: Path) -> None:
    every = sloctl("who", tree, "AgentFleetActionSuccessBurn").output
    one = sloctl("who", tree, "AgentFleetActionSuccessBurn", "slo_tier=trend").output

    assert every.count("AgentFleetActionSuccessBurn ") == 5
    assert one.count("AgentFleetActionSuccessBurn ") == 1


def test_who_names_the_work_that_mutes_an_alert_at_that_time(tmp_path: Path) -> None:
    planned = Maintenance(
        "upgrade",
        "an upgrade",
        "platform",
        "2026-12-05T22:00:00Z",
        "2026-12-06T00:00:00Z",
        {"service": "agent-fleet"},
        (),
        place(),
    )
    compiled = fleet()
    compiled = replace(compiled, project=replace(compiled.project, maintenance=(planned,)))
    tree = written(tmp_path / "planned", compiled)
    told = sloctl("who", tree, "OrchestratorUnhealthy", "--at", "2026-12-05T23:00+00:00").output

    assert "fleetslo-platform-page after 10s, but not at this time: maintenance upgrade" in told


def test_who_shows_no_secret_of_a_destination(tmp_path: Path) -> None:
    compiled = fleet("https://hooks.example.org/services/T0123456789ABCDEFGHIJ")
    told = sloctl("who", written(tmp_path / "secret", compiled), "OrchestratorUnhealthy").output

    assert "webhook https://hooks.example.org/... (the rest is a secret)" in told
    assert "T0123456789" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("OrchestratorUnhealty",), "did you mean OrchestratorUnhealthy?"),
        (("QueueSlow", "AgentSilent"), "not the name of an alert of this tree"),
        (("=page",), "not a label"),
        (("a=b", "--at", "soon"), "not a time"),
        (("a=b", "--at", "2027-01-13T02:30"), "needs its offset"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(
    tree: Path, arguments: tuple[str, ...], told: str
) -> None:
    answer = sloctl("who", tree, *arguments)

    assert answer.exit_code == 2
    assert told in answer.output


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("team=platfrom", "no such team: 'platfrom', did you mean platform?"),
        ("severity=pgae", "no such severity: 'pgae', did you mean page?"),
        ("severity=p1", "no such severity: 'p1', known are "),
    ],
)
def test_who_says_that_nobody_has_such_a_team_or_severity(
    tree: Path, label: str, told: str
) -> None:
    answer = sloctl("who", tree, label)

    assert answer.exit_code == 0
    assert told in answer.stderr
    assert "fleetslo-catch-all" in answer.stdout


def test_who_says_nothing_of_words_that_are_known(tree: Path) -> None:
    assert sloctl("who", tree, "severity=ticket", "team=platform").stderr == ""


def test_the_same_tree_differs_in_nothing(tree: Path) -> None:
    assert sloctl("diff", tree, tree).exit_code == 0


def test_an_alert_that_moves_to_another_team_is_the_difference(tree: Path, tmp_path: Path) -> None:
    compiled = fleet()
    hurried = tuple(replace(team, hours=None) for team in compiled.project.teams)
    other = replace(compiled, project=replace(compiled.project, teams=hurried))
    answer = sloctl("diff", tree, written(tmp_path / "other", other))

    assert answer.exit_code == 1
    moved = [line for line in answer.output.splitlines() if line.startswith(("+ ", "- "))]
    assert moved
    assert all("fleetslo-platform-ticket" in line for line in moved)


def test_a_folder_that_is_no_tree_is_said_to_be_none(tmp_path: Path) -> None:
    answer = sloctl("show", tmp_path)

    assert answer.exit_code == 1
    assert "sloctl generate --out" in answer.output


def test_prove_fails_when_the_reviewed_ways_differ(tree: Path, tmp_path: Path) -> None:
    ways = tmp_path / "ways.txt"
    ways.write_text(sloctl("show", tree).output, "utf-8")
    same = sloctl("prove", tree, "--ways", ways)
    ways.write_text("somewhere else\n", "utf-8")
    other = sloctl("prove", tree, "--ways", ways)

    assert f"passed  every alert goes the way that {ways} says" in same.output
    assert same.exit_code in {0, 4}
    assert f"failed  every alert goes the way that {ways} says" in other.output
    assert other.exit_code == 1


def test_count_shows_what_grouping_and_inhibition_save(tree: Path) -> None:
    lines = sloctl("count", tree).output.splitlines()
    _, *causes, whole = (line.split(None, 4) for line in lines)

    # Pages and tickets of one budget tell one team once.
    assert ["5", "4", "1", "2", "agent-fleet:llm-availability"] in causes
    assert whole[4] == "everything at once"
    assert int(whole[2]) < int(whole[3]) / 2


def test_the_command_line_may_name_the_alertmanager_to_write_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "slos")]) == 0

    def generated(*more: str) -> str:
        out = tmp_path / "out"
        assert run(["generate", str(tmp_path / "slos"), "--out", str(out), *more]) == 0
        return (out / "alertmanager" / "alertmanager.yml").read_text("utf-8")

    assert "name: page-over-ticket" not in generated()
    assert "name: page-over-ticket" in generated("--alertmanager-version", "0.33.1")
    capsys.readouterr()
    wrong = ["generate", str(tmp_path), "--out", str(tmp_path / "x"), "--alertmanager-version", "v"]
    assert run(wrong) == 2
    assert "not a version: 'v'" in capsys.readouterr().err
