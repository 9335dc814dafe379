"""Incidents and the week, read from a real Prometheus that holds a made-up past."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.cli.app import run
from slo.exact import Duration
from slo.replay.engine import Replay, Story, replay
from slo.replay.series import Samples
from slo.servers import find
from tests.front_end import TEAM, alert_text

pytestmark = pytest.mark.servers

HOUR = 3_600
START = 1_790_000_100
BURN = {
    "alertname": "AgentFleetActionSuccessBurn",
    "alertstate": "firing",
    "severity": "page",
    "slo_tier": "fast",
    "slo_id": "agent-fleet-action-success",
    "service": "agent-fleet",
    "team": "core-engineering",
    "root_cause": "agent-fleet-action-success",
    "gen_ai_agent_name": "coder",
}
QUEUE = {
    **BURN,
    "alertname": "QueueStuck",
    "slo_tier": "",
    "slo_id": "",
    "root_cause": "queue",
    "gen_ai_agent_name": "planner",
}
LONELY = {**QUEUE, "alertname": "Lonely", "root_cause": "other", "gen_ai_agent_name": "reviewer"}

GUARD = {"mas_policy_name": "guard"}
WEB = {"mas_service_tier": "web"}
AGENTS = {"job": "fleetslo-agents"}


def series(name: str, labels: dict[str, str], *stretches: tuple[int, int, float, float]) -> Samples:
    """A series every 15 s: stretches of first second, last, first value and rise per sample."""
    points = [
        (START + at, first + rise * number)
        for begin, end, first, rise in stretches
        for number, at in enumerate(range(begin, end + 1, 15))
    ]
    clean = {label: text for label, text in labels.items() if text}
    return Samples(name, clean, [at for at, _ in points], [value for _, value in points])


PAST = (
    series("ALERTS", BURN, (HOUR, HOUR + 600, 1, 0)),
    series("ALERTS", QUEUE, (HOUR + 300, HOUR + 900, 1, 0)),
    series("ALERTS", LONELY, (HOUR, HOUR + 60, 1, 0)),
    series("ALERTS", {**LONELY, "alertstate": "pending"}, (0, HOUR - 15, 1, 0)),
    series("mas_policy_revision", GUARD, (0, 3_300, 3, 0), (3_315, 9_000, 4, 0)),
    series("mas_deployments_total", WEB, (0, 3_000, 2, 0), (3_015, 9_000, 3, 0)),
    series("up", AGENTS, (0, 3_900, 1, 0), (3_915, 4_200, 0, 0), (4_500, 9_000, 1, 0)),
    series(
        "mas_agent_handoffs_total",
        {"mas_source_agent": "planner", "mas_target_agent": "coder"},
        (0, 9_000, 0, 1),
    ),
)


def available() -> None:
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus is not to be had: run `make servers`")


@pytest.fixture(scope="module")
def past() -> Iterator[Replay]:
    available()
    with replay(Story(START, START + 9_000)) as playing:
        playing.load(PAST)
        yield playing


def asked(past: Replay) -> list[str]:
    return ["--prometheus", past.server.url, "--until", "2026-09-21T17:00:00Z", "--last", "4h"]


def test_neighbours_are_one_incident_and_a_stranger_is_another(
    past: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["incident", "list", *asked(past)]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]

    assert [line.split(" | ")[3:] for line in lines] == [
        ["agent-fleet-action-success", "2", "2 |"],
        ["other", "1", "1 |"],
    ]


def test_an_export_has_alerts_changes_before_them_and_gaps(past: Replay, tmp_path: Path) -> None:
    for form in ("json", "markdown"):
        out = ["--format", form, "--out", str(tmp_path), "--number", "1"]
        assert run(["incident", "export", *asked(past), *out]) == 0
    found = json.loads((tmp_path / "incident-001.json").read_text())

    assert found["starts"] == pytest.approx(START + HOUR, abs=30)
    assert found["ends"] == pytest.approx(START + HOUR + 900, abs=30)
    assert [(each["kind"], each["text"]) for each in found["events"]] == [
        ("deployment", "web: 1"),
        ("policy", "guard: revision 3 to 4"),
    ]
    assert found["policies"] == {"guard": "4"}
    _before, down, dark = found["telemetry_gaps"]
    assert (down["text"], down["starts"]) == (
        "fleetslo-agents did not answer",
        pytest.approx(START + 3_915, abs=30),
    )
    assert dark["text"].startswith("nothing was scraped")
    assert dark["ends"] == pytest.approx(START + 4_500, abs=30)
    text = (tmp_path / "incident-001.md").read_text()
    assert text.index("guard: revision 3 to 4") < text.index("QueueStuck page planner")


def test_a_stated_cause_joins_what_is_otherwise_apart(
    past: Replay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "specs.yaml"
    lonely = alert_text("Lonely", more="  depends_on: [QueueStuck]\n")
    specs.write_text(f"{alert_text()}---\n{lonely}---\n{TEAM}", "utf-8")

    assert run(["incident", "list", *asked(past), "--specs", str(specs)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_an_incident_that_does_not_exist_is_said_to_be_so(
    past: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_code(["incident", "export", *asked(past), "--number", "9"]) == 1
    assert "there is no incident 9" in capsys.readouterr().err


def run_code(arguments: list[str]) -> int:
    try:
        return run(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize("command", [["incident", "list"], ["report", "weekly"]])
def test_a_prometheus_that_does_not_answer_is_no_verdict(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_code([*command, "--prometheus", "http://127.0.0.1:9"]) == 4
    assert "cannot tell" in capsys.readouterr().err


def test_the_weekly_report_tells_errors_changes_and_what_was_spent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    available()
    week = range(START - 14 * 24 * HOUR, START + 1, 300)

    def steady(name: str, rise: float, first: float = 0.0, **labels: str) -> Samples:
        values = [first + rise * number for number in range(len(week))]
        return Samples(name, labels, list(week), values)

    agent = {"gen_ai_agent_name": "coder"}
    users = {"mas_action_outcome": "failure", "mas_error_attribution": "user"}
    per_week = 7 * 24 * 12
    budget = {"slo_id": "agent-fleet-action-success", **agent}
    samples = (
        steady("mas_agent_actions_total", 4, mas_action_outcome="success", **agent),
        steady("mas_agent_actions_total", 1, mas_action_outcome="failure", **agent),
        # What a user caused is no failure, and what was called off no action.
        steady("mas_agent_actions_total", 5, **users, **agent),
        steady("mas_agent_actions_total", 30, mas_action_outcome="cancelled", **agent),
        steady("slo:sli_errors:avg5m", 0, 0.02, **budget),
        steady("slo:sli_total:avg5m", 0, 1.0, **budget),
        steady("slo:objective:ratio", 0, 0.99, slo_id=budget["slo_id"]),
        steady("slo:error_budget_remaining:ratio", -0.25 / per_week, 0.75, **budget),
    )
    with replay(Story(week[0], week[-1], Duration.seconds(300))) as playing:
        playing.load(samples)
        until = "2026-09-21T14:15:00Z"
        assert run(["report", "weekly", "--prometheus", playing.server.url, "--until", until]) == 0
    text = capsys.readouterr().out

    assert text.startswith("# Week 2026-09-14 to 2026-09-21\n")
    agents = next(line for line in text.splitlines() if line.startswith("| coder "))
    assert agents.split(" | ")[2:] == ["10 %", "10 % |"]
    spent = next(line for line in text.splitlines() if "action-success coder" in line)
    assert spent.split(" | ")[1:] == ["99 %", "2 %", "25 %", "25 % |"]
    assert "No policy, version or deployment changed." in text
