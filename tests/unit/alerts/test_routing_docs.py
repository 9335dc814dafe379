"""What the page for users shows can be copied."""

from __future__ import annotations

import re
from pathlib import Path

from alerts.routing.build import routing
from alerts.routing.check import check
from alerts.routing.command import routes
from alerts.routing.simulate import receivers
from slo.rules import compile_project
from slo.spec import SourceFile, read

PAGE = Path(__file__).parents[3] / "docs" / "teams-and-alerts.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^sloctl routes (\w+)", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(PAGE.read_text("utf-8")) if kind == language]


def test_the_teams_of_the_example_are_sound_and_told() -> None:
    (example,) = blocks("yaml")
    project, problems = read([SourceFile("teams.yaml", example, named=True)])

    assert problems == []
    assert project is not None
    compiled = compile_project(project)
    assert list(check(compiled)) == []
    told = receivers(routing(compiled), {"alertname": "A", "severity": "page", "team": "platform"})
    assert told == ("fleetslo-audit", "fleetslo-platform-page")


def test_every_command_of_the_page_exists() -> None:
    used = {name for body in blocks("sh") for name in COMMAND.findall(body)}

    assert used == set(routes.commands)
