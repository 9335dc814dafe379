"""`sloctl gameday` on a real stack: a scenario is run, judged and reported."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from alerts.gameday.stack import stack
from slo import servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_split_brain_is_paged_and_every_dialect_counted_and_all_reported(tmp_path: Path) -> None:
    for tool in ("prometheus", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")
    junit, written = tmp_path / "gameday.xml", tmp_path / "gameday.md"
    code = "from slo.cli import main; main()"

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "gameday",
            "f1",
            "--baseline",
            "15",
            "--dialect",
            "mixed",
            "--junit",
            str(junit),
            "--report",
            str(written),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 scenario passed" in written.read_text("utf-8")
    suite = ET.fromstring(junit.read_text("utf-8"))
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert "| SplitBrain | core-engineering |" in done.stdout
    for held in ("counters equal the truth", "no personal data left", "the books balance"):
        assert f"F1: {held}: " in done.stdout
    assert " invocations, " in done.stdout


def test_a_fleet_without_metrics_pages_and_what_the_collector_found_is_the_truth() -> None:
    for tool in ("prometheus", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")
    code = "from slo.cli import main; main()"
    command = [sys.executable, "-c", code, "gameday", "F1", "--without-metrics", "--baseline", "15"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "| SplitBrain | core-engineering |" in done.stdout
    assert "F1: counters equal the truth: " in done.stdout
    assert " conflicts, reversals and loops " in done.stdout


def test_a_game_day_on_servers_that_are_there_already_asks_them_whom_they_tell(
    tmp_path: Path,
) -> None:
    for tool in ("prometheus", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")
    with stack(tmp_path) as theirs:
        code = "from slo.cli import main; main()"
        command = [sys.executable, "-c", code, "gameday", "R4", "--baseline", "15"]
        where = [
            *("--prometheus", theirs.prometheus.url, "--alertmanager", theirs.alertmanager.url),
            *("--grpc", f"127.0.0.1:{theirs.ports.grpc}"),
            *("--http", f"http://127.0.0.1:{theirs.ports.http}"),
        ]
        done = subprocess.run(
            [*command, *where], capture_output=True, text=True, timeout=240, check=False
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert "| ComplianceViolationDetected | legal-compliance |" in done.stdout
        assert theirs.prometheus.process.poll() is None
        assert [page.team for page in theirs.webhooks.received()] == ["legal-compliance"]


def test_a_game_day_on_servers_that_are_not_there_says_which() -> None:
    code = "from slo.cli import main; main()"
    given = ["--prometheus", "http://127.0.0.1:1", "--alertmanager", "http://127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-c", code, "gameday", "R4", *given, "--grpc", "127.0.0.1:1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 4
    assert "the collector cannot be reached: 127.0.0.1:1" in done.stderr
