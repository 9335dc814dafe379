"""A running Alertmanager with what arrives from it, and projects for it."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from alerts.routing.inhibit import alert_labels
from alerts.routing.tree import Route, Routing
from slo.model import Compiled, WorkingHours
from slo.servers import Server
from tests.alert_projects import fleet
from tests.recorder import Recorder

Labels = dict[str, str]
ALWAYS = WorkingHours("monday:sunday", "00:00", "24:00", "Europe/Berlin")


class Live:
    """An Alertmanager and what arrives from it."""

    def __init__(self, server: Server, kept: Recorder, built: Routing) -> None:
        self.server, self.kept, self.built = server, kept, built

    def fire(self, *alerts: Labels, bare: bool = False, over: bool = False) -> None:
        """Post `alerts`; those that are `over` end at this moment."""
        ends = {"endsAt": datetime.now(UTC).isoformat()} if over else {}
        body = [
            {
                **ends,
                "labels": labels,
                "annotations": {}
                if bare
                else {
                    "summary": f"{labels['alertname']} happens",
                    "description": "It burns 14.4 times too fast, 62 % of the budget is left.",
                    "runbook_url": f"http://127.0.0.1:8085/runbooks/{labels['alertname']}.md",
                    "dashboard_url": "http://127.0.0.1:3000/d/fleetslo-on-call",
                },
            }
            for labels in alerts
        ]
        request = urllib.request.Request(
            f"{self.server.url}/api/v2/alerts",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def settle(self, path: str = "platform-page") -> None:
        """Return when all that was fired before must have left.

        What nobody owns waits twice as long as the rest, so its arrival is the proof.
        """
        self.fire({"alertname": "Later", "severity": "page"})
        self.kept.wait(lambda: "Later" in self.kept.alerts(path))

    def known(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.server.url}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


# Seconds instead of minutes; the catch-all inherits the root's, twice that of the others.
WAITS = {"0s": "0s", "10s": "1s", "15m": "1s", "30s": "2s"}


def quick(route: Route) -> Route:
    """The same tree with waits for a test."""
    waits = dict(route.waits)
    if "group_wait" in waits:
        waits["group_wait"] = WAITS[waits["group_wait"]]
    return replace(route, waits=waits, routes=tuple(quick(child) for child in route.routes))


def hurried(route: Route) -> Route:
    """`quick`, and what was held back is looked at again every second."""
    return _again_soon(quick(route))


def _again_soon(route: Route) -> Route:
    soon = {"group_interval": "1s"} if "group_interval" in route.waits else {}
    children = tuple(_again_soon(child) for child in route.routes)
    return replace(route, waits={**route.waits, **soon}, routes=children)


def firing(compiled: Compiled) -> list[Labels]:
    return [alert_labels(rule, {"cluster": "prod"}) for rule in compiled.alert_rules()]


def open_fleet(url: str) -> Compiled:
    """The fleet, with tickets delivered at any hour so that the clock decides nothing."""
    compiled = fleet(url)
    teams = tuple(replace(each, hours=ALWAYS) for each in compiled.project.teams)
    return replace(compiled, project=replace(compiled.project, teams=teams))
