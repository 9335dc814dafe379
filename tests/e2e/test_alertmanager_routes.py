"""A real Alertmanager on the generated configuration: who is told, once, and who is not."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from alerts.routing.build import routing
from alerts.routing.emit import render
from alerts.routing.generator import GENERATOR
from alerts.routing.inhibit import alert_labels
from alerts.routing.simulate import deliveries, inhibitors, receivers
from alerts.routing.tree import Route
from slo.model import (
    Compiled,
    Destination,
    DestinationKind,
    Maintenance,
    Settings,
    Severity,
    Team,
    WorkingHours,
)
from slo.rules import compile_project
from slo.servers import alertmanager
from tests.alert_projects import BOTH, alert, place, project, team, webhook
from tests.catalog_project import catalog_project
from tests.live_alertmanager import ALWAYS, Live, firing, hurried, open_fleet, quick
from tests.recorder import Recorder
from tests.releases import Release

pytestmark = pytest.mark.servers


class Start(Protocol):
    """Runs Alertmanager on the routing of a project, its waits changed."""

    def __call__(
        self, compiled: Compiled, waits: Callable[[Route], Route] = quick
    ) -> AbstractContextManager[Live]: ...


@pytest.fixture
def start(tmp_path: Path, kept: Recorder, release: Release) -> Start:
    @contextmanager
    def run(compiled: Compiled, waits: Callable[[Route], Route] = quick) -> Generator[Live]:
        built = routing(compiled)
        built = replace(built, root=waits(built.root))
        for file in GENERATOR.generate(compiled):
            path = tmp_path / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, "utf-8")
        config = tmp_path / "alertmanager" / "alertmanager.yml"
        config.write_text(render(built, release.version), "utf-8")
        with alertmanager(tmp_path, config) as server:
            yield Live(server, kept, built)

    return run


def test_with_everything_on_fire_the_server_does_what_the_simulator_says(
    start: Start, kept: Recorder
) -> None:
    compiled = open_fleet(kept.url)
    alerts = [*firing(compiled), {"alertname": "Stranger", "team": "nobody", "severity": "page"}]
    with start(compiled) as live:
        live.fire(*alerts)
        live.settle()

        for known in live.known():
            labels = known["labels"]
            names = tuple(each["name"] for each in known["receivers"])
            assert sorted(names) == sorted(receivers(live.built, labels))
            silencers = inhibitors(live.built, labels, [*alerts, labels])
            assert bool(known["status"]["inhibitedBy"]) is bool(silencers), labels
        assert len(live.known()) == len(alerts) + 1
        for path, body in kept.bodies:
            if path != "/platform-page":
                continue
            for each in body["alerts"]:
                keys = {way.group_key for way in deliveries(live.built, each["labels"])}
                assert body["groupKey"] in keys


def test_the_shipped_alerts_all_at_once_are_one_notification_per_root_cause(
    start: Start, kept: Recorder
) -> None:
    project_ = catalog_project()
    teams = tuple(
        replace(each, hours=ALWAYS, destinations=(webhook(f"{kept.url}/{each.name}"),))
        for each in project_.teams
    )
    compiled = compile_project(replace(project_, teams=teams))
    alerts = [alert_labels(rule, {}) for rule in compiled.alert_rules()]
    pages = [labels for labels in alerts if labels["severity"] == "page"]
    with start(compiled) as live:
        live.fire(*alerts)
        live.settle("operations")
        for known in live.known():
            silencers = inhibitors(live.built, known["labels"], alerts)
            assert bool(known["status"]["inhibitedBy"]) is bool(silencers), known["labels"]

    told = [
        (path, each["groupLabels"].get("root_cause"), each["alerts"][0]["labels"]["severity"])
        for path, each in kept.bodies
        if each["alerts"][0]["labels"]["alertname"] != "Later"
    ]
    # Neither twice, nor once as a page and once as a ticket.
    assert len(told) == len({(path, cause) for path, cause, _ in told})
    by_severity_only = len(pages)
    paged = [each for each in told if each[2] == "page"]
    assert len(paged) < by_severity_only / 2, (len(paged), by_severity_only)


def test_a_page_arrives_at_its_team_once_and_its_ticket_does_not(
    start: Start, kept: Recorder
) -> None:
    compiled = open_fleet(kept.url)
    burning = [
        labels
        for labels in firing(compiled)
        if labels.get("slo_id") == "agent-fleet-action-success" and "slo_tier" in labels
    ]
    with start(compiled) as live:
        live.fire(*burning)
        live.settle()

    assert len(burning) == 5
    assert kept.alerts("platform-page") == ["AgentFleetActionSuccessBurn outage", "Later"]
    assert kept.alerts("platform-ticket") == []
    assert kept.alerts("core") == kept.alerts("legal") == []


def test_a_ticket_that_a_page_held_back_is_delivered_when_the_page_is_over(
    start: Start, kept: Recorder
) -> None:
    compiled = open_fleet(kept.url)
    page, ticket = (
        labels
        for tier in ("fast", "trend")
        for labels in firing(compiled)
        if labels.get("slo_tier") == tier and labels["slo_id"] == "agent-fleet-action-success"
    )
    with start(compiled, hurried) as live:
        live.fire(page, ticket)
        live.settle()
        assert kept.alerts("platform-ticket") == []
        live.fire(page, over=True)
        kept.wait(lambda: bool(kept.alerts("platform-ticket")))

    assert kept.alerts("platform-ticket") == ["AgentFleetActionSuccessBurn trend"]


def test_a_ticket_alone_is_delivered(start: Start, kept: Recorder) -> None:
    compiled = open_fleet(kept.url)
    (ticket,) = (
        labels
        for labels in firing(compiled)
        if labels.get("slo_tier") == "trend" and labels["slo_id"] == "agent-fleet-action-success"
    )
    with start(compiled) as live:
        live.fire(ticket)
        kept.wait(lambda: kept.alerts("platform-ticket") != [])

    assert kept.alerts("platform-ticket") == ["AgentFleetActionSuccessBurn trend"]
    assert kept.alerts("platform-page") == []


def test_the_release_under_test_is_the_one_that_answers(
    start: Start, release: Release, kept: Recorder
) -> None:
    with (
        start(open_fleet(kept.url)) as live,
        urllib.request.urlopen(f"{live.server.url}/api/v2/status", timeout=10) as answer,
    ):
        version = json.load(answer)["versionInfo"]["version"]

    assert release.folder is None or version.startswith(str(release))


def test_ten_alerts_of_one_root_cause_are_one_notification(start: Start, kept: Recorder) -> None:
    storm = [
        {
            "alertname": "WorkerSlow",
            "severity": "page",
            "team": "platform",
            "root_cause": "queue",
            "cluster": "prod",
            "worker": str(number),
        }
        for number in range(10)
    ]
    with start(open_fleet(kept.url)) as live:
        live.fire(*storm)
        live.settle()

    about = [
        body
        for body in kept.at("platform-page")
        if body["groupLabels"].get("root_cause") == "queue"
    ]
    assert [len(body["alerts"]) for body in about] == [10]


def test_the_audit_gets_everything_and_swallows_nothing(start: Start, kept: Recorder) -> None:
    stranger = {"alertname": "Stranger", "severity": "page", "team": "nobody", "cluster": "prod"}
    legal = {
        "alertname": "ComplianceViolationDetected",
        "severity": "page",
        "team": "legal-and-compliance",
        "cluster": "prod",
    }
    with start(open_fleet(kept.url)) as live:
        live.fire(stranger, legal)
        live.settle()
        kept.wait(lambda: len(kept.at("audit")) >= 3 and len(kept.at("platform-page")) >= 2)

    assert kept.alerts("audit") == ["ComplianceViolationDetected", "Later", "Stranger"]
    assert kept.alerts("legal") == ["ComplianceViolationDetected"]
    # The catch-all goes to the default owner's page destination.
    assert kept.alerts("platform-page") == ["Later", "Stranger"]


def test_the_heartbeat_reaches_the_dead_mans_switch_alone(start: Start, kept: Recorder) -> None:
    with start(open_fleet(kept.url)) as live:
        live.fire({"alertname": "Watchdog", "severity": "none", "cluster": "prod"})
        kept.wait(lambda: kept.alerts("watchdog") == ["Watchdog"])
        live.settle()
        kept.wait(lambda: kept.alerts("audit") != [])

    assert kept.alerts("audit") == kept.alerts("platform-page") == ["Later"]


def other_day() -> str:
    """A day of the week that is neither today nor next to it, in any zone."""
    return (datetime.now(UTC) + timedelta(days=3)).strftime("%A").lower()


def test_outside_its_hours_a_team_gets_pages_and_no_tickets(start: Start, kept: Recorder) -> None:
    hours = WorkingHours(other_day(), "00:00", "24:00", "UTC")
    # Without a default owner, what nobody owns goes to both.
    teams = (
        team("closed", webhook(f"{kept.url}/closed"), hours=hours),
        team("open", webhook(f"{kept.url}/open"), hours=ALWAYS),
    )
    with start(project(teams=teams, settings=Settings())) as live:
        for owner in ("closed", "open"):
            for kind in BOTH:
                live.fire(
                    {
                        "alertname": f"A {kind.value}",
                        "severity": kind.value,
                        "team": owner,
                        "root_cause": kind.value,
                    }
                )
        live.settle("open")
        live.settle("closed")

    assert kept.alerts("open") == ["A page", "A ticket", "Later"]
    assert kept.alerts("closed") == ["A page", "Later"]


def test_a_maintenance_mutes_what_it_names_now_and_nothing_else(
    start: Start, kept: Recorder
) -> None:
    now = datetime.now(UTC)
    window = Maintenance(
        "upgrade",
        "an upgrade",
        "platform",
        (now - timedelta(hours=1)).isoformat(),
        (now + timedelta(hours=1)).isoformat(),
        {"service": "queue"},
        (),
        place(),
    )
    compiled = project(
        teams=(team("platform", webhook(f"{kept.url}/platform-page")),),
        alerts=(alert("A"),),
        maintenance=(window,),
    )
    base = {"alertname": "A", "severity": "page", "team": "platform"}
    with start(compiled) as live:
        live.fire(
            {**base, "service": "queue", "root_cause": "queue"},
            {**base, "service": "store", "root_cause": "store"},
        )
        live.settle()

    causes = [body["groupLabels"].get("root_cause") for body in kept.at("platform-page")]
    assert causes == ["store", None]


def talkative(kept: Recorder, secret: Path) -> Team:
    slack = Destination(
        DestinationKind.SLACK,
        (Severity.PAGE,),
        {"api_url": f"{kept.url}/slack", "channel": "#alerts"},
        place(),
    )
    pagerduty = Destination(
        DestinationKind.PAGERDUTY,
        (Severity.PAGE,),
        {"routing_key_file": str(secret), "url": f"{kept.url}/pagerduty"},
        place(),
    )
    return team("platform", slack, pagerduty)


def test_a_notification_says_what_burns_how_fast_what_is_left_and_what_to_do(
    start: Start, kept: Recorder, tmp_path: Path
) -> None:
    secret = tmp_path / "pagerduty"
    secret.write_text("k" * 32, "utf-8")
    burning = {
        "alertname": "AgentFleetActionSuccessBurn",
        "severity": "page",
        "team": "platform",
        "slo": "action-success",
        "slo_tier": "fast",
        "service": "agent-fleet",
        "root_cause": "agent-fleet:action-success",
        "cluster": "prod",
    }
    with start(project(teams=(talkative(kept, secret),))) as live:
        live.fire(burning)
        kept.wait(lambda: bool(kept.at("slack") and kept.at("pagerduty")))
        server = live.server.url

    (slack,) = kept.at("slack")[0]["attachments"]
    assert slack["title"] == "[PAGE] AgentFleetActionSuccessBurn happens (prod)"
    assert slack["title_link"].endswith("/runbooks/AgentFleetActionSuccessBurn.md")
    assert slack["color"] == "danger"
    for told in ("action-success of agent-fleet, tier fast", "14.4 times", "62 %", "What to do"):
        assert told in slack["text"]
    event = kept.at("pagerduty")[0]
    assert event["payload"]["severity"] == "critical"
    assert event["routing_key"] == "k" * 32
    assert event["payload"]["summary"] == slack["title"]
    assert [link["text"] for link in event["links"]] == ["runbook", "dashboard"]
    details = event["payload"]["custom_details"]
    assert "62 % of the budget is left" in details["what"]
    assert details["silence"].startswith(f"{server}/#/silences/new?filter=%7Broot_cause%3D%22")


def test_an_alert_with_nothing_but_a_name_is_told_too(
    start: Start, kept: Recorder, tmp_path: Path
) -> None:
    secret = tmp_path / "pagerduty"
    secret.write_text("k" * 32, "utf-8")
    with start(project(teams=(talkative(kept, secret),))) as live:
        live.fire({"alertname": "Stranger"}, bare=True)
        kept.wait(lambda: bool(kept.at("slack") and kept.at("pagerduty")))

    (slack,) = kept.at("slack")[0]["attachments"]
    assert slack["title"] == kept.at("pagerduty")[0]["payload"]["summary"] == "[ALERT] Stranger"
    assert "links" not in kept.at("pagerduty")[0]
