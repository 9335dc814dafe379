"""The main job end to end: telemetry in, a violation, and the page at Legal and Compliance.

The stack is what `make demo` starts: files from `sloctl`, a collector as a process of its
own, real Prometheus and Alertmanager, a fleet that speaks OTLP.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from alerts.gameday import ask, faults
from alerts.gameday.fleet.crew import Crew
from alerts.gameday.fleet.topology import PLATFORM
from alerts.gameday.runner import wait_healthy
from alerts.gameday.site import own
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC, Stack, stack, start_collector
from alerts.gameday.window import Window
from slo import servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NOT_YET = re.compile(
    r"slo:(period_error|error_budget_remaining)|ratio_rate(1d|3d|30d)|fleetslo_sampling_shed_"
)
"""Budgets are added up in tiles of five minutes; and the demo's collector samples nothing."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Crew]]:
    for tool in ("prometheus", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")
    folder = tmp_path_factory.mktemp("path")
    with stack(folder) as ready, Crew(ready.charge(COMPACT, COMPACT_TRAFFIC)) as crew:
        wait_healthy(own(ready))
        yield ready, crew


def send_spans(ready: Stack, requests: int) -> set[str]:
    """Send spans by the official exporter; the ids of those that the collector acknowledged."""
    made = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(made))
    tracer = provider.get_tracer("test")
    sender = OTLPSpanExporter(f"127.0.0.1:{ready.ports.grpc}", insecure=True, timeout=5)
    acknowledged: set[str] = set()
    for _ in range(requests):
        made.clear()
        for _ in range(20):
            tracer.start_span("ours").end()
        spans = made.get_finished_spans()
        if sender.export(spans) is SpanExportResult.SUCCESS:
            acknowledged |= {span_id(span) for span in spans}
    sender.shutdown()
    return acknowledged


def span_id(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.span_id:016x}"


def delivered(ready: Stack) -> set[str]:
    """The ids of all spans in the file that the collector writes."""
    text = "".join(
        path.read_text("utf-8") for path in ready.tree.data.rglob("traces*.json") if path.is_file()
    )
    return set(re.findall(r'"spanId":\s*"([0-9a-f]{16})"', text))


def test_a_healthy_fleet_wakes_nobody(running: tuple[Stack, Crew]) -> None:
    ready, _ = running

    held = {each.labels["alertname"] for each in ask.held(ready.alertmanager.url)}

    assert held <= {"Watchdog"}
    assert [page.alert for page in ready.webhooks.received() if page.firing] in ([], ["Watchdog"])


def test_a_violation_wakes_legal_and_compliance_and_the_runbook_opens(
    running: tuple[Stack, Crew],
) -> None:
    ready, crew = running
    injected = time.time()

    faults.inject(faults.compliance(), crew)
    page = ready.webhooks.wait(
        lambda page: page.firing and page.alert == "ComplianceViolationDetected", 90.0
    )

    assert page is not None
    assert page.team == "legal-compliance"
    assert page.at - injected < 45.0
    assert page.labels["severity"] == "page"
    assert page.labels["mas_compliance_rule"] == faults.NEVER_SEEN_RULE
    with urllib.request.urlopen(page.annotations["runbook_url"], timeout=5) as answer:
        assert "Immediately pause the affected agent" in answer.read().decode()


def test_the_violating_agent_is_paused(running: tuple[Stack, Crew]) -> None:
    ready, _ = running
    deadline = time.monotonic() + 60.0
    found: float | None = None
    while found != 1.0 and time.monotonic() < deadline:
        time.sleep(1.0)
        found = ask.number(
            ready.prometheus.url, 'sum(mas_agent_count{mas_agent_state="quarantined"})'
        )

    assert found == 1.0


def test_killing_the_collector_loses_nothing_that_it_acknowledged(
    running: tuple[Stack, Crew],
) -> None:
    ready, _ = running
    acknowledged = send_spans(ready, 50)
    ready.collector.process.send_signal(signal.SIGKILL)
    ready.collector.process.wait()

    ready.collector.process = start_collector(ready.tree, ready.ports).process

    deadline = time.monotonic() + 30.0
    while acknowledged - delivered(ready) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert len(acknowledged) == 1000
    assert acknowledged - delivered(ready) == set()


def test_the_burn_of_an_outage_wakes_the_owning_team(running: tuple[Stack, Crew]) -> None:
    ready, crew = running
    faults.inject(faults.action_failure(100), crew)

    page = ready.webhooks.wait(
        lambda page: page.firing and page.alert == "AgentFleetActionSuccessBurn", 170.0
    )

    assert page is not None
    assert page.team == "core-engineering"
    assert page.labels["slo_tier"] == "outage"
    assert page.labels["budget_id"] == f"agent-fleet-action-success/{faults.FAILING}"


def test_the_overview_tells_what_fires_and_who_was_told_and_the_dashboards_are_drawn(
    running: tuple[Stack, Crew],
) -> None:
    look = Window(running[0])
    overview = urllib.request.urlopen(running[0].library.show("/", look.overview)).read().decode()
    drawn = urllib.request.urlopen(running[0].library.show("/boards", look.dashboards))

    assert '<a href="/runbooks/ComplianceViolationDetected.md">' in overview
    assert "legal-compliance" in overview
    assert "not Grafana" in drawn.read().decode()


def test_every_panel_of_every_dashboard_has_data(running: tuple[Stack, Crew]) -> None:
    ready, crew = running
    crew.command((PLATFORM,), {"do": "publish-policy"})  # which else happens now and then
    deadline = time.monotonic() + 120.0
    while (empty := without_data(ready)) and time.monotonic() < deadline:
        time.sleep(5.0)

    assert empty == []


def without_data(ready: Stack) -> list[tuple[str, object, str]]:
    """The panels' queries that answer nothing: dashboard, title, expression."""
    empty: list[tuple[str, object, str]] = []
    asked = 0
    for path in sorted((ready.tree.out / "grafana" / "dashboards").glob("*.json")):
        board = json.loads(path.read_text("utf-8"))
        names = [variable["name"] for variable in board["templating"]["list"]]
        for panel in panels(board):
            for expr in (each.get("expr", "") for each in panel.get("targets", [])):
                if expr and not NOT_YET.search(expr):
                    asked += 1
                    if not ask.query(ready.prometheus.url, concrete(expr, names)):
                        empty.append((path.stem, panel.get("title"), expr))
    assert asked > 50
    return empty


def panels(board: dict[str, list[dict[str, object]]]) -> Iterator[dict[str, list[dict[str, str]]]]:
    for panel in board.get("panels", []):
        yield panel  # type: ignore[misc]
        yield from panels(panel)  # type: ignore[arg-type]


def concrete(expr: str, names: list[str]) -> str:
    """The expression with every variable set to all."""
    for name in names:
        expr = re.sub(rf"\$\{{?{name}(:\w+)?\}}?", ".+", expr)
    for name, value in (("rate_interval", "1m"), ("range", "5m"), ("interval", "15s")):
        expr = expr.replace(f"$__{name}", value)
    return expr


def test_the_demo_ends_by_itself_with_the_page_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for tool in ("prometheus", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")
    environment = {**os.environ, "DEMO_SECONDS": "60", "TMPDIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "alerts.gameday.demo"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ComplianceViolationDetected reached Legal and Compliance" in done.stdout
    assert "AgentFleetActionSuccessBurn" in done.stdout
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert left_over(str(tmp_path)) == []


def left_over(word: str) -> list[str]:
    """Processes that still speak of our folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if word in command:
            found.append(command)
    return found
