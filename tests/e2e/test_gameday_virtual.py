"""Game days in virtual time on real servers: what fires, who is told, what happens without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.gameday.runner import FINE
from alerts.gameday.virtual.coverage import alerts, title, unproven, without
from alerts.gameday.virtual.day import Day, outcomes, play
from alerts.gameday.virtual.matrix import cases
from slo import servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

FEW = ("R1", "R2b", "R3-auth", "R4", "F1", "F5", "M2-100", "S-collector", "N-heartbeat", "N-blip")
EVERYTHING = "FLEETSLO_GAMEDAY_ALL"


def needed() -> None:
    for tool in ("prometheus", "promtool", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")


@pytest.fixture(scope="module")
def day() -> Day:
    needed()
    known = cases()
    chosen = known if os.environ.get(EVERYTHING) else [each for each in known if each.id in FEW]
    return play(chosen, 20, lambda _: None)


def test_every_alert_fires_in_time_and_reaches_its_team_once(day: Day) -> None:
    failed = {each.scenario.id: each for each in outcomes(day) if not each.passed}

    assert failed == {}


def test_a_page_that_a_cause_holds_back_wakes_nobody(day: Day) -> None:
    told = (day.told or {})["F1"]

    assert "ActionConflicts" not in {page.alert for page in told.pages}
    assert "ActionConflicts" in {each.labels["alertname"] for each in told.held if each.suppressed}


def test_what_must_wake_nobody_wakes_nobody(day: Day) -> None:
    for case in day.cases:
        if not case.scenario.expected:
            assert (day.told or {})[case.id].pages == ()


def test_without_an_alert_the_scenario_that_expects_it_fails(day: Day) -> None:
    for case in day.cases:
        for expected in case.scenario.expected:
            rule = next(one.rule for one in day.fired[case.id] if expected.is_meant(one.labels))
            off = {each.scenario.id: each for each in outcomes(without(day, rule))}
            assert not off[case.id].passed, title(rule)


def test_an_alert_that_no_scenario_expects_is_said_to_be_unproven(day: Day) -> None:
    missing = set(unproven(day))
    proven = {title(rule) for rule in alerts(day)} - missing

    assert {"ComplianceViolationDetected", "SplitBrain", "OrchestratorUnhealthy"} <= proven
    if os.environ.get(EVERYTHING):
        assert missing == set()


def test_rules_of_ones_own_are_tried_as_they_are(tmp_path: Path) -> None:
    needed()
    (tmp_path / "mine.yaml").write_text(
        "groups:\n- name: mine\n  interval: 15s\n  rules:\n"
        "  - alert: SplitBrain\n    expr: mas_leader_count > 1\n    for: 30s\n"
        "    labels: {severity: page, team: core-engineering}\n",
        "utf-8",
    )
    chosen = [each for each in cases() if each.id == "F1"]

    (outcome,) = outcomes(play(chosen, 20, lambda _: None, tmp_path))

    verdicts = {each.expected.alert: each.verdict in FINE for each in outcome.found}
    assert verdicts["SplitBrain"]
    assert not verdicts["ActionConflicts"]


def test_rules_that_do_not_load_end_with_the_words_of_promtool(tmp_path: Path) -> None:
    needed()
    (tmp_path / "mine.yaml").write_text(
        "groups:\n- name: mine\n  rules:\n  - {alert: A, expr: 'sum(('}\n", "utf-8"
    )
    code = "from slo.cli import main; main()"
    command = [sys.executable, "-c", code, "gameday", "F1", "--against", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert "promtool does not load the rules" in done.stderr
    assert "parse error" in done.stderr
