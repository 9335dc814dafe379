"""Times are those of the zone, nights are split, dates are in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.routing.hours import contains, maintenance, working_hours
from alerts.routing.tree import Interval
from slo.model import Maintenance, WorkingHours
from tests.alert_projects import place, team

BERLIN = ZoneInfo("Europe/Berlin")


def office(weekdays: str, start: str, end: str, zone: str = "Europe/Berlin") -> Interval:
    interval = working_hours(team("platform", hours=WorkingHours(weekdays, start, end, zone)))
    assert interval is not None
    return interval


def window(starts: str, ends: str) -> Interval:
    return maintenance(
        Maintenance("upgrade", "why", "platform", starts, ends, {"service": "q"}, (), place())
    )


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        (datetime(2026, 1, 14, 9, 0, tzinfo=BERLIN), True),
        (datetime(2026, 1, 14, 8, 59, tzinfo=BERLIN), False),
        (datetime(2026, 1, 14, 16, 59, tzinfo=BERLIN), True),
        (datetime(2026, 1, 14, 17, 0, tzinfo=BERLIN), False),
        (datetime(2026, 1, 17, 12, 0, tzinfo=BERLIN), False),
        # The same hour of UTC is inside in summer and outside in winter.
        (datetime(2026, 7, 15, 7, 30, tzinfo=UTC), True),
        (datetime(2026, 1, 14, 7, 30, tzinfo=UTC), False),
    ],
)
def test_working_hours_follow_the_clock_on_the_wall(moment: datetime, open_: bool) -> None:
    assert contains(office("monday:friday", "09:00", "17:00"), moment) is open_


def test_a_night_shift_is_split_at_midnight_and_belongs_to_its_first_day() -> None:
    night = office("friday:saturday", "22:00", "06:00")

    assert contains(night, datetime(2026, 1, 16, 23, 0, tzinfo=BERLIN))
    assert contains(night, datetime(2026, 1, 17, 5, 59, tzinfo=BERLIN))
    assert contains(night, datetime(2026, 1, 18, 5, 59, tzinfo=BERLIN))
    assert not contains(night, datetime(2026, 1, 16, 5, 0, tzinfo=BERLIN))
    assert not contains(night, datetime(2026, 1, 18, 23, 0, tzinfo=BERLIN))
    assert all(span.start < span.end for span in night.spans)


def test_a_week_that_runs_over_the_weekend_is_written_in_ascending_ranges() -> None:
    (span,) = office("saturday:monday", "09:00", "17:00").spans

    assert span.weekdays == ("sunday:monday", "saturday")


def test_a_whole_day_is_one_span() -> None:
    (span,) = office("monday:sunday", "00:00", "24:00").spans

    assert (span.start, span.end, span.weekdays) == ("00:00", "24:00", ("sunday:saturday",))


def test_a_team_without_hours_has_no_interval() -> None:
    assert working_hours(team("platform")) is None


def test_a_window_over_midnight_of_utc_is_split_by_day() -> None:
    spans = window("2026-12-05T23:00:00+01:00", "2026-12-06T03:00:00+01:00").spans

    assert [(span.day, span.start, span.end) for span in spans] == [
        (5, "22:00", "24:00"),
        (6, "00:00", "02:00"),
    ]


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2026-12-31T22:00:00+00:00", "2027-01-02T01:30:00+00:00"),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T04:00:00+02:00"),
        ("2026-12-05T10:00:00+00:00", "2026-12-05T10:01:00+00:00"),
        ("2026-12-05T00:00:00+00:00", "2026-12-06T00:00:00+00:00"),
    ],
)
def test_a_window_covers_exactly_its_minutes(starts: str, ends: str) -> None:
    interval = window(starts, ends)
    begin, end = datetime.fromisoformat(starts), datetime.fromisoformat(ends)
    minute = begin - timedelta(hours=1)

    while minute < end + timedelta(hours=1):
        assert contains(interval, minute) is (begin <= minute < end), minute
        minute += timedelta(minutes=1)


def test_a_started_minute_belongs_to_the_window() -> None:
    (span,) = window("2026-12-05T10:00:30+00:00", "2026-12-05T10:05:30+00:00").spans

    assert (span.start, span.end) == ("10:00", "10:06")
