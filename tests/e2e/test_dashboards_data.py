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
from dashboards.preview.pictures import THEMES, photograph
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


OWN = """\
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: checkout, service: shop, title: 'Checkout "fast" for 5 $dollars, für 漢字'}
spec:
  objective: 99.9
  sli:
    events:
      bad: sum(rate(http_requests_total{job="shop",code=~"5.."}[$window]))
      total: sum(rate(http_requests_total{job="shop"}[$window]))
  by: [region]
  owner: operations
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: up, service: shop}
spec:
  objective: 99
  sli: {gauge: {expr: shop_up, bad_when: "== 0"}}
  owner: operations
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: spans, service: shop}
spec:
  objective: 99
  sli: {spans: {service: agent-worker, span_name: execute_tool}}
  owner: operations
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: billing, service: shop}
spec:
  objective: 99
  sli:
    events:
      bad: sum(rate(mas_agent_loops_total{service_name="pay",gen_ai_agent_name="x"}[$window]))
      total: sum(rate(mas_agent_loops_total{service_name="pay"}[$window]))
  owner: operations
"""
"""On metrics that nobody knows but their owner, and on agents that the made-up fleet lacks."""


def sloctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from slo.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that the starter files and SLOs of a user's own give."""
    folder = tmp_path_factory.mktemp("dashboards")
    for arguments in (
        ["init", str(folder / "specs")],
        ["generate", str(folder / "specs"), "--out", str(folder / "out")],
    ):
        if arguments[0] == "generate":
            (folder / "specs" / "slos" / "own.yaml").write_text(OWN, encoding="utf-8")
        done = sloctl(*arguments)
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


def test_slos_on_metrics_of_ones_own_are_proven_too(generated: Path, results: list[Result]) -> None:
    lock = json.loads((generated / "grafana" / LOCK).read_text())
    told = next(result.detail for result in results if result.name == "dashboard data: on-call")
    rows = {panel["title"]: panel for panel in lock["on-call"].values()}

    assert "shop-billing, shop-checkout, shop-spans, shop-up made up" in told
    for name in ("billing", "checkout", "spans", "up"):
        errors = rows[f"shop-{name}: error ratio against its alert thresholds"]["query w5m"]
        assert errors["healthy"]["worst"] < errors["slow-burn"]["worst"]
        assert errors["slow-burn"]["worst"] < errors["fast-burn"]["worst"]


ALONE = """\
apiVersion: fleetslo/v1
kind: Team
metadata: {name: shopkeepers}
spec: {destinations: [{webhook: {url: "http://127.0.0.1:9095/shop"}}]}
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: only, service: shop}
spec:
  objective: 90
  owner: shopkeepers
  sli:
    events:
      bad: sum(rate(http_requests_total{job="shop",code=~"5.."}[$window]))
      total: sum(rate(http_requests_total{job="shop"}[$window]))
  alerting: {severities: [ticket]}
"""
"""A project without agents, without availability and without a single page."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of a small project of a user's own."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "specs.yaml").write_text(ALONE, encoding="utf-8")
    done = sloctl("generate", str(folder / "specs.yaml"), "--out", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_a_project_of_a_users_own_alone_is_proven(alone: Path) -> None:
    found = list(PROOF.run(alone))

    assert [result for result in found if result.verdict is not Verdict.PASSED] == []
    assert len(found) == 6


def test_a_tree_without_rules_or_without_dashboards_is_not_called_skipped(
    generated: Path, tmp_path: Path
) -> None:
    shutil.copytree(generated / "grafana", tmp_path / "grafana")
    (alone, *_) = PROOF.run(tmp_path)

    assert alone.verdict is Verdict.PASSED
    assert "no rules" in alone.detail
    assert list(PROOF.run(tmp_path / "nothing")) == []


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


def test_a_renamed_metric_is_found(alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "out")
    for view in ("executive", "on-call"):
        (tmp_path / "out/grafana/dashboards" / f"{view}.json").unlink()
    file = tmp_path / "out/grafana/dashboards/debug.json"
    text = file.read_text().replace("mas_queue_depth", "mas_queue_length")
    file.write_text(text.replace("changes(mas_policy_revision[", "changes(mas_policy_edition["))

    failed = {r.name: r.detail for r in PROOF.run(tmp_path / "out") if r.verdict is Verdict.FAILED}

    assert "mas_queue_length, which nobody makes" in failed["dashboard rules: debug"]
    assert "Messages waiting" in failed["dashboard data: debug"]
    assert "annotation Policy revisions marks nothing" in failed["dashboard data: debug"]


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

    light, dark = (photograph(out, tmp_path / f"{theme}.png", theme) for theme in THEMES)
    assert light.read_bytes()[:8] == dark.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert light.read_bytes() != dark.read_bytes()
