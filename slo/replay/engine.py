"""The one replay engine: a past that never was, or was elsewhere, on a real Prometheus.

Raw series become blocks; recorded series follow level by level, each asked of a real
Prometheus over the whole story and served to the next; alerts are read the same way and go
through the state machine of `slo.replay.firing`. Nothing of it outlives its `with` block.
"""

from __future__ import annotations

import math
import tempfile
from array import array
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from slo.ask import MAX_POINTS, Prometheus
from slo.exact import Duration
from slo.model import AlertRule, RecordRule, RuleGroup
from slo.replay.answers import Column, Labels, columns, joined
from slo.replay.blocks import SeriesError, write_block
from slo.replay.firing import Firing, alert_labels, in_order, states
from slo.replay.levels import Timed, inlined, levels, reads
from slo.replay.series import Samples
from slo.replay.watching import watched
from slo.servers import Server, prometheus, require

_AT_ONCE: Final = 4
_ASK_SECONDS: Final = 300.0


class ReplayError(RuntimeError):
    """A series cannot be in a database, or is there twice; the message names it."""


def _silent(_text: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class Story:
    """When a replay plays.

    Attributes:
        start: Seconds since 1970 from which on rules are evaluated.
        end: The last moment at which they are, after `start`.
        scrape: How often raw series are sampled. A series is taken for gone after one and a
            half of it: a live Prometheus, which knows a failed scrape, sees it at once.
    """

    start: int
    end: int
    scrape: Duration = field(default_factory=lambda: Duration.seconds(15))

    def __post_init__(self) -> None:
        if not 0 < self.start < self.end:
            msg = f"a story must end after it starts, got {self.start} to {self.end}"
            raise ValueError(msg)

    def edges(self, interval: Duration) -> tuple[int, int]:
        """First and last evaluation, as multiples of `interval`."""
        return math.ceil(self.start * 1000 / interval.ms), self.end * 1000 // interval.ms


@contextmanager
def replay(story: Story, told: Callable[[str], None] = _silent) -> Generator[Replay]:
    """Play `story` until the block is left; files and servers end with it.

    Args:
        story: When it plays.
        told: Is told what is being done, in a few words, from this thread.

    Raises:
        MissingToolError: Prometheus is not to be had.
    """
    require("prometheus")
    with tempfile.TemporaryDirectory(prefix="fleetslo-replay-") as name:
        playing = Replay(story, Path(name), told)
        try:
            yield playing
        finally:
            playing.stop()


class Replay:
    """A story on its way: load raw series, record, ask, read the alerts; made by `replay`."""

    def __init__(self, story: Story, folder: Path, told: Callable[[str], None]) -> None:
        self.story = story
        self._folder = folder
        self._told = told
        self._server: Server | None = None
        self._lookback = _lookback(story, ())
        self._done: list[RecordRule] = []
        (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")

    @property
    def blocks(self) -> Path:
        """The database: one folder per block, all complete between the calls of this object."""
        return self._folder / "prometheus-data"

    @property
    def server(self) -> Prometheus:
        """The Prometheus that holds all that was loaded; started on demand.

        Raises:
            ServerError: It did not come up.
        """
        if self._server is None:
            extra = (f"--query.lookback-delta={self._lookback.promql()}",)
            config = self._folder / "prometheus.yml"
            self._server = prometheus(self._folder, config, extra=extra)
        return Prometheus(self._server.url, timeout_seconds=_ASK_SECONDS)

    def stop(self) -> None:
        """Stop the server; what is loaded stays, and the next question starts it again."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def load(self, series: Iterable[Samples]) -> int:
        """Add raw `series`; the number of their samples. None may be loaded twice.

        Raises:
            TooMuchError: There are more than a replay takes.
            ReplayError: One of them cannot be in a database.
        """
        self.stop()
        try:
            return write_block(self.blocks, series)
        except SeriesError as error:
            raise ReplayError(str(error)) from error

    def record(
        self,
        groups: Iterable[RuleGroup],
        *,
        wanted: Iterable[str] | None = None,
        source: Prometheus | None = None,
        since: int | None = None,
    ) -> int:
        """Record what `groups` would have recorded over the story; the number of samples.

        Args:
            groups: Equal rules are recorded once, those of earlier calls not again.
            wanted: Names of recorded series; what neither they nor the alerts of `groups`
                need is left out. None records everything.
            source: Who holds the raw series; None takes what was loaded.
            since: From when on; None takes the whole story.

        Raises:
            CircleError: The rules read each other in a circle.
            TooMuchError: More samples than a replay takes.
            ReplayError: What was recorded is two series with the same labels.
            UnreachableError: `source` gave no usable answer.
            RefusedError: A rule's expression is refused.
        """
        groups = tuple(groups) if source is None else inlined(groups)
        self._see(_lookback(self.story, groups))
        found = levels(groups, wanted, self._done)
        story = self.story if since is None else replace(self.story, start=since)
        count = 0
        for number, level in enumerate(found, 1):
            self._told(f"recording, level {number} of {len(found)}: {len(level)} rules")
            server = source if source is not None and number == 1 else self.server
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                recorded = list(pool.map(partial(_recorded, server, story), level))
            count += self.load(one for series in recorded for one in series)
            self._done.extend(timed.rule for timed in level)
        return count

    def firings(self, groups: Iterable[RuleGroup]) -> tuple[Firing, ...]:
        """When the alerts of `groups` fired, each instance by itself, in order of time.

        Their recorded series must be there, see `record`.

        Raises:
            RefusedError: An alert's expression is refused.
        """
        groups = tuple(groups)
        self._see(_lookback(self.story, groups))
        alerts = [
            (rule, group.interval)
            for group in groups
            for rule in group.rules
            if isinstance(rule, AlertRule)
        ]
        self._told(f"reading {len(alerts)} alerts")
        server = self.server
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(partial(_fired, server, self.story), alerts))
        return in_order(one for firings in found for one in firings)

    def ranged(self, expr: str, interval: Duration) -> list[Column]:
        """The values of `expr` over the whole story, every `interval`, pieces joined."""
        return _over(self.server, self.story, expr, interval)

    def _see(self, lookback: Duration) -> None:
        """Have series looked for as far back as the rules at hand need."""
        if lookback != self._lookback:
            self.stop()
            self._lookback = lookback


def _recorded(server: Prometheus, story: Story, timed: Timed) -> list[Samples]:
    rule = timed.rule
    return [
        Samples(
            rule.record,
            {**_nameless(series.labels), **rule.labels},
            array("d", series.times.tobytes()),
            array("d", series.values.tobytes()),
        )
        for series in _over(server, story, rule.expr, timed.interval)
    ]


def _over(server: Prometheus, story: Story, expr: str, interval: Duration) -> list[Column]:
    return _asked(server, expr, (*story.edges(interval), 1), interval.ms)


def _asked(
    server: Prometheus, expr: str, evaluations: tuple[int, int, int], every: int
) -> list[Column]:
    """The values of `expr` at the evaluations from the first to the last, every so many."""
    first, last, stride = evaluations
    pieces: dict[Labels, list[Column]] = {}
    for begin in range(first, last + 1, MAX_POINTS * stride):
        end = min(begin + (MAX_POINTS - 1) * stride, last)
        start, until, step = (number * every / 1000 for number in (begin, end, stride))
        for piece in columns(server, expr, start, until, step):
            pieces.setdefault(piece.labels, []).append(piece)
    return [joined(found) for found in pieces.values()]


def _fired(server: Prometheus, story: Story, alert: tuple[AlertRule, Duration]) -> list[Firing]:
    rule, interval = alert
    every = interval.ms

    def ask(first: int, last: int, stride: int) -> dict[Labels, dict[int, float]]:
        found = _asked(server, rule.expr, (first, last, stride), every)
        return {one.labels: dict(_numbered(one, every)) for one in found}

    first, last = story.edges(interval)
    keep = -(-rule.keep_firing_for.ms // every)
    seen = watched(first, last, rule.hold.ms // every, keep, ask)
    times = [number * every / 1000 for number in seen.evaluations()]
    hold, kept = (float(length.total_seconds) for length in (rule.hold, rule.keep_firing_for))
    return [
        Firing(rule, alert_labels(rule, dict(labels)), since, start, end, value)
        for labels, points in seen.held.items()
        for since, start, end, value in states(
            times, {number * every / 1000: value for number, value in points.items()}, hold, kept
        )
    ]


def _numbered(column: Column, every: int) -> Iterable[tuple[int, float]]:
    """The values of a column by the number of their evaluation, one each so many milliseconds."""
    numbers = np.rint(column.times * 1000 / every).astype(np.int64)
    return zip(numbers.tolist(), column.values.tolist(), strict=True)


def _lookback(story: Story, groups: Iterable[RuleGroup]) -> Duration:
    """How long the last sample of a series counts.

    As long as the next one may take: that of a scrape, or of a recorded series that is read
    by rules which are evaluated more often. No longer: promtool writes no mark where a
    series ends, and a series that has ended would go on.
    """
    groups = tuple(groups)
    every = {
        rule.record: group.interval
        for group in groups
        for rule in group.rules
        if isinstance(rule, RecordRule)
    }
    slower = [
        every[name].total_seconds
        for group in groups
        for rule in group.rules
        for name in reads(rule.expr)
        if name in every and every[name] > group.interval
    ]
    longest = max(Fraction(3, 2) * story.scrape.total_seconds, *slower, Fraction(1))
    return Duration(math.ceil(longest * 1000))


def _nameless(labels: Labels) -> dict[str, str]:
    return {key: text for key, text in labels if key != "__name__"}
