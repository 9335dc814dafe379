"""Our routing inside of a user's own configuration, on a real Alertmanager."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.routing.build import routing
from alerts.routing.generator import GENERATOR
from alerts.routing.insert import inserted
from slo.model import UserFile
from slo.servers import alertmanager
from tests.alert_projects import place
from tests.live_alertmanager import Live, firing, open_fleet, quick
from tests.recorder import Recorder
from tests.releases import Release

pytestmark = pytest.mark.servers


def test_in_a_users_own_configuration_everybody_gets_what_is_theirs(
    tmp_path: Path, kept: Recorder, release: Release
) -> None:
    compiled = open_fleet(kept.url)
    built = routing(compiled)
    built = replace(built, root=quick(built.root))
    mine = {
        "route": {"receiver": "mine", "group_wait": "1s", "group_by": ["alertname"]},
        "receivers": [{"name": "mine", "webhook_configs": [{"url": f"{kept.url}/mine"}]}],
    }
    base = UserFile("mine.yml", json.dumps(mine), place())
    for file in GENERATOR.generate(compiled):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    config = tmp_path / "alertmanager" / "alertmanager.yml"
    config.write_text(inserted(base, built, release.version), "utf-8")
    burning = [
        labels
        for labels in firing(compiled)
        if labels.get("slo_id") == "agent-fleet-action-success" and "slo_tier" in labels
    ]
    theirs = {"alertname": "Theirs", "severity": "page", "team": "platform"}
    with alertmanager(tmp_path, config) as server:
        Live(server, kept, built).fire(*burning, theirs)
        kept.wait(lambda: bool(kept.at("mine") and kept.at("platform-page")))
        silent = [
            each["labels"]["slo_tier"]
            for each in Live(server, kept, built).known()
            if each["status"]["inhibitedBy"]
        ]

    assert kept.alerts("mine") == ["Theirs"]
    assert kept.alerts("platform-page") == ["AgentFleetActionSuccessBurn outage"]
    assert sorted(silent) == ["drift", "fast", "slow", "trend"]
