"""Calendar windows: boundaries of real zones, and the one series that tells the last one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slo.model import Calendar, RecordRule
from slo.rules import OWN_SERVICE, compile_project
from slo.rules.calendar import CALENDAR_START, TABLE_ENDS, boundaries
from tests.rule_projects import make_project, make_slo

BERLIN = Calendar("month", "Europe/Berlin")


def moments(window: Calendar) -> list[datetime]:
    return [datetime.fromtimestamp(moment, UTC) for moment in boundaries(window)]


def test_a_month_starts_at_midnight_of_its_zone_in_summer_and_in_winter() -> None:
    found = moments(BERLIN)

    assert datetime(2026, 6, 30, 22, tzinfo=UTC) in found
    assert datetime(2026, 10, 31, 23, tzinfo=UTC) in found


@pytest.mark.parametrize(
    ("period", "longest"), [("week", 7), ("month", 31), ("quarter", 92), ("year", 366)]
)
def test_boundaries_follow_each_other_without_a_gap(period: str, longest: int) -> None:
    found = moments(Calendar(period, "America/New_York"))

    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert max(gaps) <= timedelta(days=longest, hours=1)
    assert min(gaps) >= timedelta(days=7, hours=-1)


def test_a_week_starts_on_monday() -> None:
    assert {moment.weekday() for moment in moments(Calendar("week", "UTC"))} == {0}


def test_one_series_serves_every_slo_of_the_same_calendar() -> None:
    project = make_project(
        make_slo("one", window=BERLIN),
        make_slo("two", window=BERLIN),
        make_slo("three", window=Calendar("week", "UTC")),
    )

    (own,) = [file for file in compile_project(project).rule_files if file.service == OWN_SERVICE]

    (calendar,) = [group for group in own.groups if group.name == "fleetslo:calendar"]
    starts = [rule for rule in calendar.rules if isinstance(rule, RecordRule)]
    assert [rule.record for rule in starts] == [CALENDAR_START] * 2
    assert [rule.labels["calendar"] for rule in starts] == ["month", "week"]


def test_somebody_is_told_long_before_the_table_ends() -> None:
    compiled = compile_project(make_project(make_slo(window=BERLIN)))

    (rule,) = [rule for rule in compiled.alert_rules() if rule.name == TABLE_ENDS]
    moment = int(rule.expr.rpartition("> ")[2])
    last = boundaries(BERLIN)[-1]
    assert timedelta(seconds=last - moment) > timedelta(days=89)


def test_without_an_owner_of_all_somebody_with_a_calendar_is_told() -> None:
    slos = (make_slo("month", window=BERLIN), replace(make_slo("days"), owner="another-team"))
    project = make_project(*slos)
    nobody = replace(project, settings=replace(project.settings, default_owner=""))

    rules = compile_project(nobody).alert_rules()

    (rule,) = [rule for rule in rules if rule.name == TABLE_ENDS]
    assert rule.team == rule.labels["team"] == slos[0].owner


def test_without_calendar_windows_there_is_no_calendar() -> None:
    compiled = compile_project(make_project(make_slo()))

    assert CALENDAR_START not in compiled.record_names()
