"""`sloctl gameday`: does the right person get the right page, and how soon?"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import click
from rich.console import Console

from alerts.gameday import report, story_report
from alerts.gameday.fleet.voice import spoken
from alerts.gameday.live import EndedError, Manner, live
from alerts.gameday.runner import BASELINE_SECONDS, Outcome
from alerts.gameday.scenarios import Scenario, scenarios
from alerts.gameday.site import Given
from alerts.gameday.stack import COMPACT, COMPACT_TRAFFIC
from alerts.gameday.tree import TreeError
from alerts.gameday.virtual.cases import Case
from alerts.gameday.virtual.coverage import Coverage, coverage
from alerts.gameday.virtual.day import RulesError, outcomes, play
from alerts.gameday.virtual.matrix import cases
from alerts.gameday.virtual.month import TALES, Tale
from alerts.gameday.virtual.telling import tell
from slo.ask import RefusedError
from slo.replay import ReplayError, TooMuchError
from slo.servers import MissingToolError, ServerError

FAILED: Final = 1
CANNOT_TELL: Final = 4
_UNABLE: Final = (
    MissingToolError,
    ServerError,
    TreeError,
    ReplayError,
    TooMuchError,
    RefusedError,
)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_TABLE: Final = click.Path(exists=True, dir_okay=False, writable=True, path_type=Path)
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_Chosen = TypeVar("_Chosen", Scenario, Case)


@click.command()
@click.argument("wanted", metavar="[SCENARIO]...", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Say which scenarios there are, and stop.")
@click.option("--all", "everything", is_flag=True, help="Run every scenario.")
@click.option("--virtual", is_flag=True, help="In virtual time: hours in seconds, no collector.")
@click.option(
    "--story",
    type=click.Choice(sorted(TALES)),
    help="Thirty days in virtual time: incidents, budgets, quiet between.",
)
@click.option("--against", type=_FOLDER, help="Rule files of your own instead; in virtual time.")
@click.option("--prometheus", metavar="URL", help="Yours instead of a new one; it scrapes --grpc.")
@click.option("--alertmanager", metavar="URL", help="Yours, asked whom it tells.")
@click.option(
    "--grpc", metavar="HOST:PORT", default="127.0.0.1:4317", help="OTLP of your collector."
)
@click.option("--http", metavar="URL", default="http://127.0.0.1:4318", help="The same over HTTP.")
@click.option(
    "--dialect",
    type=click.Choice(("own", *spoken()), case_sensitive=False),
    default="own",
    metavar="NAME",
    help="In whose words the agents tell of their work: own, mixed, or one that is understood.",
)
@click.option(
    "--without-metrics",
    is_flag=True,
    help="The agents send spans and log records alone; the collector finds out the rest.",
)
@click.option("--junit", type=_FILE, help="Write JUnit XML.")
@click.option("--report", "written", type=_FILE, help="Write Markdown.")
@click.option("--table", type=_TABLE, help="Renew the table in a Markdown file that has its marks.")
@click.option(
    "--day",
    "day_seconds",
    type=click.FloatRange(min=60.0),
    metavar="SECONDS",
    help="A day of the fleet in so many seconds: nights, weekends, long runs; in real time.",
)
@click.option("--seed", type=int, default=COMPACT_TRAFFIC.seed, help="Of the traffic.")
@click.option(
    "--baseline",
    type=click.FloatRange(min=15.0),
    default=BASELINE_SECONDS,
    help="Seconds of healthy traffic before each fault, in real time.",
)
def gameday(  # noqa: PLR0913 - one argument for each option
    wanted: tuple[str, ...],
    *,
    listed: bool,
    everything: bool,
    virtual: bool,
    story: str | None,
    against: Path | None,
    prometheus: str | None,
    alertmanager: str | None,
    grpc: str,
    http: str,
    dialect: str,
    without_metrics: bool,
    junit: Path | None,
    written: Path | None,
    table: Path | None,
    day_seconds: float | None,
    seed: int,
    baseline: float,
) -> None:
    """Break a simulated fleet on purpose, and wait for the page.

    Starts collector, Prometheus and Alertmanager on loopback for each SCENARIO, generates
    everything from the built-in catalogue, runs the fleet through the OpenTelemetry SDK,
    injects the fault, and reports who was told and how soon. With --virtual a model of the
    fleet lives through hours in seconds, and a real Prometheus replays the rules over it.
    --story tells of a whole month, with its budgets.
    With --prometheus and --alertmanager the fleet reports to your own collector, and your own
    servers must find the fault: whoever is on call is woken.
    """
    given = _given(prometheus, alertmanager, grpc, http)
    _real_only(
        {
            "--prometheus and --alertmanager": given is not None,
            "--dialect and --without-metrics": dialect != "own" or without_metrics,
            "--day": bool(day_seconds),
        },
        virtual=bool(virtual or against or story),
    )
    console = Console(stderr=True)
    if story is not None:
        if wanted or everything or virtual or against or table:
            msg = "--story is told by itself, with --seed, --report and --junit"
            raise click.UsageError(msg)
        _tell(TALES[story](), seed, console, junit=junit, written=written)
        return
    shown: Coverage | None = None
    if virtual or against:
        many = cases()
        if listed or not (wanted or everything):
            _list([case.scenario for case in many])
            return
        chosen = many if everything else _choose(wanted, many)
        found, shown = _virtual(chosen, seed, against, console)
    else:
        known = scenarios(COMPACT)
        if listed or not (wanted or everything):
            _list(known)
            return
        try:
            seen = [each for each in known if each.shows or not without_metrics]
            chosen_live = seen if everything else _choose(wanted, known)
            spoken_in = "" if dialect == "own" else dialect
            manner = Manner(
                seed,
                baseline,
                spoken_in,
                has_metrics=not without_metrics,
                day_seconds=day_seconds or 0.0,
            )
            found = live(chosen_live, manner, console, given)
        except EndedError as error:
            _cannot_tell(error, console)
    _write(found, shown if everything else None, junit=junit, written=written, table=table)
    if not all(outcome.passed for outcome in found):
        sys.exit(FAILED)


def _real_only(asked: Mapping[str, bool], *, virtual: bool) -> None:
    """Refuse what is asked for in virtual time and is for real time.

    Raises:
        click.UsageError: There is such an option; names it.
    """
    wrong = [option for option, given in asked.items() if given and virtual]
    if wrong:
        msg = (
            f"{wrong[0]}: for real time only, without --virtual, --against and --story: there are "
            "no spans in virtual time, and each scenario says how work comes and goes"
        )
        raise click.UsageError(msg)


def _given(prometheus: str | None, alertmanager: str | None, grpc: str, http: str) -> Given | None:
    if prometheus is None and alertmanager is None:
        return None
    if prometheus is None or alertmanager is None:
        msg = "--prometheus and --alertmanager belong together"
        raise click.UsageError(msg)
    return Given(
        prometheus=prometheus.rstrip("/"),
        alertmanager=alertmanager.rstrip("/"),
        grpc=grpc,
        http=http.rstrip("/"),
    )


def _virtual(
    chosen: Sequence[Case], seed: int, against: Path | None, console: Console
) -> tuple[tuple[Outcome, ...], Coverage]:
    try:
        day = play(chosen, seed, lambda text: console.print(text, highlight=False), against)
    except RulesError as error:
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        sys.exit(FAILED)
    except _UNABLE as error:
        _cannot_tell(error, console)
    return outcomes(day), coverage(day)


def _tell(
    tale: Tale, seed: int, console: Console, *, junit: Path | None, written: Path | None
) -> None:
    try:
        ending = tell(tale, seed, lambda text: console.print(text, highlight=False))
    except _UNABLE as error:
        _cannot_tell(error, console)
    text = story_report.markdown(ending)
    click.echo(text, nl=False)
    if written is not None:
        written.write_text(text, "utf-8")
    if junit is not None:
        junit.write_text(report.junit(ending.outcomes), "utf-8")
    if not story_report.passed(ending):
        sys.exit(FAILED)


def _cannot_tell(error: Exception, console: Console) -> NoReturn:
    console.print(f"cannot run the game day: {error}", style="red", highlight=False)
    sys.exit(CANNOT_TELL)


def _write(
    found: Sequence[Outcome],
    shown: Coverage | None,
    *,
    junit: Path | None,
    written: Path | None,
    table: Path | None,
) -> None:
    text = report.markdown(found, shown)
    click.echo(text, nl=False)
    if written is not None:
        written.write_text(text, "utf-8")
    if junit is not None:
        junit.write_text(report.junit(found), "utf-8")
    if table is not None:
        try:
            renewed = report.inserted(table.read_text("utf-8"), found, shown)
        except (OSError, ValueError) as error:
            msg = f"--table {table}: {error}"
            raise click.UsageError(msg) from error
        table.write_text(renewed, "utf-8")


def _choose(wanted: Sequence[str], known: Sequence[_Chosen]) -> list[_Chosen]:
    """The scenarios by id, upper or lower case.

    Raises:
        click.UsageError: There is no such scenario; names the nearest.
    """
    by_id = {scenario.id.lower(): scenario for scenario in known}
    chosen: list[_Chosen] = []
    for name in wanted:
        scenario = by_id.get(name.lower())
        if scenario is None:
            near = difflib.get_close_matches(name.lower(), by_id, n=1, cutoff=0.0)
            msg = f"unknown scenario {name!r}, did you mean {by_id[near[0]].id}? See --list"
            raise click.UsageError(msg)
        chosen.append(scenario)
    return chosen


def _list(known: Sequence[Scenario]) -> None:
    for scenario in known:
        fault = scenario.fault
        click.echo(f"{click.style(f'{fault.id:<14}', bold=True)}{fault.title}: {fault.injection}")
        for expected in scenario.expected:
            click.echo(f"{'':<14}-> {expected.severity.value} {expected.alert} to {expected.team}")
        if not scenario.expected:
            click.echo(f"{'':<14}-> nobody is told")
