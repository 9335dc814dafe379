"""Every query of every panel, from `sloctl init` to a real Prometheus that answers it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboards.preview.command import preview
from dashboards.proof import LOCK, PROOF
from slo.plugin import Result, Verdict
from slo.servers import find

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.skipif(
        find("prometheus") is None or find("promtool") is None,
        reason="prometheus and promtool are not to be had, run `make servers`",
    ),
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that the starter files give."""
    folder = tmp_path_factory.mktemp("dashboards")
    for arguments in (
        ["init", str(folder / "specs")],
        ["generate", str(folder / "specs"), "--out", str(folder / "out")],
    ):
        command = [sys.executable, "-c", "from slo.cli import main; main()", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def results(generated: Path) -> list[Result]:
    return list(PROOF.run(generated))


def test_every_panel_of_the_starter_project_shows_what_is_so(results: list[Result]) -> None:
    assert [result for result in results if result.verdict is not Verdict.PASSED] == []
    assert {result.name for result in results} == {
        f"dashboard {what}: {view}"
        for what in ("rules", "data")
        for view in ("executive", "on-call", "debug")
    }


def test_the_lock_tells_what_each_query_returned(generated: Path, results: list[Result]) -> None:
    lock = json.loads((generated / "grafana" / LOCK).read_text())
    burn = lock["executive"]["96815336"]["query A"]

    assert burn["healthy"]["verdict"] == "good"
    assert burn["fast-burn"]["verdict"] == "bad"
    assert burn["expr"].startswith("max(slo:burn_rate:ratio")


def test_silence_is_empty_and_never_not_a_number(generated: Path, results: list[Result]) -> None:
    lock = json.loads((generated / "grafana" / LOCK).read_text())
    waits = next(p for p in lock["on-call"].values() if p["title"] == "How long messages wait")

    assert waits["query A"]["healthy"]["current"] > 0
    assert waits["query A"]["no-traffic"]["current"] == 0


def test_a_renamed_metric_is_found(generated: Path, tmp_path: Path) -> None:
    shutil.copytree(generated, tmp_path / "out")
    for view in ("executive", "on-call"):
        (tmp_path / "out/grafana/dashboards" / f"{view}.json").unlink()
    file = tmp_path / "out/grafana/dashboards/debug.json"
    file.write_text(file.read_text().replace("mas_queue_depth", "mas_queue_length"))

    failed = {r.name: r.detail for r in PROOF.run(tmp_path / "out") if r.verdict is Verdict.FAILED}

    assert "mas_queue_length, which nobody makes" in failed["dashboard rules: debug"]
    assert "Messages waiting" in failed["dashboard data: debug"]


def test_a_browser_shows_the_preview_with_the_numbers_of_the_phase(
    generated: Path, tmp_path: Path
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    out = tmp_path / "preview.html"

    done = CliRunner().invoke(preview, [str(generated), "--out", str(out), "--phase", "fast-burn"])

    assert done.exit_code == 0, done.output
    if browser is None:
        pytest.skip("chromium is not on PATH, install Debian's package chromium")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    shown = subprocess.run(
        [*command, f"--user-data-dir={tmp_path}", "--dump-dom", out.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "CONSOLE" not in shown.stderr
    assert shown.stdout.count("data-panel=") == out.read_text().count("data-panel=")
    assert "▲ bad" in shown.stdout
    assert "fast-burn" in shown.stdout
