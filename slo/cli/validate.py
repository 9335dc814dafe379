"""`sloctl validate`: every problem of all files at once."""

from __future__ import annotations

from datetime import datetime

import click

from slo.cli.building import checked, stops
from slo.cli.clock import at, now_option
from slo.cli.plugins import generators
from slo.cli.reading import read_paths
from slo.cli.report import Format, report
from slo.cli.state import FINE, PROBLEMS, State
from slo.model import Project
from slo.plural import plural


@click.command("validate")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, allow_dash=True),
)
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in Format]),
    default="text",
    show_default=True,
    help="text for people, json for programs, github for pull requests.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@now_option
@click.pass_obj
def validate(state: State, paths: tuple[str, ...], form: str, strict: bool, now: datetime) -> int:
    """Check files, and report every problem at once.

    PATH is a file, a directory, or - for standard input. Nothing is written.
    """
    reading = read_paths(paths)
    problems = list(reading.problems)
    if reading.project is not None:
        project, stale = at(reading.project, now)
        problems.extend(stale)
        problems.extend(checked(project, generators())[1])
    report(problems, reading.sources, state, Format(form))
    if reading.project is None or stops(problems, strict=strict):
        return PROBLEMS
    if form == Format.TEXT:
        state.say(f"{counted(reading.project)}: fine")
    return FINE


def counted(project: Project) -> str:
    """``10 SLOs, 9 alerts, 4 teams``."""
    counts = [
        (len(project.slos), "SLO"),
        (len(project.alerts), "alert"),
        (len(project.teams), "team"),
        (len(project.maintenance), "maintenance window"),
    ]
    return ", ".join(plural(n, word) for n, word in counts if n) or "settings only"


COMMAND = validate
