"""Time windows of OpenSLO: rolling ones, and those of the calendar."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from slo.exact import Duration
from slo.importers.native import mapping, scalar
from slo.importers.part import Part
from slo.importers.report import Report
from slo.source import Node, Scalar

_DAYS: Final = {"M": 30, "Q": 90, "Y": 365}
_PERIODS: Final = {"w": "week", "M": "month", "Q": "quarter", "Y": "year"}
_UNITS: Final = {
    "Second": "s",
    "Minute": "m",
    "Hour": "h",
    "Day": "d",
    "Week": "w",
    "Month": "M",
    "Quarter": "Q",
    "Year": "Y",
}
_COUNT: Final = re.compile("[1-9][0-9]{0,5}")
_FIRST_MONTHS: Final = {"month": range(1, 13), "quarter": (1, 4, 7, 10), "year": (1,)}


def window(spec: Part, report: Report) -> Node | None:
    """Our window for the one that `spec` names; None leaves it to the settings."""
    key = "timeWindows" if spec.has("timeWindows") else "timeWindow"
    stated = spec.children(key)
    for other in stated[1:]:
        report.malformed(f"{key} may hold one window", other.span)
    if not stated:
        return None
    part = stated[0]
    length = _length(part)
    calendar = part.child("calendar")
    rolling = part.flag("isRolling", default=calendar is None)
    if length is None:
        return None
    count, unit, given = length
    if rolling and calendar is not None:
        report.malformed("calendar cannot stand beside isRolling: true", calendar.span)
    if rolling or calendar is None:
        if not rolling:
            report.malformed("a window that does not roll needs calendar", part.span)
        return _rolling(count, unit, given, report)
    return _calendar(calendar, (count, unit, given), report)


def length_of(given: Scalar, report: Report) -> Duration | None:
    """A duration; a bare number is minutes, as in `timeSliceWindow`."""
    text = given.text.strip()
    try:
        return Duration.parse(f"{text}m" if text.isdecimal() else text)
    except ValueError as error:
        report.malformed(str(error), given.span)
        return None


def _length(part: Part) -> tuple[int, str, Scalar] | None:
    """How many of which unit, and where it stands."""
    if part.has("unit"):
        unit, count = part.needed("unit"), part.needed("count")
        if unit is None or count is None:
            return None
        letter, digits, given = _UNITS.get(unit.text, ""), count.text, unit
    else:
        duration = part.needed("duration")
        if duration is None:
            return None
        text = duration.text.strip()
        letter, digits, given = text[-1:], text[:-1], duration
    if letter not in _UNITS.values() or not _COUNT.fullmatch(digits):
        text = "a window is a whole number above 0 and a unit of m, h, d, w, M, Q, Y"
        part.report.malformed(f"{text}, got {given.text!r}", given.span)
        return None
    return int(digits), letter, given


def _rolling(count: int, unit: str, given: Scalar, report: Report) -> Scalar:
    if unit not in _DAYS:
        return scalar(f"{count}{unit}", given.span)
    days = count * _DAYS[unit]
    report.changed(f"a rolling window of {count}{unit} becomes {days}d", given.span)
    return scalar(f"{days}d", given.span)


def _calendar(calendar: Part, length: tuple[int, str, Scalar], report: Report) -> Node | None:
    start, zone = calendar.needed("startTime"), calendar.scalar("timeZone")
    if start is None:
        return None
    try:
        moment = datetime.fromisoformat(start.text.strip())
    except ValueError:
        text = f"startTime must be YYYY-MM-DD hh:mm:ss, got {start.text!r}"
        report.malformed(text, start.span)
        return None
    count, unit, given = length
    period = {(7, "d"): "week", (12, "M"): "year", (3, "M"): "quarter", (4, "Q"): "year"}.get(
        (count, unit), _PERIODS.get(unit, "") if count == 1 else ""
    )
    if not period:
        text = (
            f"a calendar window of {count}{unit} rolls with us: we know week, month, quarter, year"
        )
        report.lost(text, given.span, "choose one of these, or keep it rolling")
        return _rolling(count, unit, given, report)
    if not _at_boundary(moment, period):
        text = f"startTime is not kept: each {period} of ours starts at its first midnight"
        report.lost(text, start.span)
    at = given.span
    return mapping(at, {"calendar": scalar(period, at), "timezone": zone})


def _at_boundary(moment: datetime, period: str) -> bool:
    if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
        return False
    if period == "week":
        return moment.isoweekday() == 1
    return moment.day == 1 and moment.month in _FIRST_MONTHS[period]
