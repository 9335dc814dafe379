"""`sloctl backtest`: the exact rules over a past, and over other objectives and policies."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from slo.ask import Prometheus
from slo.cli.asking import prometheus_option
from slo.cli.reading import read_paths
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, CannotTell, Fault, State
from slo.exact import Ratio
from slo.model import Slo
from slo.policy import PolicyName
from slo.spec.problems import nearest


def _objectives(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[Ratio, ...]:
    try:
        found = tuple(Ratio.from_percent(part) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if any(objective.value == 1 for objective in found):
        msg = "an objective of 100 percent leaves no budget"
        raise click.BadParameter(msg)
    return found


def _policies(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[PolicyName, ...]:
    try:
        return tuple(PolicyName(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        known = ", ".join(PolicyName)
        msg = f"{error}; shipped are {known}"
        raise click.BadParameter(msg) from error


@click.command("backtest")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(exists=True))
@prometheus_option(required=False)
@click.option(
    "--events",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of events, CSV or JSON lines, in place of a Prometheus.",
)
@click.option("--slo", "wanted", multiple=True, metavar="ID", help="Only this SLO; repeatable.")
@click.option("--since", default="30d", show_default=True, help="With --prometheus: from when.")
@click.option("--until", help="With --prometheus: until when; now.")
@click.option(
    "--objectives",
    callback=_objectives,
    default="",
    metavar="LIST",
    help="Try these as well, in percent: 99,99.5,99.9",
)
@click.option(
    "--policies",
    callback=_policies,
    default="",
    metavar="LIST",
    help=f"Try these as well: {','.join(PolicyName)}",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.svg",
    help="Draw errors and alerts as SVG.",
)
@click.pass_obj
def backtest(  # noqa: PLR0913, PLR0917 - one parameter for each option
    state: State,
    specs: tuple[str, ...],
    prometheus: Prometheus | None,
    events: Path | None,
    wanted: tuple[str, ...],
    since: str,
    until: str | None,
    objectives: tuple[Ratio, ...],
    policies: tuple[PolicyName, ...],
    form: str,
    plot: Path | None,
) -> int:
    """Tell which alerts of the SLOs in SPEC would have fired in the past, and when.

    The past is what --prometheus holds, or a file of --events. The rules are those that
    `sloctl generate` writes, evaluated by a real Prometheus on this machine.
    """
    if (prometheus is None) == (events is None):
        msg = "give either --prometheus URL or --events FILE"
        raise click.UsageError(msg)
    reading = read_paths(specs)
    report([p for p in reading.problems if p.level == "error"], reading.sources, state)
    if reading.project is None:
        return PROBLEMS
    slos = _chosen(reading.project.slos, wanted)
    # numpy and rich are slow to import
    from slo.cli.backtesting import run_all, show  # noqa: PLC0415
    from slo.cli.playing import reachable, stretch  # noqa: PLC0415
    from slo.cli.verify import Waiting  # noqa: PLC0415

    source = None if prometheus is None else reachable(prometheus)
    span = stretch(since, until) if prometheus is not None else None
    waiting = Waiting(sys.stderr, active=sys.stderr.isatty() and not state.quiet)
    try:
        found = run_all(
            slos,
            reading.project.settings,
            source=source,
            events=events,
            span=span,
            sweep=(objectives, policies),
            told=waiting.show,
        )
    finally:
        waiting.clear()
    show(found, form, plot)
    if not any(outcome.total for outcomes in found for outcome in outcomes):
        msg = "the past holds no event of these SLOs"
        raise CannotTell(msg)
    return FINE


def _chosen(slos: tuple[Slo, ...], wanted: tuple[str, ...]) -> tuple[Slo, ...]:
    if not slos:
        msg = "there is no SLO in these files"
        raise Fault(msg)
    for slo_id in wanted:
        if slo_id not in {slo.slo_id for slo in slos}:
            hint = nearest(slo_id, (slo.slo_id for slo in slos))
            msg = f"no SLO is called {slo_id!r}, {hint}"
            raise Fault(msg)
    return tuple(slo for slo in slos if not wanted or slo.slo_id in wanted)


COMMAND = backtest
