"""What a game day knows and says, without servers."""

from __future__ import annotations

import io
import json
import random
import socket
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from alerts.gameday import demo, report
from alerts.gameday.ask import Held
from alerts.gameday.command import gameday
from alerts.gameday.faults import Kill, Outage, Stall, all_faults
from alerts.gameday.fleet.charge import Charge
from alerts.gameday.fleet.conditions import Conditions
from alerts.gameday.fleet.crew import Crew, FleetError
from alerts.gameday.fleet.reach import unreachable
from alerts.gameday.fleet.topology import LLM, PLATFORM
from alerts.gameday.library import Library, document
from alerts.gameday.live import Manner
from alerts.gameday.narrator import Narrator
from alerts.gameday.runner import Found, Outcome, Verdict, due_seconds, joined
from alerts.gameday.scenarios import Expected, Scenario, after, scenarios, share
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC
from alerts.gameday.tree import Ports, hurried
from alerts.gameday.webhook import Page, Webhooks, pages
from slo import names
from slo.model import Severity

SCENARIOS = scenarios(COMPACT)


def shipped() -> dict[str, dict[str, str]]:
    """Alert name to `severity` and `team`, of the starter files."""
    found: dict[str, dict[str, str]] = {}
    for path in resources.files("alerts.operational").joinpath("alerts").iterdir():
        for each in yaml.safe_load_all(path.read_text("utf-8")):
            spec = each["spec"]
            found[each["metadata"]["name"]] = {"severity": spec["severity"], "team": spec["owner"]}
            escalation = spec["runbook"].get("escalation", {})
            if "expr" in escalation:
                found[names.escalated(each["metadata"]["name"])] = {
                    "severity": spec["severity"],
                    "team": escalation["team"],
                }
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.id for scenario in SCENARIOS])
def test_what_a_scenario_expects_is_what_the_starter_files_promise(scenario: Scenario) -> None:
    known = shipped()
    for expected in scenario.expected:
        if expected.alert == names.burn_alert("agent-fleet", "action-success"):
            continue
        assert known[expected.alert] == {
            "severity": expected.severity.value,
            "team": expected.team,
        }
    assert set(scenario.forbidden) <= set(known)


def test_the_runbooks_incidents_and_the_guides_failure_modes_are_all_there() -> None:
    ids = {scenario.id for scenario in SCENARIOS}

    assert {"R1", "R2", "R2b", "R3", "R4", "F1", "F2", "F3", "F4", "F5"} <= ids
    assert len(ids) == len(SCENARIOS)


def test_every_command_of_every_fault_is_understood_by_the_processes_that_get_it() -> None:
    processes = {process.name for process in COMPACT.processes()} | {LLM, PLATFORM}
    for fault in all_faults(COMPACT):
        for step in fault.steps:
            if isinstance(step, Kill):
                assert step.process in processes
                continue
            if isinstance(step, Outage | Stall):
                assert fault.needs_stage
                continue
            for pattern in step.processes:
                assert any(name.startswith(pattern.rstrip("*")) for name in processes)
            if step.do != "publish-policy":
                Conditions().obey({"do": step.do, **dict(step.words)})


def test_a_ratio_crosses_its_threshold_sooner_after_a_short_baseline() -> None:
    crossing = share(0.05, 0.3)

    assert crossing(60.0) == pytest.approx(12.0)
    assert crossing(3600.0) == pytest.approx(50.0)
    assert share(0.05, 0.05)(60.0) == 300.0


def test_the_time_due_is_detection_and_for_and_half_the_way() -> None:
    expected = Expected("SplitBrain", "core-engineering", Severity.PAGE, after(15.0))

    assert due_seconds(expected, {"SplitBrain": [30.0, 60.0]}, 45.0, 16.0) == 15.0 + 30.0 + 8.0


def page(alert: str = "SplitBrain", team: str = "core-engineering", at: float = 10.0) -> Page:
    return Page(team, at, "firing", {"alertname": alert}, {}, "", {})


def notification(*names_: str) -> dict[str, object]:
    return {
        "version": "4",
        "groupLabels": {"root_cause": "x"},
        "alerts": [
            {"status": "firing", "labels": {"alertname": name}, "annotations": {}, "startsAt": ""}
            for name in names_
        ],
    }


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return int(answer.status)


