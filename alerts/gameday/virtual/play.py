"""A scenario in virtual time: the fleet lives, something breaks, the rules are replayed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from alerts.gameday.fleet.topology import Topology
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.virtual.meter import Numbers, Steps
from alerts.gameday.virtual.model import STEP, Fleet
from alerts.gameday.virtual.pipe import Pipe
from alerts.gameday.virtual.tape import Tape
from alerts.gameday.virtual.trouble import Act
from alerts.gameday.virtual.truth import Books
from slo.exact import Duration
from slo.model import RuleGroup
from slo.replay import Firing, Story, replay

BEGIN: Final = 1_767_571_200
"""Monday, 5 January 2026, 00:00 UTC: any time would do, but always the same."""
FULL: Final = Topology(workers_per_team=10)
FULL_TRAFFIC: Final = Traffic(latency_scale=0.5)
"""Workers are busy for four tenths of the time, long runs included: at six tenths each pool of
ten lets messages wait above 5 s at P95 for three minutes about once a day, and rightly pages."""
_LONGEST: Final = 5_760
"""Steps that are lived at once: a day, so that no stretch reaches over midnight."""


@dataclass(frozen=True, slots=True)
class Script:
    """How long the fleet is well, what then happens, and how long we look on.

    Attributes:
        baseline_seconds: Healthy before; a multiple of 15, as `lasts_seconds`.
        acts: In the order of their seconds.
        traffic: How much arrives, and how long it takes.
        begin: A midnight of a Monday, UTC, in seconds since 1970.
        scrape_seconds: A multiple of 15.
        topology: Who is there.
    """

    acts: tuple[Act, ...]
    lasts_seconds: float = 900.0
    baseline_seconds: float = 900.0
    traffic: Traffic = FULL_TRAFFIC
    begin: int = BEGIN
    scrape_seconds: int = int(STEP)
    topology: Topology = FULL

    @property
    def injected(self) -> float:
        """Seconds since 1970 at which the first act comes."""
        return self.begin + self.baseline_seconds

    @property
    def end(self) -> int:
        """Seconds since 1970."""
        return int(self.injected + self.lasts_seconds)

    def story(self) -> Story:
        """When a replay plays it."""
        return Story(self.begin, self.end, Duration.seconds(self.scrape_seconds))

    def stretches(self) -> Iterator[tuple[int, int]]:
        """First step, and the one after the last, of each piece in which nothing changes."""
        total = int((self.end - self.begin) / STEP)
        seconds = (self.baseline_seconds + act.seconds for act in self.acts)
        cuts = {0, *(max(0, math.ceil(each / STEP)) for each in seconds)}
        cuts |= set(range(0, total, _LONGEST))
        return pairwise([*sorted(cut for cut in cuts if cut < total), total])


@dataclass(frozen=True, slots=True)
class Life:
    """What was seen of a fleet, and what is true."""

    tape: Tape
    books: Books


def lived(script: Script, seed: int) -> Life:
    """A fleet to which `script` happened: the same for the same seed."""
    fleet, pipe, tape = Fleet(script.topology, script.traffic.seeded(seed)), Pipe(), Tape()
    waiting = list(script.acts)
    _scrape(fleet, pipe, tape, np.array([float(script.begin)]), np.zeros(1, np.intp))
    every = int(script.scrape_seconds // STEP)
    for first, end in script.stretches():
        began = script.begin + first * STEP
        while waiting and script.injected + waiting[0].seconds <= began:
            waiting.pop(0).change(fleet.trouble)
        fleet.live(end - first)
        pipe.live(end - first, STEP, fleet.trouble.pipeline, fleet.books)
        seen = np.arange((-(first + 1)) % every, end - first, every)
        times = np.asarray(began + (seen + 1) * STEP, np.float64)
        _scrape(fleet, pipe, tape, times, seen)
    return Life(tape, fleet.books)


def _scrape(fleet: Fleet, pipe: Pipe, tape: Tape, times: Numbers, steps: Steps) -> None:
    wrong = fleet.trouble
    pipe.scrape(tape, times, steps, wrong.pipeline)
    if wrong.pipeline.down:
        return
    for post in fleet.posts.all:
        if post.agents and all(spec.key in wrong.agents.killed for spec in post.agents):
            continue
        found = post.values.seen(steps)
        if wrong.pipeline.hidden:
            found = (each for each in found if not each[0][0].startswith(wrong.pipeline.hidden))
        tape.scrape(times, found, post.resource)


def fired(
    tape: Tape,
    script: Script,
    groups: Sequence[RuleGroup],
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Firing, ...]:
    """What Prometheus would have fired, told by a real one.

    Raises:
        MissingToolError: There is no Prometheus or promtool.
        ReplayError: promtool refused the samples.
        RefusedError: Prometheus refused a rule.
    """
    with replay(script.story(), tell) as playing:
        playing.load(tape.series())
        playing.record(groups, wanted=())
        return playing.firings(groups)
