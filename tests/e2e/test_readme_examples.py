"""What the first page shows is what happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from slo import servers

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def typed() -> list[list[str]]:
    """The commands of the console block that shows a user's own fleet, in order."""
    (block,) = (text for text in blocks("console") if "$ sloctl init" in text)
    return [
        line.removeprefix("$ ").split("#")[0].split()
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "FLEETSLO_SERVERS": str(ROOT / ".servers")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.servers
def test_the_commands_for_your_own_fleet_work_as_they_are_shown(tmp_path: Path) -> None:
    if servers.find("promtool") is None or servers.find("amtool") is None:
        pytest.skip("promtool and amtool are not to be had: run `make servers`")
    commands = typed()
    assert [command[:2] for command in commands] == [
        ["sloctl", "init"],
        ["sloctl", "validate"],
        ["sloctl", "generate"],
        ["sloctl", "verify"],
        ["collector", "run"],
    ]

    for command in commands[:-1]:
        done = run(tmp_path, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    checked = run(tmp_path, *commands[2], "--check")
    assert checked.returncode == 0, checked.stderr


def test_the_generated_collector_configuration_is_valid_as_it_is(tmp_path: Path) -> None:
    commands = typed()
    for command in (commands[0], commands[2]):
        assert run(tmp_path, *command).returncode == 0

    done = run(tmp_path, "collector", "validate", *commands[-1][2:])

    assert done.returncode == 0, done.stderr


def test_the_collector_runs_without_any_configuration(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(
        [BIN / "collector", "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        said = daemon.stdout.readline()
        if "ready: " not in said:
            assert daemon.wait(30) == 1
            assert "in use" in said
            pytest.skip("a default port is taken on this machine: " + said.strip())
        with urllib.request.urlopen("http://127.0.0.1:13133/", timeout=10) as answer:
            assert answer.status == 200
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, said


def example(folder: Path, text: str) -> Path:
    assert run(folder, "sloctl", "init", "starter").returncode == 0
    (folder / "mine").mkdir()
    path = folder / "mine" / "api.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_slo_that_is_shown_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    example(tmp_path, text)

    done = run(tmp_path, "sloctl", "validate", "mine", "starter/teams.yaml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_mistake_is_drawn_as_it_is_shown(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (shown,) = (block for block in blocks("text") if "error[" in block)
    path = example(tmp_path, text.replace("objective: 99", "objective: 101"))

    done = run(path.parent, "sloctl", "validate", "api.yaml", "../starter/teams.yaml")

    assert done.returncode == 1
    assert shown.strip() in done.stdout + done.stderr