def test_a_webhook_tells_which_team_was_told_of_what() -> None:
    with Webhooks() as hooks:
        body = json.dumps(notification("SplitBrain", "ActionConflicts")).encode()

        assert post(f"http://{hooks.address}/core-engineering", body) == 200

        first = hooks.wait(lambda page: page.alert == "ActionConflicts", 5.0)
        assert first is not None
        assert (first.team, first.firing, first.group) == (
            "core-engineering",
            True,
            {"root_cause": "x"},
        )
        assert [each.alert for each in hooks.received()] == ["SplitBrain", "ActionConflicts"]


def test_what_is_no_notification_is_refused_or_empty() -> None:
    with Webhooks() as hooks, pytest.raises(urllib.error.HTTPError) as refused:
        post(f"http://{hooks.address}/x", b"{")
    refused.value.close()

    assert refused.value.code == 400
    assert pages("x", 0.0, [1]) == []
    assert pages("x", 0.0, {"alerts": "none"}) == []


def test_nobody_waits_longer_than_they_said() -> None:
    with Webhooks() as hooks:
        assert hooks.wait(lambda _: True, 0.01) is None


def test_a_runbook_link_opens_and_nothing_outside_of_the_folder_does(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "SplitBrain.md").write_text("# SplitBrain")

    with (
        Library(folder) as library,
        urllib.request.urlopen(f"{library.url}/SplitBrain.md", timeout=5) as answer,
    ):
        assert answer.read() == b"# SplitBrain"
    assert document(folder, "/runbooks/../secret.txt") is None
    assert document(folder, "/runbooks/%2e%2e/secret.txt") is None
    assert document(folder, "/SplitBrain.md") is None


def test_ports_are_free_and_different_and_stand_for_the_defaults() -> None:
    ports = Ports.pick()
    moved = ports.moved()

    assert len(set(moved.values())) == 8
    assert moved["port: 8888"] == f"port: {ports.self_metrics}"
    assert moved["127.0.0.1:4317"] == f"127.0.0.1:{ports.grpc}"


def test_only_the_waits_of_alertmanager_are_hurried() -> None:
    text = "group_wait: 30s\n  group_wait: 0s\ngroup_interval: 5m\n  group_wait: 5m\n"

    assert (
        hurried(text) == "group_wait: 1s\n  group_wait: 0s\ngroup_interval: 5m\n  group_wait: 1s\n"
    )


def outcome(verdict: Verdict, *, forbidden: tuple[str, ...] = (), error: str = "") -> Outcome:
    scenario = next(each for each in SCENARIOS if each.id == "F1")
    took = None if verdict is Verdict.MISSING else 47.0
    found = Found(scenario.expected[0], 53.0, took, ("core-engineering",), verdict)
    return Outcome(scenario, (found,), forbidden, (("Oscillation", "platform"),), error)


def test_a_report_has_a_row_for_each_expectation_and_says_what_else_came() -> None:
    text = report.markdown([outcome(Verdict.MET)])

    assert "1 of 1 scenario passed" in text
    assert "Half of the pages" not in text
    assert "| SplitBrain | core-engineering | 53 s | 47 s | met |" in text
    assert "F1: also told: Oscillation (platform)." in text


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (outcome(Verdict.MISSING), "SplitBrain did not reach core-engineering"),
        (outcome(Verdict.WRONG_TEAM), "wrong team"),
        (outcome(Verdict.MET, forbidden=("StalePolicy",)), "StalePolicy came and must not"),
        (outcome(Verdict.MET, error="the fleet was not healthy"), "the fleet was not healthy"),
    ],
)
def test_junit_says_why_a_scenario_failed(failed: Outcome, why: str) -> None:
    suite = ET.fromstring(report.junit([failed, outcome(Verdict.MET)]))

    failure = suite.find("testcase/failure")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert failure is not None
    assert why in failure.get("message", "")


def test_an_unknown_scenario_is_refused_with_the_nearest() -> None:
    done = CliRunner().invoke(gameday, ["R44"])

    assert done.exit_code == 2
    assert "unknown scenario 'R44', did you mean R4?" in done.output


def test_a_table_that_is_not_there_is_said_before_anything_is_played(tmp_path: Path) -> None:
    done = CliRunner().invoke(gameday, ["--all", "--virtual", "--table", str(tmp_path / "x.md")])

    assert done.exit_code == 2
    assert "does not exist" in done.output


def test_the_list_names_every_scenario_with_its_alerts_and_teams() -> None:
    done = CliRunner().invoke(gameday, ["--list"])

    assert done.exit_code == 0
    for scenario in SCENARIOS:
        assert scenario.fault.injection in done.output
        assert all(expected.alert in done.output for expected in scenario.expected)


