"""`sloctl routes` answers from the generated files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from alerts.routing.command import routes
from alerts.routing.generator import GENERATOR
from slo.model import Compiled
from tests.alert_projects import fleet


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

    assert "fleetslo-platform-ticket after 5m, but not at this time" in ticket.output
    assert "fleetslo-platform-page after 10s\n" in page.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("severity",), "not a label"),
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

    # A page and its ticket, the signal that is lost: one budget tells one team once.
    assert ["6", "5", "1", "3", "agent-fleet:llm-availability"] in causes
    assert whole[4] == "everything at once"
    assert int(whole[2]) < int(whole[3]) / 2
