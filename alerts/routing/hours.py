"""When a team is at work and when something is under maintenance, as time intervals.

A range of Alertmanager may not cross midnight, and dates in another zone than UTC are
wrong around a change of the clocks (fixed only after 0.33). So nights are split, working
hours carry their zone with weekdays only, and dates are always written in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.routing.tree import Interval, Span
from slo.model import Maintenance, Team, WorkingHours

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_END: Final = "24:00"
_DAY_START: Final = "00:00"


def working_hours(team: Team) -> Interval | None:
    """When tickets of `team` are delivered; None when it stated no hours.

    Raises:
        ValueError: Weekdays, a time or the zone are not such; the message says which.
    """
    if team.hours is None:
        return None
    why = f"when {team.title} is at work: tickets wait for it, pages do not"
    return Interval(f"fleetslo-hours-{team.name}", tuple(_spans(team.hours)), why)


def maintenance(window: Maintenance) -> Interval:
    """The window of `window`, one span for each day of UTC that it touches.

    Raises:
        ValueError: A time is not ISO 8601 with an offset, or the end is not after the start.
    """
    starts, ends = _utc(window.starts), _utc(window.ends)
    if ends <= starts:
        msg = f"a maintenance must end after it starts, got {window.starts} to {window.ends}"
        raise ValueError(msg)
    return Interval(
        f"fleetslo-maintenance-{window.name}", tuple(_days(starts, ends)), window.reason
    )


def contains(interval: Interval, moment: datetime) -> bool:
    """Whether `moment` (with a zone) belongs to `interval`.

    Source: Alertmanager, timeinterval/timeinterval.go, `ContainsTime`.
    """
    return any(_within(span, moment) for span in interval.spans)


def _within(span: Span, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(span.location or "UTC"))
    minute = local.hour * 60 + local.minute
    if span.start and not _minutes(span.start) <= minute < _minutes(span.end):
        return False
    date = (span.year, span.month, span.day)
    stated = zip(date, (local.year, local.month, local.day), strict=True)
    if any(want is not None and want != got for want, got in stated):
        return False
    weekday = local.weekday()
    return not span.weekdays or any(weekday in _range(text) for text in span.weekdays)


def _spans(hours: WorkingHours) -> Iterator[Span]:
    _check_zone(hours.timezone)
    days = _range(hours.weekdays)
    if _minutes(hours.start) < _minutes(hours.end):
        yield Span(hours.start, hours.end, _names(days), location=hours.timezone)
        return
    # A night shift belongs to the day it starts on.
    if hours.start != _DAY_END:
        yield Span(hours.start, _DAY_END, _names(days), location=hours.timezone)
    if hours.end != _DAY_START:
        after = tuple((day + 1) % len(DAYS) for day in days)
        yield Span(_DAY_START, hours.end, _names(after), location=hours.timezone)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"not a time zone: {name!r}, write for example Europe/Berlin"
        raise ValueError(msg) from None


def _range(text: str) -> tuple[int, ...]:
    """The days of ``monday:friday`` or ``saturday``; a range may run over the weekend."""
    first, _, last = text.strip().lower().partition(":")
    try:
        start, end = DAYS.index(first), DAYS.index(last or first)
    except ValueError:
        msg = f"not weekdays: {text!r}, write for example monday:friday"
        raise ValueError(msg) from None
    return tuple((start + step) % len(DAYS) for step in range((end - start) % len(DAYS) + 1))


def _names(days: tuple[int, ...]) -> tuple[str, ...]:
    """`days` in ranges that Alertmanager accepts: ascending, sunday first."""
    of_week = sorted((day + 1) % len(DAYS) for day in days)
    names = ("sunday", *DAYS[:-1])
    runs: list[list[int]] = []
    for day in of_week:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return tuple(
        names[run[0]] if len(run) == 1 else f"{names[run[0]]}:{names[run[-1]]}" for run in runs
    )


def _minutes(text: str) -> int:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and len(hour) == len(minute) == 2):
        msg = f"not a time of day: {text!r}, write for example 09:00"
        raise ValueError(msg)
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > 24 * 60:
        msg = f"a time of day must be between 00:00 and 24:00, got {text!r}"
        raise ValueError(msg)
    return total


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"a time needs its offset, got {text!r}: write for example 2026-12-05T22:00:00+00:00"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def _days(starts: datetime, ends: datetime) -> Iterator[Span]:
    day = starts.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < ends:
        tomorrow = day + timedelta(days=1)
        begin = f"{starts:%H:%M}" if starts > day else _DAY_START
        # Alertmanager counts whole minutes: a started minute belongs to the window.
        last = min(ends + timedelta(seconds=59), tomorrow)
        end = _DAY_END if last == tomorrow else f"{last:%H:%M}"
        if begin != end:
            yield Span(begin, end, year=day.year, month=day.month, day=day.day)
        day = tomorrow
