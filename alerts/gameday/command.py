"""`sloctl gameday`: does the right person get the right page, and how soon?"""

from __future__ import annotations

import difflib
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from alerts.gameday import report
from alerts.gameday.ask import UnansweredError
from alerts.gameday.fleet.crew import Crew, FleetError
from alerts.gameday.leave import leaving
from alerts.gameday.runner import BASELINE_SECONDS, Outcome, UnhealthyError, run
from alerts.gameday.scenarios import Scenario, scenarios
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC, stack
from alerts.gameday.tree import TreeError
from slo.servers import MissingToolError, ServerError

FAILED: Final = 1
CANNOT_TELL: Final = 4


@click.command()
@click.argument("wanted", metavar="[SCENARIO]...", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Say which scenarios there are, and stop.")
@click.option("--all", "everything", is_flag=True, help="Run every scenario.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML.")
@click.option(
    "--report", "written", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown."
)
@click.option("--seed", type=int, default=COMPACT_TRAFFIC.seed, help="Of the traffic.")
@click.option(
    "--baseline",
    type=click.FloatRange(min=15.0),
    default=BASELINE_SECONDS,
    help="Seconds of healthy traffic before each fault.",
)
def gameday(
    wanted: tuple[str, ...],
    *,
    listed: bool,
    everything: bool,
    junit: Path | None,
    written: Path | None,
    seed: int,
    baseline: float,
) -> None:
    """Break a simulated fleet on purpose, and wait for the page.

    Starts collector, Prometheus and Alertmanager on loopback for each SCENARIO, generates
    everything from the built-in catalogue, runs the fleet through the OpenTelemetry SDK,
    injects the fault, and reports who was told and how soon.
    """
    known = scenarios(COMPACT)
    if listed or not (wanted or everything):
        _list(known)
        return
    chosen = known if everything else _choose(wanted, known)
    console = Console(stderr=True)
    outcomes = [_run(scenario, seed, baseline, console) for scenario in chosen]
    text = report.markdown(outcomes)
    click.echo(text, nl=False)
    if written is not None:
        written.write_text(text, "utf-8")
    if junit is not None:
        junit.write_text(report.junit(outcomes), "utf-8")
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(FAILED)


def _choose(wanted: Sequence[str], known: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios by id, upper or lower case.

    Raises:
        click.UsageError: There is no such scenario; names the nearest.
    """
    by_id = {scenario.id.lower(): scenario for scenario in known}
    chosen: list[Scenario] = []
    for name in wanted:
        scenario = by_id.get(name.lower())
        if scenario is None:
            near = difflib.get_close_matches(name.lower(), by_id, n=1, cutoff=0.0)
            msg = f"unknown scenario {name!r}, did you mean {by_id[near[0]].id}? See --list"
            raise click.UsageError(msg)
        chosen.append(scenario)
    return chosen


def _run(scenario: Scenario, seed: int, baseline: float, console: Console) -> Outcome:
    """One scenario on a stack of its own, so that no other one speaks into it."""
    traffic = COMPACT_TRAFFIC.seeded(seed)
    console.print(f"{scenario.id} {scenario.fault.title}", style="bold", highlight=False)
    try:
        with (
            leaving(),
            tempfile.TemporaryDirectory(prefix="fleetslo-gameday-") as folder,
            stack(Path(folder)) as running,
            Crew(running.charge(COMPACT, traffic), hear=_say(console)) as crew,
        ):
            return run(
                scenario,
                running,
                crew,
                baseline_seconds=baseline,
                tell=lambda text: console.print(f"  {text}", highlight=False, soft_wrap=True),
            )
    except (MissingToolError, ServerError, FleetError) as error:
        console.print(f"cannot run the game day: {error}", style="red", highlight=False)
        sys.exit(CANNOT_TELL)
    except (TreeError, UnhealthyError, UnansweredError) as error:
        return Outcome(scenario, (), (), (), str(error))


def _say(console: Console) -> Callable[[str, str], None]:
    return lambda name, text: console.print(
        f"  {name}: {text}", style="yellow", highlight=False, soft_wrap=True
    )


def _list(known: Sequence[Scenario]) -> None:
    for scenario in known:
        fault = scenario.fault
        click.echo(f"{click.style(f'{fault.id:<11}', bold=True)}{fault.title}: {fault.injection}")
        for expected in scenario.expected:
            click.echo(f"{'':<11}-> {expected.severity.value} {expected.alert} to {expected.team}")