def test_without_servers_a_game_day_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FLEETSLO_SERVERS", str(tmp_path))

    done = CliRunner().invoke(gameday, ["R4"])

    assert done.exit_code == 4
    assert "make servers" in done.output


def test_without_servers_the_demo_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FLEETSLO_SERVERS", str(tmp_path))

    assert demo.main() == 4
    assert "make servers" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["x", "0", "-3", "nan", "inf"])
def test_demo_seconds_must_be_a_number_above_zero(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEMO_SECONDS", text)

    assert demo.main() == 2
    assert f"DEMO_SECONDS must be a number above 0, got '{text}'" in capsys.readouterr().out


def test_without_a_terminal_nothing_moves_and_nothing_is_coloured() -> None:
    sink = io.StringIO()
    tell = Narrator(Console(file=sink, width=60, highlight=False))

    tell.title("fleetslo", "words")
    with tell.waiting("starting"):
        tell.now("still starting")
    tell.links({"Prometheus": "http://127.0.0.1:9090"})
    tell.page("PAGE  X", {"what": "a long line that is wider than the console, and is kept whole"})
    tell.verdict("X reached Y", good=True)

    text = sink.getvalue()
    assert "\x1b" not in text
    assert "still starting" not in text
    assert "a long line that is wider than the console, and is kept whole" in text
    assert "http://127.0.0.1:9090" in text


def test_a_fleet_that_cannot_reach_the_collector_says_so_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        charge = Charge(
            name="",
            grpc=address,
            http=f"http://{address}",
            traffic=COMPACT_TRAFFIC,
            topology=COMPACT,
        )

        with pytest.raises(FleetError, match=f"cannot reach the collector: {address}"):
            Crew(charge).start()
        assert unreachable(f"http://{address}").startswith(address)


def test_a_charge_survives_the_way_through_a_pipe() -> None:
    charge = Charge(
        name="guards",
        grpc="127.0.0.1:1",
        http="http://127.0.0.1:2",
        traffic=Manner(5, day_seconds=600.0).traffic,
        topology=COMPACT,
        broker_port=3,
        push_seconds=2.5,
    )

    assert Charge.read(charge.frame()) == charge
    process = charge.process()
    assert process is not None
    assert {spec.name for spec in process.agents} == {"policy-agent", "remediation-agent"}


def test_an_alert_that_joins_a_notification_has_reached_those_who_were_woken_by_it() -> None:
    labels = {"alertname": "SplitBrain", "root_cause": "leadership"}
    expected = next(each for each in SCENARIOS if each.id == "F1").expected[0]
    held = [Held(labels, ("fleetslo-core-engineering-page",), suppressed=False)]
    told = Page("core-engineering", 1.0, "firing", {}, {}, "", {"root_cause": "leadership"})

    assert joined(expected, held, [told]) == ("core-engineering",)
    assert joined(expected, held, [replace(told, team="operations")]) == ()
    assert joined(expected, held, [replace(told, group={"root_cause": "other"})]) == ()
    assert joined(expected, [replace(held[0], suppressed=True)], [told]) == ()


def test_a_scenario_that_could_not_run_is_no_scenario_that_expects_nobody() -> None:
    scenario = next(each for each in SCENARIOS if each.id == "F1")

    row = report.table([Outcome(scenario, (), (), (), "the fleet was not healthy")])[-1]

    assert "| SplitBrain | core-engineering |  |  | not run |" in row


def test_a_day_of_a_live_fleet_has_the_nights_and_weekends_of_the_virtual_one() -> None:
    lively = Manner(day_seconds=600.0).traffic
    lifelike = replace(lively, pace=1.0)
    hour = 600.0 / 24

    assert Manner().traffic == COMPACT_TRAFFIC
    assert lively.arrivals(0.0) == pytest.approx(lively.tasks_per_second * 0.5)
    assert lively.arrivals(12 * hour) == pytest.approx(lively.tasks_per_second * 1.5)
    assert lively.arrivals(5.5 * 600) == pytest.approx(lively.tasks_per_second * 1.5 * 0.4)
    for hours in range(0, 24 * 8, 5):
        assert lively.arrivals(hours * hour) == pytest.approx(lifelike.arrivals(hours * 3600.0))


def test_long_runs_of_a_live_fleet_are_those_of_its_own_day() -> None:
    lively = replace(Manner(day_seconds=600.0).traffic, long=1.0)
    lengths = [lively.pause(random.Random(seed)) for seed in range(500)]

    assert 600 / 144 <= min(lengths) < max(lengths) <= 10_800 / 144
    assert COMPACT_TRAFFIC.pause(random.Random(1)) == 0.0
