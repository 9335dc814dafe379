"""A long story in virtual time: lived, replayed on Prometheus, told to Alertmanager, judged."""

from __future__ import annotations

import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from alerts.gameday.oracles import Oracle
from alerts.gameday.runner import Outcome
from alerts.gameday.tree import Tree, write_as_it_is
from alerts.gameday.virtual.budgets import (
    MONTH,
    TOLERANCE,
    Budget,
    Closed,
    closed,
    measured,
    record_tiles,
    sums,
)
from alerts.gameday.virtual.judge import judge
from alerts.gameday.virtual.month import Tale
from alerts.gameday.virtual.play import lived
from alerts.gameday.virtual.rulebook import read
from alerts.gameday.virtual.told import Told as Notified
from alerts.gameday.virtual.told import desk
from alerts.gameday.virtual.truth import Books
from alerts.gameday.webhook import Webhooks
from slo import servers
from slo.model import RuleGroup
from slo.promql import chooses, groups_by, parse, selected_metrics, selectors
from slo.replay import Firing, Replay, Samples, replay

_ROLLING: Final = "\n  window: 30d"
_CALENDAR: Final = "\n  window: {calendar: month, timezone: UTC}"
_SCRAPE: Final = ("  defaults: {owner", "  intervals: {scrape: 30s}\n  defaults: {owner")
_COUNTERS: Final = ("_total", "_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a story.

    Attributes:
        outcomes: One for each chapter, the whole story in the last one's oracles.
        budgets: Over the last days and over the calendar's month, at their ends.
        gates: When deployments would have been refused.
        pages: Notifications that woke somebody, by team; tickets likewise.
        samples: Raw ones that Prometheus read.
        seconds: What it took, by part.
    """

    tale: Tale
    outcomes: tuple[Outcome, ...]
    budgets: tuple[Budget, ...]
    gates: tuple[Closed, ...]
    pages: Counter[str]
    tickets: Counter[str]
    samples: int
    seconds: dict[str, float]


class Reader:
    """Which series any rule reads: what none does need not be loaded."""

    def __init__(self, groups: Sequence[RuleGroup]) -> None:
        """The rules of `groups`."""
        exprs = [parse(text) for text in {rule.expr for group in groups for rule in group.rules}]
        found = (selector for expr in exprs for selector in selectors(expr))
        self._selectors = {selector.prettify(): selector for selector in found}
        self._by: dict[str, set[str]] = {}
        for expr in exprs:
            for metric in selected_metrics(expr):
                self._by.setdefault(metric, set()).update(groups_by(expr))

    def chosen(self, series: Iterable[Samples]) -> Iterator[Samples]:
        """Those of `series` that a rule reads and that can make a difference to it.

        A counter that never leaves zero adds nothing to a sum of which another one is part.
        """
        moving: set[tuple[str, ...]] = set()
        still: list[Samples] = []
        for one in series:
            if not any(chooses(each, one.name, one.labels) for each in self._selectors.values()):
                continue
            if one.name.endswith(_COUNTERS) and not np.any(one.values):
                still.append(replace(one, values=()))
                continue
            moving.add(self._group(one))
            yield one
        for one in still:
            if self._group(one) not in moving:
                moving.add(self._group(one))
                yield replace(one, values=array("d", bytes(8 * len(one.times))))

    def _group(self, one: Samples) -> tuple[str, ...]:
        """The sum that a series is part of, whatever rules sum it by."""
        by = sorted(self._by.get(one.name, set()) - {"le"})
        return (one.name, *(one.labels.get(label, "") for label in by))


def tell(tale: Tale, seed: int, say: Callable[[str], None]) -> Ending:
    """Live, replay, post and judge `tale`.

    Args:
        tale: What happens.
        seed: Of the traffic.
        say: Told what is being done.

    Raises:
        MissingToolError: A server or tool is not to be had.
        TreeError: `sloctl` refused.
        ReplayError: promtool refused the samples.
        RefusedError: Prometheus refused a rule.
        ServerError: A server did not come up.
    """
    servers.require("alertmanager")
    clock = _Clock(say)
    with tempfile.TemporaryDirectory(prefix="fleetslo-story-") as name, Webhooks() as hooks:
        tree, other = Tree(Path(name) / "rolling"), Tree(Path(name) / "calendar")
        with ThreadPoolExecutor(1) as meanwhile:
            living = meanwhile.submit(lived, tale.script, seed)
            for each, words in ((tree, {}), (other, {_ROLLING: _CALENDAR})):
                each.folder.mkdir()
                write_as_it_is(each, hooks.address, {_SCRAPE[0]: _SCRAPE[1], **words})
            groups, calendar = (read(each.out / "prometheus" / "rules") for each in (tree, other))
            life = living.result()
        clock.done("lived")
        with replay(tale.script.story(), say) as playing:
            samples = playing.load(Reader(groups).chosen(life.tape.series()))
            clock.done("loaded")
            playing.record(groups, wanted=())
            parts = _chapters(tale, playing.firings(groups))
            clock.done("replayed")
            with desk(tree, hooks) as front, ThreadPoolExecutor(1) as meanwhile:
                telling = meanwhile.submit(front.tell, parts)
                budgets, gates = _budgets(playing, groups, calendar, life.books)
                told = telling.result()
        clock.done("told")
        outcomes = [judge(each, groups, parts[each.id], told[each.id]) for each in tale.chapters]
        outcomes[-1] = replace(outcomes[-1], oracles=tuple(_oracles(budgets)))
        return Ending(
            tale,
            tuple(outcomes),
            tuple(budgets),
            tuple(gates),
            _count(told.values(), "-page"),
            _count(told.values(), "-ticket"),
            samples,
            clock.seconds,
        )


def _budgets(
    playing: Replay, groups: Sequence[RuleGroup], calendar: Sequence[RuleGroup], books: Books
) -> tuple[list[Budget], list[Closed]]:
    """All budgets, those of the calendar's month too; when those that are not would be empty."""
    record_tiles(playing, [*groups, *calendar])
    rolling = sums(groups)
    added = (*rolling, *(each for each in sums(calendar) if each.window == MONTH))
    budgets = [one for each in added for one in measured(playing, each, books)]
    return budgets, [one for each in rolling for one in closed(playing, each)]


class _Clock:
    """How long each part takes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._since = time.monotonic()
        self.seconds: dict[str, float] = {}

    def done(self, part: str) -> None:
        """`part` is over; another one begins."""
        now = time.monotonic()
        self.seconds[part], self._since = now - self._since, now
        self._say(f"{part}: {self.seconds[part]:.1f} s")


def _chapters(tale: Tale, fired: Iterable[Firing]) -> dict[str, tuple[Firing, ...]]:
    """What began to fire from the end of the chapter before to the end of each."""
    ends = [each.script.end for each in tale.chapters]
    begins = [tale.script.begin - 1, *ends[:-1]]
    return {
        each.id: tuple(one for one in fired if begin < one.start <= end)
        for each, begin, end in zip(tale.chapters, begins, ends, strict=True)
    }


def _count(told: Iterable[Notified], ending: str) -> Counter[str]:
    """The notifications as time passes, by team."""
    return Counter(
        each.receiver.removeprefix("fleetslo-").removesuffix(ending)
        for one in told
        for each in one.opened
        if each.receiver.endswith(ending)
    )


def _oracles(budgets: Sequence[Budget]) -> Iterator[Oracle]:
    """Every budget is what the simulator knows it to be."""
    off = sorted(budgets, key=lambda each: -each.error)
    worst = off[0]
    says = (
        f"{len(budgets)} budgets, the worst is {worst.error:.2%} off "
        f"({worst.slo} {worst.by}, {worst.window.name})"
    )
    yield Oracle("budgets are true", worst.error <= TOLERANCE, says)
