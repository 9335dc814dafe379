"""Windows that start at a boundary of the calendar, in a time zone.

The boundaries are computed when rules are generated, from the pinned time zone data, for a
fixed span of years: PromQL knows no zones, and the same input must give the same rules on
any day. One series tells where the running window began; long before the table ends an
alert asks for new rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from slo import names
from slo.exact import Duration
from slo.model import (
    AlertRule,
    Calendar,
    Project,
    RecordRule,
    RuleGroup,
    Severity,
)
from slo.rules.terms import checked

CALENDAR_START: Final = "slo:calendar_start:timestamp"
TABLE_ENDS: Final = "SLOCalendarTableEnds"
_FIRST: Final = date(2025, 1, 1)
_LAST: Final = date(2032, 1, 1)
_WARN_BEFORE: Final = timedelta(days=90)
_LONGEST: Final = {"week": "7d1h", "month": "31d1h", "quarter": "92d1h", "year": "366d1h"}
"""The longest window of each kind; the hour is the one that a change of clocks adds."""
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


def since_start(series: str, window: Calendar) -> str:
    """A subquery of `series` in tiles of 5 minutes, from the start of the running window on.

    Not by `timestamp(series)`: Prometheus reads that from the beginning of the subquery again
    at each of its steps, 2 s for a month of nine series where this takes 0.02 s.
    """
    return (
        f"({series} and on () ({_select(window)} @ end() < time()))[{_LONGEST[window.period]}:5m]"
    )


def calendar_groups(project: Project) -> tuple[RuleGroup, ...]:
    """The group that tells where each calendar window of `project` began; none without one."""
    windows = {slo.window for slo in project.slos if isinstance(slo.window, Calendar)}
    if not windows:
        return ()
    ordered = sorted(windows, key=lambda window: (window.period, window.timezone))
    rules = [_start(window) for window in ordered]
    interval = project.settings.intervals.slow
    return (RuleGroup("fleetslo:calendar", interval, (*rules, _table_ends(project))),)


def boundaries(window: Calendar) -> tuple[int, ...]:
    """Every start of the window in the table, as Unix time, ascending."""
    zone = ZoneInfo(window.timezone)
    return tuple(
        int(datetime.combine(day, time(), zone).timestamp()) for day in _days(window.period)
    )


def _days(period: str) -> Iterator[date]:
    if period == "week":
        day = _FIRST - timedelta(days=_FIRST.weekday())
        while day <= _LAST:
            yield day
            day += timedelta(days=7)
        return
    for month in range((_LAST.year - _FIRST.year) * 12 + 1):
        if month % _MONTHS[period] == 0:
            yield date(_FIRST.year + month // 12, month % 12 + 1, 1)


def _select(window: Calendar) -> str:
    return f'{CALENDAR_START}{{calendar="{window.period}",timezone="{window.timezone}"}}'


def _start(window: Calendar) -> RecordRule:
    """The last boundary that has passed: alternatives from the newest to the oldest."""
    past = _alternatives(reversed(boundaries(window)))
    labels = {"calendar": window.period, "timezone": window.timezone}
    return RecordRule(CALENDAR_START, checked(past), labels)


def _alternatives(moments: Iterable[int]) -> str:
    return " or ".join(f"(vector({moment}) <= time())" for moment in moments)


def _table_ends(project: Project) -> AlertRule:
    warn_at = datetime.combine(_LAST, time(), ZoneInfo("UTC")) - _WARN_BEFORE
    urls = project.settings.urls
    # Whoever has a calendar is concerned, where nobody is named for all.
    owners = (slo.owner for slo in project.slos if isinstance(slo.window, Calendar))
    team = project.settings.default_owner or min(owners)
    return AlertRule(
        name=TABLE_ENDS,
        expr=checked(f"vector(time()) > {int(warn_at.timestamp())}"),
        hold=Duration(0),
        keep_firing_for=Duration(0),
        labels={
            "severity": str(Severity.TICKET),
            "service": "fleetslo",
            "team": team,
            "scope": "pipeline",
            "root_cause": "slo-calendar-table",
        },
        annotations={
            "summary": f"The calendar in the SLO rules ends on {_LAST.isoformat()}",
            "description": (
                "Budgets of calendar windows stop being counted on that day. Generate the rules "
                "with a newer release of fleetslo, and load them."
            ),
            "runbook_url": f"{urls.runbooks}/{TABLE_ENDS}.md",
            "dashboard_url": f"{urls.grafana}/d/{names.DASHBOARD_UIDS['executive']}",
        },
        severity=Severity.TICKET,
        team=team,
        by=(),
    )
