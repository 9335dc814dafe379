"""The demo's chapters: what is started, a healthy fleet, two faults, the pages."""

from __future__ import annotations

import math
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from alerts.gameday import faults, figures
from alerts.gameday.fleet.crew import Crew
from alerts.gameday.fleet.topology import TEAMS
from alerts.gameday.narrator import Narrator
from alerts.gameday.runner import HEALTHY_SECONDS, wait_healthy
from alerts.gameday.site import own
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC, Stack, stack
from alerts.gameday.webhook import Page
from alerts.gameday.window import Window
from slo import names

BASELINE_SECONDS: Final = 30.0
PAGE_SECONDS: Final = 90.0
BURN_SECONDS: Final = 120.0
COMPLIANCE: Final = ("ComplianceViolationDetected", "legal-compliance")
BURN: Final = (names.burn_alert("agent-fleet", "action-success"), "core-engineering")
_POLL_SECONDS: Final = 1.0
_FETCH_SECONDS: Final = 5.0
_STEPS: Final = {
    "files": "generating rules, alerts, routes, dashboards, runbooks and the collector's file",
    "collector": "starting the collector",
    "alertmanager": "starting Alertmanager",
    "prometheus": "starting Prometheus",
}


@dataclass(frozen=True, slots=True)
class Story:
    """What the chapters share.

    Attributes:
        ready: Steady seconds at which all servers were ready.
        limit: After how many seconds from then it ends; None for never.
        titles: How teams are called, by name.
    """

    tell: Narrator
    running: Stack
    crew: Crew
    ready: float
    limit: float | None
    titles: dict[str, str]

    def left(self) -> float:
        """Seconds until the demo has to end; infinite when nobody said."""
        if self.limit is None:
            return math.inf
        return max(0.0, self.ready + self.limit - time.monotonic())

    def team(self, name: str) -> str:
        """The title of a team."""
        return self.titles.get(name, name)


def play(tell: Narrator, folder: Path, limit: float | None) -> bool:
    """Tell it all; whether the decisive page arrived.

    Args:
        tell: Who tells.
        folder: Empty; for everything that is written.
        limit: Seconds from the servers being ready after which it ends; None for Ctrl-C.
    """
    tell.title(
        "fleetslo",
        "From an agent's telemetry to the page at the right team. Everything you see is real, "
        "listens on this machine's loopback only, and ends with this command.",
    )
    with ExitStack() as held:
        tell.chapter("What is started")
        with tell.waiting("starting"):
            running = held.enter_context(stack(folder, lambda step: tell.now(_STEPS[step])))
            ready = time.monotonic()
            _introduce(tell, running)
            tell.now("starting the fleet")
            charge = running.charge(COMPACT, COMPACT_TRAFFIC)
            crew = Crew(charge, hear=lambda name, text: tell.complaint(f"{name}: {text}"))
            held.enter_context(crew)
        story = Story(tell, running, crew, ready, limit, _titles(running))
        _show_fleet(story)
        _baseline(story)
        arrived = _incident(story)
        _conclude(story, arrived=arrived)
        try:
            _linger(story)
        except KeyboardInterrupt:
            tell.now("stopping")
        return arrived


def _introduce(tell: Narrator, running: Stack) -> None:
    ports = running.ports
    files = running.generated.partition(" changed")[0].rpartition(", ")[0]
    tell.line("files", files, str(running.tree.out))
    tell.line(
        "collector",
        "takes OTLP, fsyncs it to its log, then says OK",
        f"gRPC 127.0.0.1:{ports.grpc}, HTTP 127.0.0.1:{ports.http}",
    )
    tell.line("Prometheus", "scrapes the collector and evaluates the generated rules")
    tell.line("Alertmanager", "decides who is told; a webhook stands for each team")


def _show_fleet(story: Story) -> None:
    agents = len(COMPACT.agents())
    processes = len(story.crew.pids())
    story.tell.line(
        "fleet",
        f"{agents} simulated agents in {processes} processes: 2 orchestrators, "
        f"{len(TEAMS)} supervisors, {COMPACT.workers_per_team} workers for each, guards, models",
    )
    running = story.running
    story.tell.chapter("Look around while it runs")
    look = Window(running)
    for uid in names.DASHBOARD_UIDS.values():  # where links of alerts and runbooks lead
        running.library.show(f"/d/{uid}", look.dashboards)
    story.tell.links(
        {
            "overview": running.library.show("/", look.overview),
            "dashboards": running.library.show("/dashboards", look.dashboards),
            "Prometheus": f"{running.prometheus.url}/api/v1/alerts",
            "Alertmanager": f"{running.alertmanager.url}/api/v2/alerts",
            "agents' metrics": f"http://127.0.0.1:{running.ports.agent_metrics}/metrics",
            "collector": f"http://127.0.0.1:{running.ports.self_metrics}/metrics",
            "health": f"http://127.0.0.1:{running.ports.health}/",
            "runbooks": f"{running.runbooks}/index.md",
        }
    )


