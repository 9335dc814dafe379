"""A scenario in virtual time: the fleet lives, something breaks, the rules are replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.gameday.fleet.topology import Topology
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.virtual.model import STEP, Fleet
from alerts.gameday.virtual.pipe import Pipe
from alerts.gameday.virtual.tape import Tape
from alerts.gameday.virtual.trouble import Act
from slo.model import RuleGroup
from slo.replay import Firing, Story, replay

BEGIN: Final = 1_767_571_200
"""Monday, 5 January 2026, 00:00 UTC: any time would do, but always the same."""
FULL: Final = Topology(workers_per_team=10)
FULL_TRAFFIC: Final = Traffic(latency_scale=0.75)
"""Workers are busy for half of the time: at seven tenths a queue pages on a good day."""


@dataclass(frozen=True, slots=True)
class Script:
    """How long the fleet is well, what then happens, and how long we look on.

    Attributes:
        baseline_seconds: Healthy before; a multiple of 15, as `lasts_seconds`.
        acts: In the order of their seconds.
        traffic: How much arrives, and how long it takes.
    """

    acts: tuple[Act, ...]
    lasts_seconds: float = 900.0
    baseline_seconds: float = 900.0
    traffic: Traffic = FULL_TRAFFIC

    @property
    def injected(self) -> float:
        """Seconds since 1970 at which the first act comes."""
        return BEGIN + self.baseline_seconds

    @property
    def end(self) -> int:
        """Seconds since 1970."""
        return int(self.injected + self.lasts_seconds)


def lived(script: Script, seed: int) -> Tape:
    """What was scraped of a fleet to which `script` happened: the same for the same seed."""
    fleet, pipe, tape = Fleet(FULL, script.traffic.seeded(seed)), Pipe(), Tape()
    waiting = list(script.acts)
    _scrape(fleet, pipe, tape, float(BEGIN))
    for number in range(int((script.end - BEGIN) / STEP)):
        began = BEGIN + number * STEP
        while waiting and script.injected + waiting[0].seconds <= began:
            waiting.pop(0).change(fleet.trouble)
        pipe.step(fleet.trouble.pipeline, STEP)
        fleet.step()
        _scrape(fleet, pipe, tape, began + STEP)
    return tape


def _scrape(fleet: Fleet, pipe: Pipe, tape: Tape, time: float) -> None:
    wrong = fleet.trouble
    pipe.scrape(tape, time, wrong.pipeline)
    if wrong.pipeline.down:
        return
    for post in fleet.posts.all:
        if post.agents and all(spec.key in wrong.agents.killed for spec in post.agents):
            continue
        found = post.values.items()
        if wrong.pipeline.hidden:
            found = (each for each in found if not each[0][0].startswith(wrong.pipeline.hidden))
        tape.scrape(time, found, post.resource)


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
    with replay(Story(BEGIN, script.end), tell) as playing:
        playing.load(tape.series())
        playing.record(groups, wanted=())
        return playing.firings(groups)
