"""`sloctl incident` and `sloctl report`: the past of a Prometheus, for postmortems and Mondays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import click

from alerts.incidents import past, weekly
from alerts.incidents.correlate import Incident, Relations, incidents
from alerts.incidents.page import Report, as_json, dark, markdown, overview
from alerts.routing.inhibit import edges
from slo.ask import Prometheus, RefusedError, UnreachableError
from slo.cli.reading import read_paths
from slo.exact import Duration
from slo.model import Alert, Slo

_T = TypeVar("_T")

PROBLEMS: Final = 1
CANNOT_TELL: Final = 4
_BEFORE_SECONDS: Final = 3_600.0
"""What changed this long before an incident may be its reason."""


@dataclass(frozen=True, slots=True)
class _Asked:
    prometheus: Prometheus
    when: past.Range
    relations: Relations


def _moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"not a time: {text!r}, write for example 2026-12-01T22:00:00+01:00"
        raise click.BadParameter(msg) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _length(_ctx: click.Context, _param: click.Parameter, text: str) -> float:
    try:
        return Duration.parse(text).ms / 1000
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_PROMETHEUS: Final = click.option(
    "--prometheus", "url", required=True, metavar="URL", help="Where the past is asked for."
)
_UNTIL: Final = click.option(
    "--until", callback=_moment, metavar="TIME", help="ISO 8601; default: now."
)
_LAST: Final = click.option(
    "--last", "last", default="1d", show_default=True, callback=_length, help="How far back."
)
_SPECS: Final = click.option(
    "--specs",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True),
    help="SLO files: what states a cause in depends_on belongs to it.",
)


@click.group()
def incident() -> None:
    """Alerts of one cause, or of neighbours, as one incident."""


@incident.command("list")
@_PROMETHEUS
@_UNTIL
@_LAST
@_SPECS
def listed(url: str, until: float | None, last: float, specs: tuple[str, ...]) -> None:
    """Print the incidents of a stretch of time, numbered."""
    asked = _asked(url, until, last, specs)
    found = _answered(lambda: _incidents(asked))
    click.echo(overview(found) or "no alert fired")


@incident.command()
@_PROMETHEUS
@_UNTIL
@_LAST
@_SPECS
@click.option("--number", type=click.IntRange(min=1), help="As `list` counts; default: every one.")
@click.option("--format", "form", type=click.Choice(["markdown", "json"]), default="markdown")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A folder; default: stdout."
)
def export(
    *,
    url: str,
    until: float | None,
    last: float,
    specs: tuple[str, ...],
    number: int | None,
    form: str,
    out: Path | None,
) -> None:
    """Write each incident's timeline: alerts, policy revisions, deployments, telemetry gaps."""
    asked = _asked(url, until, last, specs)
    reports = _answered(lambda: _reports(asked, number))
    if not reports:
        click.echo(
            "no alert fired" if number is None else f"there is no incident {number}", err=True
        )
        raise SystemExit(0 if number is None else PROBLEMS)
    for place, report in enumerate(reports, number or 1):
        text = markdown(report) if form == "markdown" else as_json(report)
        if out is None:
            click.echo(text, nl=False)
        else:
            out.mkdir(parents=True, exist_ok=True)
            suffix = "md" if form == "markdown" else "json"
            (out / f"incident-{place:03}.{suffix}").write_text(text, "utf-8")


@click.group("report")
def report_group() -> None:
    """What a stretch of time was like."""


@report_group.command("weekly")
@_PROMETHEUS
@_UNTIL
@_SPECS
def weekly_report(url: str, until: float | None, specs: tuple[str, ...]) -> None:
    """Print the week as Markdown: agents' error rates, changes, what the SLOs spent."""
    asked = _asked(url, until, weekly.WEEK_SECONDS, specs)

    def write() -> str:
        end = asked.when.end
        week = weekly.agents(asked.prometheus, end), weekly.budgets(asked.prometheus, end)
        episodes = past.episodes(asked.prometheus, asked.when)
        changes = past.events(asked.prometheus, asked.when)
        return weekly.markdown(end, week, changes, (episodes, incidents(episodes, _known(asked))))

    click.echo(_answered(write), nl=False)


def _asked(url: str, until: float | None, last: float, specs: Sequence[str]) -> _Asked:
    end = time.time() if until is None else until
    if last <= 0:
        msg = "--last must be above 0"
        raise click.UsageError(msg)
    try:
        prometheus = Prometheus(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return _Asked(prometheus, past.Range(end - last, end), Relations(causes=_causes(specs)))


def _causes(specs: Sequence[str]) -> frozenset[tuple[str, str]]:
    if not specs:
        return frozenset()
    project = read_paths(specs).project
    if project is None:
        msg = "the files of --specs have errors: run sloctl validate"
        raise click.ClickException(msg)
    return frozenset((_title(edge.effect), _title(edge.cause)) for edge in edges(project))


def _title(document: Slo | Alert) -> str:
    return document.slo_id if isinstance(document, Slo) else document.name


def _known(asked: _Asked) -> Relations:
    return Relations(past.neighbours(asked.prometheus, asked.when), asked.relations.causes)


def _incidents(asked: _Asked) -> list[Incident]:
    return incidents(past.episodes(asked.prometheus, asked.when), _known(asked))


def _reports(asked: _Asked, number: int | None) -> list[Report]:
    found = _incidents(asked)
    chosen = found if number is None else found[number - 1 : number]
    if not chosen:
        return []
    every = past.episodes(asked.prometheus, asked.when)
    changes = past.events(asked.prometheus, asked.when)
    gaps = [*past.gaps(asked.prometheus, asked.when), *dark(every, asked.when.end)]
    return [_report(asked, each, changes, gaps) for each in chosen]


def _report(
    asked: _Asked, found: Incident, changes: Sequence[past.Event], gaps: Sequence[past.Gap]
) -> Report:
    end = asked.when.end if found.ends is None else found.ends
    start = found.starts - _BEFORE_SECONDS
    return Report(
        found,
        start,
        end,
        past.within(changes, start, end),
        [gap for gap in gaps if gap.starts <= end and gap.ends >= start],
        past.policies(asked.prometheus, found.starts),
        asked.when.step,
    )


def _answered(ask: Callable[[], _T]) -> _T:
    """What `ask` finds out; where Prometheus does not tell, the command cannot either."""
    try:
        return ask()
    except (UnreachableError, RefusedError) as error:
        click.echo(f"cannot tell: {error}", err=True)
        raise SystemExit(CANNOT_TELL) from error
