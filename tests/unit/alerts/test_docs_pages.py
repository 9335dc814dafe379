"""The pages on throttles, incidents and existing configurations can be followed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alerts.incidents.command import incident, report_group
from alerts.throttle.board import Board, Limits
from alerts.throttle.command import throttle
from alerts.throttle.ledger import Ledger
from alerts.throttle.notice import Notice
from alerts.throttle.service import Mode, Throttle
from slo.spec import SourceFile, read

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("throttles", "incidents", "existing-configurations")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
GROUPS = {"throttle": throttle, "incident": incident, "report": report_group}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands() -> Iterator[list[str]]:
    for page in PAGES:
        for line in "".join(blocks(page, "sh")).splitlines():
            words = shlex.split(line.partition(" > ")[0])
            if words[:1] == ["sloctl"]:
                yield words[1:]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_of_a_page_is_understood(words: list[str]) -> None:
    group, name, *rest = words
    command = GROUPS[group].commands[name]

    # Parsed and not run.
    command.make_context(name, rest)


def test_the_options_that_a_page_names_exist() -> None:
    text = (DOCS / "throttles.md").read_text("utf-8")
    named = set(re.findall(r"`(--[a-z-]+)", text))
    known = {option for each in throttle.commands.values() for option in options(each)}

    assert {"--enforce", "--kill-switch", "--token-file"} <= named
    assert named - known == set()


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("page", ["throttles", "existing-configurations"])
def test_the_documents_of_a_page_are_valid(page: str) -> None:
    files = {"mine/alertmanager.yml", "mine/prometheus.yml", "mine/otel.yaml"}
    opened: list[str] = []

    def open_text(path: str) -> str:
        opened.append(path)
        return ""

    for text in blocks(page, "yaml"):
        project, problems = read([SourceFile("page.yaml", text, named=True)], (), open_text)
        assert problems == []
        assert project is not None
    assert set(opened) in (set(), files)


def test_the_answer_of_the_page_has_the_keys_of_a_real_one(tmp_path: Path) -> None:
    (shown,) = blocks("throttles", "json")
    with Ledger(tmp_path / "ledger", b"k" * 32) as ledger:
        board = Board(Limits())
        board.take([Notice("coder", "b", "page", "page", firing=True)], 1.0)
        throttled = Throttle(board, ledger, Mode(enforce=True), lambda: 1_790_000_100.0)

        assert json.loads(throttled.one("coder")) == json.loads(shown)
