"""`sloctl generate`: everything in memory first, then written, or nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from slo.cli.building import Built, built, checked, stops, uncollected, wrapped
from slo.cli.clock import at, now_option
from slo.cli.plugins import generators
from slo.cli.reading import read_paths
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, State
from slo.cli.validate import counted
from slo.cli.writing import Change, differences, write
from slo.emit.flavors import Flavor
from slo.plugin import Output

_VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?")


def _families(_ctx: click.Context, _param: click.Parameter, value: str | None) -> frozenset[Output]:
    if value is None:
        return frozenset(Output)
    known = [output.value for output in Output]
    words = [word.strip() for word in value.split(",") if word.strip()]
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        msg = f"{', '.join(unknown) or 'nothing'}; known are {', '.join(known)}"
        raise click.BadParameter(msg)
    return frozenset(Output(word) for word in words)


def _version(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if value is None:
        return None
    match = _VERSION.fullmatch(value)
    if match is None:
        msg = f"not a version: {value!r}, write for example 0.28"
        raise click.BadParameter(msg)
    return int(match[1]), int(match[2])


@click.command("generate")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, allow_dash=True),
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the output tree is written.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when DIR is out of date.")
@click.option(
    "--only",
    callback=_families,
    metavar="LIST",
    help=f"Some families only, with commas: {', '.join(Output)}.",
)
@click.option(
    "--flavor",
    type=click.Choice([flavor.value for flavor in Flavor]),
    default=Flavor.PROMETHEUS.value,
    show_default=True,
    help="Wrap rules, and dashboards for Kubernetes, beside the plain files.",
)
@click.option(
    "--compat",
    type=click.Choice(["sloth"]),
    help="Add the record names and labels of sloth, for dashboards and alerts that exist.",
)
@click.option(
    "--alertmanager-version",
    "alertmanager",
    callback=_version,
    metavar="X.Y",
    help="The Alertmanager to write for, whatever targets.alertmanager says. Default: 0.25.",
)
@click.option("--strict", is_flag=True, help="Let warnings stop the run.")
@click.option("--force", is_flag=True, help="Overwrite what others wrote or changed in DIR.")
@now_option
@click.pass_obj
def generate(  # noqa: PLR0913 - one parameter per option of the command
    state: State,
    *,
    paths: tuple[str, ...],
    out: Path,
    check: bool,
    only: frozenset[Output],
    flavor: str,
    compat: str | None,
    alertmanager: tuple[int, int] | None,
    strict: bool,
    force: bool,
    now: datetime,
) -> int:
    """Write rules, their tests, dashboards, routes, runbooks and collector configuration.

    On any error nothing is written. A second run changes nothing; what an earlier run
    wrote and this one does not is removed.
    """
    wish = _Wish(out, only, Flavor(flavor), compat == "sloth", alertmanager, strict, now)
    with uncollected():
        found = _build(state, paths, wish)
    if found is None:
        return PROBLEMS
    files, words = found
    if check:
        return _check(state, differences(out, files, only), out)
    changes = write(out, files, only, force=force)
    for change in changes:
        state.detail(f"{change.what} {out / change.path}")
    state.say(f"{words}: {_told(files, changes)} in {out}")
    return FINE


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command line asks for."""

    out: Path
    only: frozenset[Output]
    flavor: Flavor
    sloth: bool
    alertmanager: tuple[int, int] | None
    strict: bool
    now: datetime


def _build(
    state: State, paths: tuple[str, ...], wish: _Wish
) -> tuple[tuple[Built, ...], str] | None:
    """All files that are wished for, and what they were made of; None after problems."""
    reading = read_paths(paths)
    _refuse_own_source(reading.sources, wish)
    problems = list(reading.problems)
    if reading.project is None:
        report(problems, reading.sources, state)
        return None
    wanted = [each for each in generators() if each.output in wish.only]
    project, stale = at(reading.project, wish.now)
    if wish.alertmanager is not None:
        settings = replace(project.settings, alertmanager_version=wish.alertmanager)
        project = replace(project, settings=settings)
    compiled, more = checked(project, wanted, sloth=wish.sloth)
    problems.extend((*stale, *more))
    files: tuple[Built, ...] = ()
    if not stops(problems, strict=wish.strict):
        plain = built(compiled, wanted)
        files, large = wrapped(plain, compiled, wish.flavor, wish.only)
        problems.extend(large)
    report(problems, reading.sources, state)
    if stops(problems, strict=wish.strict):
        return None
    return files, counted(reading.project)


def _refuse_own_source(sources: Iterable[str], wish: _Wish) -> None:
    """Runbooks beside the files that are read are taken for written by hand, and included."""
    out = wish.out.resolve()
    if Output.RUNBOOKS in wish.only and any(Path(name).resolve().parent == out for name in sources):
        msg = (
            f"{wish.out} holds files that are read; give a directory of its own, as {wish.out}/out"
        )
        raise click.BadParameter(msg, param_hint="'--out'")


def _check(state: State, changes: tuple[Change, ...], out: Path) -> int:
    if not changes:
        state.say(f"{out} is up to date")
        return FINE
    for change in changes:
        click.echo(f"{change.what}: {out / change.path}", err=True)
    click.echo(f"{out} is out of date, run sloctl generate without --check", err=True)
    return PROBLEMS


def _told(files: tuple[Built, ...], changes: tuple[Change, ...]) -> str:
    removed = sum(change.what == "removed" for change in changes)
    written = len(changes) - removed
    told = f"{len(files)} files, {written or 'none'} changed"
    return told + (f", {removed} removed" if removed else "")


COMMAND = generate
