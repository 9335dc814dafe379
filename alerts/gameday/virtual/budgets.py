"""Budgets of a long story: what Prometheus makes of the series, beside what the simulator knows.

Prometheus evaluates the generated expressions on the generated recordings. The simulator's
books are only held against the result; nothing of them reaches a series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.gameday.virtual.truth import Books
from slo import names
from slo.exact import Duration
from slo.model import RecordRule, RuleGroup
from slo.replay import Replay, Story
from slo.rules.calendar import CALENDAR_START

TOLERANCE: Final = 0.005
"""Of what is spent, or of the budget where less than that is spent."""
_TILE: Final = Duration.seconds(300)
"""Budgets add up tiles of five minutes: of what is recorded more often they read no more."""
_TILES: Final = (f"{names.SLI_TOTAL}:avg5m", f"{names.SLI_ERRORS}:avg5m")
_HOUR: Final = Duration.seconds(3600)
MONTH: Final = "month"
BEFORE_MIDNIGHT_SECONDS: Final = 600
"""The calendar's month is over at its last midnight: it is looked at two tiles before."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How a budget is added up.

    Attributes:
        slo: The SLO's id.
        share: Bad events that are allowed, as a share of all.
        window: ``30d``, or ``month`` of the calendar.
        expr: The generated expression: bad events of the window as a share of all.
    """

    slo: str
    share: float
    window: str
    expr: str


@dataclass(frozen=True, slots=True)
class Window:
    """Over what a budget is counted.

    Attributes:
        name: ``30d``, or ``month`` of the calendar.
        begin: Seconds since 1970; `end` likewise.
    """

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget over one window.

    Attributes:
        slo: The SLO's id; `by` tells its budgets apart and is empty where there is one.
        share: Bad events that are allowed, as a share of all.
        true: Bad events as a share of all, by the simulator's books.
        measured: The same by Prometheus; NaN where it has none.
    """

    slo: str
    by: str
    window: Window
    share: float
    true: float
    measured: float

    @property
    def left(self) -> float:
        """Share of the budget that is left, as Prometheus has it; below 0 when overspent."""
        return 1 - self.measured / self.share

    @property
    def error(self) -> float:
        """How far Prometheus is off, as a share of the budget, or of more that is spent."""
        if math.isnan(self.measured):
            return math.inf
        return abs(self.measured - self.true) / max(self.share, self.true)

    @property
    def bad_minutes(self) -> float:
        """The window's minutes, as far as they were bad."""
        return self.measured * (self.window.end - self.window.begin) / 60


@dataclass(frozen=True, slots=True)
class Closed:
    """A time in which the deploy gate of an SLO is closed: no budget is left."""

    slo: str
    by: str
    begin: float
    end: float


def record_tiles(playing: Replay, groups: Iterable[RuleGroup]) -> None:
    """Record what budgets are added up from, as often as they read it.

    Raises:
        ReplayError: promtool refused what was recorded.
        RefusedError: Prometheus refused a rule.
    """
    tiles = [replace(each, interval=_TILE) for each in _only(groups, _TILES)]
    playing.record(tiles)
    looked = playing.story.end - BEFORE_MIDNIGHT_SECONDS
    playing.record(_only(groups, (CALENDAR_START,)), since=looked - int(_TILE.total_seconds))


def _only(groups: Iterable[RuleGroup], records: Sequence[str]) -> list[RuleGroup]:
    """The groups with no other rules than those that record one of these."""
    found = (
        replace(each, rules=tuple(rule for rule in each.rules if _records(rule, records)))
        for each in groups
    )
    return [each for each in found if each.rules]


def _records(rule: object, records: Sequence[str]) -> bool:
    return isinstance(rule, RecordRule) and rule.record in records


def sums(groups: Iterable[RuleGroup]) -> tuple[Sum, ...]:
    """How the budgets of `groups` are added up, by SLO."""
    found: dict[str, dict[str, RecordRule]] = {}
    for group in _only(groups, (names.PERIOD_ERROR, names.INFO)):
        for rule in group.rules:
            if isinstance(rule, RecordRule):
                found.setdefault(rule.labels["slo_id"], {})[rule.record] = rule
    return tuple(
        Sum(slo, float(told["budget"]), told["window"], rules[names.PERIOD_ERROR].expr)
        for slo, rules in sorted(found.items())
        if (told := rules[names.INFO].labels)
    )


def window_of(each: Sum, story: Story) -> Window:
    """The window of a budget that ends with the story, or just before its last midnight."""
    if each.window == MONTH:
        return Window(MONTH, story.start, story.end - BEFORE_MIDNIGHT_SECONDS)
    length = float(Duration.parse(each.window).total_seconds)
    return Window(each.window, story.end - length, story.end)


def measured(playing: Replay, each: Sum, books: Books) -> tuple[Budget, ...]:
    """Every budget of an SLO of which the books know, at the end of its window."""
    window, began = window_of(each, playing.story), playing.story.start
    series = playing.server.instant(each.expr, window.end)
    found: list[Budget] = []
    for slo, by in books.budgets():
        if slo != each.slo:
            continue
        bad, total = books.counted(slo, by, window.begin - began, window.end - began)
        values = [one.value for one in series if not by or by in one.labels.values()]
        value = values[0] if len(values) == 1 else math.nan
        true = bad / total if total else math.nan
        found.append(Budget(slo, by, window, each.share, true, value))
    return tuple(found)


def closed(playing: Replay, each: Sum) -> tuple[Closed, ...]:
    """When `sloctl gate` would have refused deployments for an SLO, asked every hour."""
    found: list[Closed] = []
    for series in playing.ranged(each.expr, _HOUR):
        by = ", ".join(text for key, text in series.labels if key != "slo_id")
        spent = series.times[series.values >= each.share].tolist()
        found += [Closed(each.slo, by, begin, end) for begin, end in _runs(spent)]
    return tuple(sorted(found, key=lambda one: (one.begin, one.by)))


def _runs(times: Sequence[float]) -> Iterable[tuple[float, float]]:
    """Hours that follow each other, as first and last."""
    begin = last = math.nan
    for time in times:
        if time - last != _HOUR.total_seconds:
            if not math.isnan(begin):
                yield begin, last
            begin = time
        last = time
    if not math.isnan(begin):
        yield begin, last
