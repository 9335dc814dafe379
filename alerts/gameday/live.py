"""Scenarios in real time, one after the other, each on a stack of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from alerts.gameday.ask import UnansweredError
from alerts.gameday.fleet.crew import Crew, FleetError
from alerts.gameday.leave import leaving
from alerts.gameday.oracles import ask_all
from alerts.gameday.runner import Outcome, UnhealthyError, run
from alerts.gameday.scenarios import Scenario
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC, stack
from alerts.gameday.tree import TreeError
from slo.servers import MissingToolError, ServerError


class EndedError(RuntimeError):
    """Nothing can be said: servers are missing, or something did not come up."""


def live(
    chosen: Sequence[Scenario], seed: int, baseline: float, console: Console
) -> tuple[Outcome, ...]:
    """Every scenario's outcome.

    Args:
        chosen: What to run.
        seed: Of the traffic.
        baseline: Seconds of healthy traffic before each fault.
        console: Told what happens.

    Raises:
        EndedError: It could not be run.
    """
    return tuple(_run(scenario, seed, baseline, console) for scenario in chosen)


def _run(scenario: Scenario, seed: int, baseline: float, console: Console) -> Outcome:
    """One scenario on a stack of its own, so that no other one speaks into it."""
    traffic = COMPACT_TRAFFIC.seeded(seed)
    console.print(f"{scenario.id} {scenario.fault.title}", style="bold", highlight=False)
    try:
        with (
            leaving(),
            tempfile.TemporaryDirectory(prefix="fleetslo-gameday-") as folder,
            stack(Path(folder)) as running,
        ):
            with Crew(running.charge(COMPACT, traffic), hear=_say(console)) as crew:
                outcome = run(
                    scenario, running, crew, baseline_seconds=baseline, tell=_tell(console)
                )
            return replace(outcome, oracles=ask_all(running, crew.truth()))
    except (MissingToolError, ServerError, FleetError) as error:
        raise EndedError(str(error)) from error
    except (TreeError, UnhealthyError, UnansweredError) as error:
        return Outcome(scenario, (), (), (), str(error))


def _tell(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"  {text}", highlight=False, soft_wrap=True)


def _say(console: Console) -> Callable[[str, str], None]:
    return lambda name, text: console.print(
        f"  {name}: {text}", style="yellow", highlight=False, soft_wrap=True
    )
