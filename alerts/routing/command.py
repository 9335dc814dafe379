"""`sloctl routes`: who is told what, asked of a generated tree, and proven."""

from __future__ import annotations

import difflib
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from alerts.routing.count import counts
from alerts.routing.generator import CONFIG_PATH
from alerts.routing.insert import read
from alerts.routing.proof import PROOF, alert_labels
from alerts.routing.simulate import deliveries, open_at
from alerts.routing.table import table
from alerts.routing.tree import Routing
from slo.plugin import Verdict

PROBLEMS: Final = 1
CANNOT_TELL: Final = 4

_TREE: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def routes() -> None:
    """Who is told what: show it, compare it, prove it.

    DIR is the output of `sloctl generate`.
    """


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
def show(directory: Path) -> None:
    """Print every alert's way.

    For each route that takes it: the receiver, how long it gathers, waits and repeats, when
    nothing leaves, and the group key; then what would silence it.
    """
    click.echo(_ways(directory), nl=False)


@routes.command()
@click.argument("old", type=_TREE)
@click.argument("new", type=_TREE)
def diff(old: Path, new: Path) -> None:
    """Print which alerts go another way in NEW than in OLD; exit 1 if any does."""
    lines = difflib.unified_diff(
        _ways(old).splitlines(), _ways(new).splitlines(), str(old), str(new), lineterm="", n=4
    )
    changed = "\n".join(lines)
    if changed:
        click.echo(changed)
        raise SystemExit(PROBLEMS)
    click.echo("every alert goes the same way")


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
@click.argument("labels", metavar="LABEL=VALUE...", nargs=-1, required=True)
@click.option(
    "--at", "moment", metavar="TIME", help="ISO 8601 with offset, say 2026-12-05T22:30+01:00."
)
def who(directory: Path, labels: tuple[str, ...], moment: str | None) -> None:
    """Say who is told of an alert with these labels, now or at another time."""
    stated = dict(_pair(text) for text in labels)
    when = _moment(moment)
    routing = _read(directory)
    for way in deliveries(routing, stated):
        state = "" if open_at(routing, way, when) else ", but not at this time"
        click.echo(f"{way.receiver} after {way.waits['group_wait']}{state}")


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
def count(directory: Path) -> None:
    """Print how many notifications people get, were all alerts of a root cause to fire at once.

    Beside it, what routing by severity alone would send, grouped by alert and service.
    """
    click.echo("alerts  silent  notifications  by severity only  root cause")
    for line in counts(_read(directory), tuple(alert_labels(directory))):
        numbers = f"{line.alerts:6}  {line.silent:6}  {line.told:13}  {line.plain:16}"
        click.echo(f"{numbers}  {line.cause}")


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
@click.option(
    "--ways",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `show` printed when it was last reviewed: a difference fails.",
)
def prove(directory: Path, ways: Path | None) -> None:
    """Prove that every alert reaches its owner; exit 1 if not, 4 if amtool is missing."""
    verdicts: list[Verdict] = []
    for result in PROOF.run(directory):
        verdicts.append(result.verdict)
        click.echo(f"{result.verdict.value}  {result.name}")
        if result.detail:
            click.echo(f"  {result.detail}")
    if ways is not None:
        same = ways.read_text("utf-8") == _ways(directory)
        verdicts.append(Verdict.PASSED if same else Verdict.FAILED)
        click.echo(f"{verdicts[-1].value}  every alert goes the way that {ways} says")
    if Verdict.FAILED in verdicts:
        raise SystemExit(PROBLEMS)
    if Verdict.SKIPPED in verdicts:
        raise SystemExit(CANNOT_TELL)


def _ways(directory: Path) -> str:
    return table(_read(directory), tuple(alert_labels(directory)))


def _read(directory: Path) -> Routing:
    config = directory / CONFIG_PATH
    if not config.is_file():
        msg = f"{directory} holds no {CONFIG_PATH}: give the DIR of sloctl generate --out"
        raise click.ClickException(msg)
    try:
        return read(config.read_text("utf-8"))
    except ValueError as error:
        msg = f"{config}: {error}"
        raise click.ClickException(msg) from error


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not (label and equals):
        msg = f"not a label: {text!r}, write for example severity=page"
        raise click.BadParameter(msg)
    return label, value


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"not a time: {text!r}"
        raise click.BadParameter(msg) from error
    if moment.tzinfo is None:
        msg = f"a time needs its offset, got {text!r}"
        raise click.BadParameter(msg)
    return moment
