"""Scenarios in real time, one after the other, each on a stack of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from alerts.gameday.ask import UnansweredError
from alerts.gameday.fleet.charge import Charge
from alerts.gameday.fleet.crew import Crew, FleetError
from alerts.gameday.fleet.traffic import DAY_SECONDS, LONG, Traffic
from alerts.gameday.leave import leaving
from alerts.gameday.oracles import ask_all, found_out
from alerts.gameday.runner import BASELINE_SECONDS, Outcome, UnhealthyError, run
from alerts.gameday.scenarios import Scenario
from alerts.gameday.sink import Sink
from alerts.gameday.site import GIVEN_PUSH_SECONDS, Given, own
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC, Stack, stack, start_collector
from alerts.gameday.tree import PUSH_SECONDS, Also, TreeError
from slo.servers import MissingToolError, ServerError

PLAIN: Final = "otel-genai"
"""In whose words agents without metrics tell of their work, unless it is said."""


class EndedError(RuntimeError):
    """Nothing can be said: servers are missing, or something did not come up."""


_SWING: Final = 0.5
_WEEKEND: Final = 0.4
"""As in the month of virtual time."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the fleet lives.

    Attributes:
        seed: Of the traffic.
        baseline_seconds: Healthy traffic before each fault.
        dialect: In whose words agents tell of their work; empty is in their own.
        has_metrics: The fleet sends metrics; else the collector must find everything out.
        day_seconds: A day of the fleet lasts so long: work comes and goes with it and with
            weekends, and some runs take hours of it. 0 is always noon, without such runs.
    """

    seed: int = COMPACT_TRAFFIC.seed
    baseline_seconds: float = BASELINE_SECONDS
    dialect: str = ""
    has_metrics: bool = True
    day_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.has_metrics and not self.dialect:  # some dialect that the collector counts
            object.__setattr__(self, "dialect", PLAIN)

    @property
    def traffic(self) -> Traffic:
        """How much there is."""
        even = COMPACT_TRAFFIC.seeded(self.seed)
        if not self.day_seconds:
            return even
        pace = DAY_SECONDS / self.day_seconds
        return replace(even, swing=_SWING, weekend=_WEEKEND, long=LONG, pace=pace)


def live(
    chosen: Sequence[Scenario],
    manner: Manner,
    console: Console,
    given: Given | None = None,
) -> tuple[Outcome, ...]:
    """Every scenario's outcome.

    Args:
        chosen: What to run.
        manner: How the fleet lives.
        console: Told what happens.
        given: Servers of the user's own; None starts new ones for each scenario.

    Raises:
        EndedError: It could not be run.
    """
    play = _on_our_own if given is None else partial(_on, given)
    return tuple(_run(scenario, play, manner, console) for scenario in chosen)


_Play = Callable[[Scenario, Manner, Console], Outcome]


def _run(scenario: Scenario, play: _Play, manner: Manner, console: Console) -> Outcome:
    console.print(f"{scenario.id} {scenario.fault.title}", style="bold", highlight=False)
    if not (manner.has_metrics or scenario.shows):
        msg = f"{scenario.id} shows in metrics of the fleet alone, and it sends none"
        return Outcome(scenario, (), (), (), msg)
    try:
        with leaving():
            return play(scenario, manner, console)
    except (MissingToolError, ServerError, FleetError) as error:
        raise EndedError(str(error)) from error
    except (TreeError, UnhealthyError, UnansweredError) as error:
        return Outcome(scenario, (), (), (), str(error))


def _on_our_own(scenario: Scenario, manner: Manner, console: Console) -> Outcome:
    """One scenario on a stack of its own, so that no other one speaks into it."""
    with (
        tempfile.TemporaryDirectory(prefix="fleetslo-gameday-") as folder,
        _destination(scenario) as sink,
        stack(Path(folder), also=_also(scenario, manner, sink)) as running,
        ExitStack() as again,
    ):
        stage = _OwnStage(running, again, sink)
        push_seconds = PUSH_SECONDS if manner.has_metrics else 0.0
        charge = running.charge(COMPACT, manner.traffic, manner.dialect, push_seconds)
        with Crew(charge, hear=_say(console)) as crew:
            outcome = run(
                scenario,
                own(running).of(manner.dialect),
                crew,
                baseline_seconds=manner.baseline_seconds,
                stage=stage,
                tell=_tell(console),
            )
        truth = crew.truth()
        if truth is not None and not manner.has_metrics:
            truth = found_out(truth)
        return replace(outcome, oracles=ask_all(running, truth))


def _destination(scenario: Scenario) -> AbstractContextManager[Sink | None]:
    return Sink() if scenario.fault.needs_destination else nullcontext()


def _also(scenario: Scenario, manner: Manner, sink: Sink | None) -> Also:
    return Also(
        understands=bool(manner.dialect),
        watches=not manner.has_metrics,
        limits_series=scenario.fault.limits_series,
        destination="" if sink is None else sink.url,
    )


class _OwnStage:
    """The servers of a stack of our own: the collector may be killed, its destination closed."""

    def __init__(self, running: Stack, again: ExitStack, sink: Sink | None) -> None:
        self._running = running
        self._again = again
        self._sink = sink

    def close_destination(self) -> None:
        if self._sink is not None:
            self._sink.refuse()

    def open_destination(self) -> None:
        if self._sink is not None:
            self._sink.accept()

    def kill_collector(self) -> None:
        self._running.collector.process.kill()
        self._running.collector.process.wait()

    def start_collector(self) -> None:
        started = start_collector(self._running.tree, self._running.ports)
        self._again.enter_context(started)


def _on(given: Given, scenario: Scenario, manner: Manner, console: Console) -> Outcome:
    """One scenario on servers that are not ours: nothing of theirs is started or stopped."""
    if scenario.fault.needs_stage or scenario.fault.limits_series:
        msg = f"{scenario.id} breaks more than the fleet: it needs a stack of its own"
        return Outcome(scenario, (), (), (), msg)
    site = given.site().of(manner.dialect)
    charge = Charge(
        name="",
        grpc=given.grpc,
        http=given.http,
        traffic=manner.traffic,
        topology=COMPACT,
        push_seconds=GIVEN_PUSH_SECONDS if manner.has_metrics else 0.0,
        dialect=manner.dialect,
    )
    with Crew(charge, hear=_say(console)) as crew:
        baseline = manner.baseline_seconds
        return run(scenario, site, crew, baseline_seconds=baseline, tell=_tell(console))


def _tell(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"  {text}", highlight=False, soft_wrap=True)


def _say(console: Console) -> Callable[[str, str], None]:
    return lambda name, text: console.print(
        f"  {name}: {text}", style="yellow", highlight=False, soft_wrap=True
    )