def _baseline(story: Story) -> None:
    """A healthy fleet for half a minute, in numbers."""
    story.tell.chapter("A healthy fleet")
    with story.tell.waiting("waiting for the first numbers"):
        wait_healthy(own(story.running), min(HEALTHY_SECONDS, story.left()))
        while time.monotonic() - story.ready < BASELINE_SECONDS and story.left():
            story.tell.now(figures.read(story.running.prometheus.url, figures.FLEET))
            time.sleep(_POLL_SECONDS)
    story.tell.line("fleet", figures.read(story.running.prometheus.url, figures.FLEET))
    story.tell.line("collector", figures.read(story.running.prometheus.url, figures.COLLECTOR))


def _incident(story: Story) -> bool:
    """Break two things and wait for the two pages; whether the decisive one came."""
    violation, outage = faults.compliance(), faults.action_failure(100)
    story.tell.chapter(f"Two faults, {time.monotonic() - story.ready:.0f} s after the servers")
    injected = time.time()
    for fault in (violation, outage):
        faults.inject(fault, story.crew)
        story.tell.fault(fault.injection)
    arrived = _await(story, COMPLIANCE, injected, PAGE_SECONDS)
    _await(story, BURN, injected, BURN_SECONDS)
    return arrived


def _await(story: Story, wanted: tuple[str, str], injected: float, seconds: float) -> bool:
    alert, team = wanted
    deadline = time.time() + min(injected + seconds - time.time(), story.left())
    page: Page | None = None
    with story.tell.waiting(f"waiting for {alert}"):
        while page is None and (now := time.time()) < deadline:
            story.tell.now(f"{now - injected:.0f} s, waiting for {alert} to reach {team}")
            page = story.running.webhooks.wait(
                lambda page: page.firing and (page.alert, page.team) == wanted, _POLL_SECONDS
            )
    if page is None:
        story.tell.complaint(f"{alert} did not reach {story.team(team)} in time")
        return False
    _show_page(story, page, injected)
    return True


def _show_page(story: Story, page: Page, injected: float) -> None:
    link = page.annotations.get("runbook_url", "")
    lines = {
        "what": page.annotations.get("summary", ""),
        "": page.annotations.get("description", ""),
        "told": f"{story.team(page.team)}, {page.at - injected:.1f} s after the fault",
        "severity": page.labels.get("severity", ""),
        "runbook": f"{link}  ({_opens(link)})",
    }
    tier = page.labels.get("slo_tier")
    if tier:
        lines["tier"] = f"{tier} of {page.labels.get('budget_id', '')}"
        lines["budget"] = figures.read(story.running.prometheus.url, figures.BUDGET)
    story.tell.page(f"PAGE  {page.alert}", {name: words for name, words in lines.items() if words})


def _conclude(story: Story, *, arrived: bool) -> None:
    elapsed = time.monotonic() - story.ready
    alert, team = COMPLIANCE
    if arrived:
        story.tell.verdict(
            f"{alert} reached {story.team(team)}, {elapsed:.0f} s after the servers were ready",
            good=True,
        )
    else:
        story.tell.verdict(f"{alert} did not reach {story.team(team)}", good=False)
    story.tell.line("collector", figures.read(story.running.prometheus.url, figures.COLLECTOR))


def _linger(story: Story) -> None:
    """Stay, so that one can look around; until the time is over or Ctrl-C."""
    until = "Ctrl-C" if story.limit is None else f"{story.limit:.0f} s after the servers"
    story.tell.line("running", f"until {until}; then everything is stopped and removed")
    with story.tell.waiting("running"):
        while left := story.left():
            story.tell.now(figures.read(story.running.prometheus.url, figures.FLEET))
            time.sleep(min(_POLL_SECONDS, left))


def _opens(link: str) -> str:
    """Whether a link leads somewhere."""
    try:
        with urllib.request.urlopen(link, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - loopback
            return f"opens, {len(answer.read()) / 1000:.1f} kB"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"does not open: {error}"


def _titles(running: Stack) -> dict[str, str]:
    """The titles of the teams, as the files have them."""
    titles: dict[str, str] = {}
    for path in sorted(running.tree.specs.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            if isinstance(document, dict) and document.get("kind") == "Team":
                metadata = document["metadata"]
                titles[metadata["name"]] = metadata.get("title", metadata["name"])
    return titles
