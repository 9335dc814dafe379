"""`sloctl incident` and `sloctl report`: incidents with their timelines, and the week."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import click

from alerts.incidents import past, weekly
from alerts.incidents.alertmanager import Alertmanager, State
from alerts.incidents.correlate import Incident, Relations, incidents
from alerts.incidents.notified import notices
from alerts.incidents.page import Report, as_json, dark, markdown, overview
from alerts.routing.inhibit import edges
from alerts.routing.words import meant, meant_matchers
from slo.ask import Prometheus
from slo.cli.asking import answers, headers_in, prometheus_option
from slo.cli.reading import read_paths
from slo.exact import Duration
from slo.model import Alert, Slo

_F = TypeVar("_F", bound=Callable[..., object])

PROBLEMS: Final = 1
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


_PROMETHEUS: Final = prometheus_option()
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


def _alertmanager(ctx: click.Context, _param: click.Parameter, url: str | None) -> object:
    file = ctx.params.pop("alertmanager_headers", None)
    if url is None:
        return None
    try:
        return Alertmanager(url, headers_in(Path(file)) if isinstance(file, str) else ())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _with_alertmanager(command: _F) -> _F:
    """``--alertmanager URL`` and its headers; the command takes one parameter, `teller`."""
    address = click.option(
        "--alertmanager",
        "teller",
        callback=_alertmanager,
        envvar="FLEETSLO_ALERTMANAGER",
        show_envvar=True,
        metavar="URL",
        help="Ask it too: what silences what, who was told, what a person silenced.",
    )
    # Eager, so that it is known when the address is read.
    headers = click.option(
        "--alertmanager-headers",
        type=click.Path(exists=True, dir_okay=False),
        envvar="FLEETSLO_ALERTMANAGER_HEADERS",
        show_envvar=True,
        is_eager=True,
        metavar="FILE",
        help="Headers to send it, one 'Name: value' on each line.",
    )
    return address(headers(command))


@click.group()
def incident() -> None:
    """Show alerts of one cause as one incident, with its timeline."""


@incident.command("list")
@_PROMETHEUS
@_UNTIL
@_LAST
@_SPECS
@_with_alertmanager
def listed(
    *,
    prometheus: Prometheus,
    until: float | None,
    last: float,
    specs: tuple[str, ...],
    teller: Alertmanager | None,
) -> None:
    """Print the incidents of a stretch of time, numbered."""
    asked = _asked(prometheus, until, last, specs)
    with answers():
        found = _incidents(asked, _state(asked, teller))
    click.echo(overview(found) or "no alert fired")


@incident.command()
@_PROMETHEUS
@_UNTIL
@_LAST
@_SPECS
@_with_alertmanager
@click.option("--number", type=click.IntRange(min=1), help="As `list` counts; default: every one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="For people, or for programs.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="A folder; default: stdout."
)
def export(  # noqa: PLR0913 - one parameter per option of the command
    *,
    prometheus: Prometheus,
    until: float | None,
    last: float,
    specs: tuple[str, ...],
    teller: Alertmanager | None,
    number: int | None,
    form: str,
    out: Path | None,
) -> None:
    """Write each incident's timeline: alerts, policy revisions, deployments, telemetry gaps."""
    asked = _asked(prometheus, until, last, specs)
    with answers():
        reports = _reports(asked, number, _state(asked, teller))
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
    """Tell what a week was like: errors, changes, budgets, incidents."""


@report_group.command("weekly")
@_PROMETHEUS
@_UNTIL
@_SPECS
def weekly_report(prometheus: Prometheus, until: float | None, specs: tuple[str, ...]) -> None:
    """Print the week as Markdown: agents' error rates, changes, what the SLOs spent."""
    asked = _asked(prometheus, until, weekly.WEEK_SECONDS, specs)
    with answers():
        end = asked.when.end
        week = weekly.agents(asked.prometheus, end), weekly.budgets(asked.prometheus, end)
        episodes = past.episodes(asked.prometheus, asked.when)
        changes = past.events(asked.prometheus, asked.when)
        found = incidents(episodes, _known(asked))
    click.echo(weekly.markdown(end, week, changes, (episodes, found)), nl=False)


def _state(asked: _Asked, teller: Alertmanager | None) -> State | None:
    """What Alertmanager says, with severities in our words."""
    if teller is None:
        return None
    state, said = teller.state(), past.words(asked.prometheus)
    silences = tuple(
        replace(each, matchers=meant_matchers(each.matchers, said)) for each in state.silences
    )
    routing = None if state.routing is None else meant(state.routing, said)
    return replace(state, silences=silences, routing=routing)


def _asked(
    prometheus: Prometheus, until: float | None, last: float, specs: Sequence[str]
) -> _Asked:
    end = time.time() if until is None else until
    if last <= 0:
        msg = "--last must be above 0"
        raise click.UsageError(msg)
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


def _known(asked: _Asked, state: State | None = None) -> Relations:
    around = past.neighbours(asked.prometheus, asked.when)
    return Relations(around, asked.relations.causes, None if state is None else state.routing)


def _incidents(asked: _Asked, state: State | None) -> list[Incident]:
    return incidents(past.episodes(asked.prometheus, asked.when), _known(asked, state))


def _reports(asked: _Asked, number: int | None, state: State | None) -> list[Report]:
    found = _incidents(asked, state)
    chosen = found if number is None else found[number - 1 : number]
    if not chosen:
        return []
    every = [episode for each in found for episode in each.episodes]
    changes = past.events(asked.prometheus, asked.when)
    gaps = [*past.gaps(asked.prometheus, asked.when), *dark(every, asked.when.end)]
    reports = [_report(asked, each, changes, gaps) for each in chosen]
    if state is None:
        return reports
    end = asked.when.end
    return [replace(r, notices=notices(state, r.incident.episodes, every, end)) for r in reports]


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
