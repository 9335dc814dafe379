"""What an incident's export learns from a real Alertmanager, beside a Prometheus with a past."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from alerts.incidents.alertmanager import Alertmanager
from alerts.routing.build import routing
from alerts.routing.emit import render
from alerts.routing.generator import GENERATOR
from alerts.routing.inhibit import alert_labels
from slo.cli.app import cli
from slo.replay.engine import Replay, Story, replay
from slo.replay.series import Samples
from slo.servers import alertmanager, find
from tests.live_alertmanager import open_fleet
from tests.releases import Release, alertmanagers

pytestmark = pytest.mark.servers

HALF_AN_HOUR = 1_800
FIRING = ("OrchestratorUnhealthy", "QueueSlow")
COMPILED = open_fleet("http://127.0.0.1:9")


def labels_of(name: str) -> dict[str, str]:
    return next(alert_labels(r, {}) for r in COMPILED.alert_rules() if r.name == name)


@pytest.fixture(scope="module")
def past() -> Iterator[Replay]:
    """Both have fired for half an hour, and go on."""
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus is not to be had: run `make servers`")
    start = int(time.time()) // 15 * 15 - HALF_AN_HOUR
    at = [start + step for step in range(0, 2 * HALF_AN_HOUR, 15)]
    samples = [
        Samples("ALERTS", {**labels_of(name), "alertstate": "firing"}, at, [1.0] * len(at))
        for name in FIRING
    ]
    with replay(Story(start, at[-1])) as playing:
        playing.load(samples)
        yield playing


@dataclass(frozen=True)
class Answering:
    """An Alertmanager that holds both alerts, as they come with an external label."""

    url: str

    def post(self, path: str, body: object) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 200

    def silence(self, comment: str, seconds: float = 3_600.0) -> None:
        now = time.time()
        matcher = {"name": "cluster", "value": "prod", "isRegex": False, "isEqual": True}
        moments = {
            key: datetime.fromtimestamp(at, UTC).isoformat()
            for key, at in (("startsAt", now), ("endsAt", now + seconds))
        }
        body = {"matchers": [matcher], **moments, "createdBy": "ada", "comment": comment}
        self.post("silences", body)


@pytest.fixture(params=alertmanagers(), ids=str)
def answering(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Answering]:
    release: Release = request.param
    release.choose(monkeypatch)
    if find("alertmanager") is None:
        pytest.skip("alertmanager is not to be had: run `make servers`")
    for file in GENERATOR.generate(COMPILED):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    config = tmp_path / "alertmanager" / "alertmanager.yml"
    config.write_text(render(routing(COMPILED), release.version), "utf-8")
    with alertmanager(tmp_path, config) as server:
        running = Answering(server.url)
        running.post(
            "alerts", [{"labels": {**labels_of(name), "cluster": "prod"}} for name in FIRING]
        )
        yield running


def export(past: Replay, *more: str) -> Result:
    until = datetime.fromtimestamp(time.time() + 60, UTC).isoformat()
    asked = ["--prometheus", past.server.url, "--until", until, "--last", "1h"]
    return CliRunner().invoke(cli, ["incident", "export", *asked, *more])


def test_an_export_says_who_was_told_who_was_not_and_what_a_person_silenced(
    past: Replay, answering: Answering
) -> None:
    answering.silence("looking at it: ticket 7")
    report = export(past, "--alertmanager", answering.url, "--format", "json")
    assert report.exit_code == 0, report.output
    # What silences the other is its cause, so both are one incident.
    found = json.loads(report.output)

    assert len(found["alerts"]) == 2
    assert [(each["receiver"], each["alerts"]) for each in found["notifications"]] == [
        ("fleetslo-platform-page", ["OrchestratorUnhealthy"])
    ]
    (kept,) = found["kept_silent"]
    assert (kept["labels"]["alertname"], kept["because"]) == (
        "QueueSlow",
        ["OrchestratorUnhealthy fires"],
    )
    (silence,) = found["silences"]
    assert (silence["by"], silence["comment"]) == ("ada", "looking at it: ticket 7")
    assert silence["matchers"] == ['cluster="prod"']


def test_without_an_alertmanager_the_two_are_incidents_of_their_own(past: Replay) -> None:
    text = export(past).output

    assert text.count("# Incident: ") == 2
    assert "Who was told" not in text


def test_what_it_computes_of_now_is_what_the_server_says_of_now(answering: Answering) -> None:
    state = Alertmanager(answering.url).state()

    assert state.routing is not None
    assert state.external(frozenset(labels_of("QueueSlow"))) == {"cluster": "prod"}
    known = {each.labels["alertname"]: each for each in state.known}
    assert known["OrchestratorUnhealthy"].receivers == ("fleetslo-audit", "fleetslo-platform-page")
    deadline = time.monotonic() + 20
    while not known["QueueSlow"].inhibited_by and time.monotonic() < deadline:
        # The server notes an inhibition when it is asked for the alert, or would send it.
        known = {e.labels["alertname"]: e for e in Alertmanager(answering.url).state().known}
    assert known["QueueSlow"].inhibited_by == ("OrchestratorUnhealthy",)


def test_a_routing_that_is_somebody_elses_is_said_to_be_not_understood(
    past: Replay, tmp_path: Path
) -> None:
    if find("alertmanager") is None:
        pytest.skip("alertmanager is not to be had: run `make servers`")
    config = tmp_path / "mine.yml"
    mine = {
        "route": {"receiver": "mine", "routes": [{"match": {"a": "b"}, "receiver": "mine"}]},
        "receivers": [{"name": "mine"}],
    }
    config.write_text(yaml.safe_dump(mine), "utf-8")
    with alertmanager(tmp_path, config) as server:
        text = export(past, "--alertmanager", server.url, "--number", "1").output

    assert "Nobody can say: the routing that Alertmanager runs is not understood" in text


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        (
            "http://127.0.0.1:9",
            4,
            "cannot tell: http://127.0.0.1:9/api/v2/silences does not answer",
        ),
        ("alertmanager:9093", 2, "an Alertmanager is asked by http or https"),
    ],
)
def test_an_alertmanager_that_does_not_answer_is_no_verdict(
    past: Replay, url: str, code: int, told: str
) -> None:
    answer = export(past, "--alertmanager", url)

    assert (answer.exit_code, told in answer.output) == (code, True), answer.output


def test_something_else_that_answers_is_told_from_an_alertmanager(past: Replay) -> None:
    answer = export(past, "--alertmanager", past.server.url)

    assert answer.exit_code == 4
    assert "cannot tell" in answer.output
