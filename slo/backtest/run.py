"""The exact rules over a past: which alerts would have fired, and what they would have cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from slo import names
from slo.ask import Prometheus
from slo.backtest.variants import Variant
from slo.exact import Duration, Ratio
from slo.model import Project, RuleGroup, Settings
from slo.policy import period_seconds
from slo.replay import Column, Firing, Samples, Story, replay
from slo.rules import compile_project

LADDER: Final = tuple(
    Ratio.from_percent(percent)
    for percent in ("90", "95", "98", "99", "99.5", "99.9", "99.95", "99.99", "99.999")
)
"""Objectives that people promise."""
_TILE: Final = Duration.parse("5m")
_POINTS: Final = 400
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Past:
    """Where the events are, and of what time.

    Attributes:
        source: A Prometheus that holds the raw series; None when `series` does.
        series: Raw series of one's own.
    """

    story: Story
    source: Prometheus | None = None
    series: Sequence[Samples] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """An alert that would have fired.

    Attributes:
        at_fire: Share of a window's budget that the bad events in the tier's long window
            before make up; None for alerts without a tier.
        by_end: The same up to the end of the alert.
    """

    firing: Firing
    at_fire: float | None
    by_end: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a variant would have meant.

    Attributes:
        bad, total: Events of the whole past, over all budgets.
        worst: The highest error ratio of any window of the SLO's length, or of the whole
            past where that is shorter; of the worst budget; None without events.
        whole: The past is at least as long as the SLO's window.
        suggested: The tightest of `LADDER` that every such window would have kept.
        curve: Error ratio over time, over all budgets, in at most `_POINTS` steps.
    """

    variant: Variant
    alerts: tuple[Spent, ...]
    bad: float
    total: float
    worst: float | None
    whole: bool
    suggested: Ratio | None
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Events of one budget in each 5 minutes."""

    times: Numbers
    bad: Numbers
    total: Numbers

    def between(self, start: float, end: float) -> float:
        """Bad events from `start` to `end`, even within a tile; never below 0."""
        so_far = np.cumsum(self.bad)
        before, after = np.interp([start, end], self.times, so_far, left=0.0)
        return max(0.0, float(after - before))


def backtested(
    past: Past,
    found: Sequence[Variant],
    settings: Settings,
    told: Callable[[str], None] = lambda _text: None,
) -> tuple[Outcome, ...]:
    """Play `past` under every one of `found`, which are variants of one SLO.

    Raises:
        UnreachableError, RefusedError: As the source of `past` answers.
        ReplayError, TooMuchError, ServerError, MissingToolError: As `slo.replay` says.
    """
    groups = {id(variant): _groups(variant, settings) for variant in found}
    every = [group for variant in found for group in groups[id(variant)]]
    recorded = [f"{series}:avg5m" for series in (names.SLI_ERRORS, names.SLI_TOTAL)]
    slo = found[0].slo
    with replay(past.story, told) as playing:
        playing.load(past.series)
        playing.record(every, wanted=recorded, source=past.source)
        chosen = f'{{slo_id="{slo.slo_id}"}}'
        bad, total = (
            {
                tuple(dict(series.labels).get(label, "") for label in slo.by): series
                for series in playing.ranged(f"{series_name}{chosen}", _TILE)
            }
            for series_name in recorded
        )
        tiles = {key: _tiles(bad.get(key), events) for key, events in total.items()}
        return tuple(
            _outcome(variant, playing.firings(groups[id(variant)]), tiles, past.story)
            for variant in found
        )


def _groups(variant: Variant, settings: Settings) -> tuple[RuleGroup, ...]:
    compiled = compile_project(Project((variant.slo,), (), (), (), settings))
    return tuple(
        group
        for file in compiled.rule_files
        for group in file.groups
        if file.service == variant.slo.service or "calendar" in group.name
    )


def _tiles(bad: Column | None, total: Column) -> _Tiles:
    seconds = float(_TILE.total_seconds)
    spoilt = np.zeros(len(total.times))
    if bad is not None:
        _, here, there = np.intersect1d(total.times, bad.times, return_indices=True)
        spoilt[here] = bad.values[there]
    return _Tiles(total.times, *(np.nan_to_num(each) * seconds for each in (spoilt, total.values)))


def _outcome(
    variant: Variant,
    firings: Iterable[Firing],
    tiles: Mapping[tuple[str, ...], _Tiles],
    story: Story,
) -> Outcome:
    slo = variant.slo
    length = float(period_seconds(slo.window))
    ratios = [_worst(each, length) for each in tiles.values()]
    known = [ratio for ratio in ratios if ratio is not None]
    worst = max(known, default=None)
    return Outcome(
        variant,
        tuple(_spent(firing, variant, tiles, story) for firing in firings),
        bad=sum(float(each.bad.sum()) for each in tiles.values()),
        total=sum(float(each.total.sum()) for each in tiles.values()),
        worst=worst,
        whole=story.end - story.start >= length,
        suggested=None if worst is None else _suggested(worst),
        curve=_curve(tiles.values(), story),
    )


def _spent(
    firing: Firing, variant: Variant, tiles: Mapping[tuple[str, ...], _Tiles], story: Story
) -> Spent:
    slo, tier = variant.slo, firing.rule.tier
    counted = tiles.get(tuple(firing.labels.get(label, "") for label in slo.by))
    if tier is None or counted is None:
        return Spent(firing, None, None)
    seen = story.end - story.start
    per_window = float(counted.total.sum()) * float(period_seconds(slo.window)) / seen
    budget = per_window * float(slo.objective.budget.value)
    if budget <= 0:
        return Spent(firing, None, None)
    since = firing.start - max(tier.long.ms, tier.hold.ms) / 1000
    end = story.end if firing.end is None else firing.end
    at_fire, by_end = (counted.between(since, until) / budget for until in (firing.start, end))
    return Spent(firing, at_fire, by_end)


def _worst(tiles: _Tiles, length: float) -> float | None:
    """The highest error ratio of any window of `length` seconds, or of everything."""
    if not len(tiles.times) or tiles.total.sum() <= 0:
        return None
    bad, total = (np.concatenate([[0.0], np.cumsum(each)]) for each in (tiles.bad, tiles.total))
    last = np.arange(1, len(bad))
    first = np.searchsorted(tiles.times, tiles.times - length, side="right")
    full = tiles.times - tiles.times[0] >= length - float(_TILE.total_seconds)
    if not full.any():
        full[-1], first[-1] = True, 0
    errors, events = (each[last] - each[first] for each in (bad, total))
    ratios = errors[full & (events > 0)] / events[full & (events > 0)]
    return max(0.0, float(ratios.max())) if len(ratios) else None


def _curve(tiles: Iterable[_Tiles], story: Story) -> tuple[tuple[float, float], ...]:
    edges = np.linspace(story.start, story.end, _POINTS + 1)
    bad, total = np.zeros(_POINTS), np.zeros(_POINTS)
    for each in tiles:
        bad += np.histogram(each.times, edges, weights=each.bad)[0]
        total += np.histogram(each.times, edges, weights=each.total)[0]
    return tuple(
        (float(time), float(errors / events))
        for time, errors, events in zip(edges[1:], bad, total, strict=True)
        if events > 0
    )


def _suggested(worst: float) -> Ratio | None:
    kept = [step for step in LADDER if worst <= float(step.budget.value)]
    return kept[-1] if kept and not math.isnan(worst) else None
