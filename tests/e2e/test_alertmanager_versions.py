"""What only later Alertmanagers have, on each that is to be had: it is refused or it works."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.routing.build import routing
from alerts.routing.emit import render
from alerts.routing.generator import GENERATOR
from alerts.routing.kinds import KINDS
from slo.diagnostic import Level
from slo.model import Compiled, Destination, DestinationKind, Settings, Severity
from slo.servers import alertmanager
from tests.alert_projects import place, project, slo, team
from tests.live_alertmanager import Live, firing, quick
from tests.recorder import Recorder
from tests.releases import Release

pytestmark = pytest.mark.servers

TOKEN = "T0123456789ABCDEFGHIJKLMN"  # a part of a path that nobody else knows


def secretive(kept: Recorder, folder: Path, version: tuple[int, int]) -> Compiled:
    """A team whose every address is a secret in a file, by what came with 0.26 and 0.28."""
    found: list[Destination] = []
    for kind, key in (
        (DestinationKind.WEBHOOK, "url_file"),
        (DestinationKind.MSTEAMS, "webhook_url_file"),
    ):
        secret = folder / kind.value
        secret.write_text(f"{kept.url}/{kind.value}/{TOKEN}", "utf-8")
        found.append(Destination(kind, tuple(Severity), {key: str(secret)}, place()))
    settings = Settings(
        default_owner="platform",
        external_labels={"cluster": "prod"},
        alertmanager_version=version,
    )
    return project(teams=(team("platform", *found),), slos=(slo("a"),), settings=settings)


def test_a_secret_address_in_a_file_works_where_it_can_and_is_an_error_where_it_cannot(
    kept: Recorder, release: Release, tmp_path: Path
) -> None:
    compiled = secretive(kept, tmp_path, release.version)
    errors = [each for each in GENERATOR.check(compiled) if each.level is Level.ERROR]
    if release.version < KINDS[DestinationKind.MSTEAMS].since:
        assert [each.code for each in errors] == ["ALM006", "ALM006"]
        assert all("0.26" in each.text or "0.28" in each.text for each in errors)
        return

    assert errors == []
    built = routing(compiled)
    built = replace(built, root=quick(built.root))
    for file in GENERATOR.generate(compiled):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    config = tmp_path / "alertmanager" / "alertmanager.yml"
    config.write_text(render(built, release.version), "utf-8")
    assert TOKEN not in config.read_text("utf-8")
    page = next(each for each in firing(compiled) if each.get("slo_tier") == "fast")
    with alertmanager(tmp_path, config) as server:
        Live(server, kept, built).fire(page)
        kept.wait(lambda: all(kept.at(f"{kind}/{TOKEN}") for kind in ("webhook", "msteams")))

    assert kept.at(f"webhook/{TOKEN}")[0]["alerts"][0]["labels"]["slo_tier"] == "fast"
    card = json.dumps(kept.at(f"msteams/{TOKEN}")[0])
    assert "[PAGE] AgentFleetABurn happens (prod)" in card
    assert "62 % of the budget is left" in card
    assert "/runbooks/AgentFleetABurn.md" in card


def test_inhibitions_have_names_where_names_are_known(
    kept: Recorder, release: Release, tmp_path: Path
) -> None:
    compiled = secretive(kept, tmp_path, release.version)
    config = tmp_path / "alertmanager.yml"
    config.write_text(render(routing(compiled), release.version), "utf-8")
    named = "name: page-over-ticket" in config.read_text("utf-8")

    assert named is (release.version >= (0, 30))
    if release.version < (0, 28):
        return  # it has no Microsoft Teams, and refuses the whole file
    with alertmanager(tmp_path, config) as server:
        assert server.url
