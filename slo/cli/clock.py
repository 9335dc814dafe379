"""What time it is, which only the command line may know: windows that are over mute nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from slo.diagnostic import Diagnostic, Level
from slo.model import Maintenance, Project

KEPT: Final = timedelta(days=92)
"""How long a window that is over stays a mark on dashboards: the longest budget, a quarter."""


def _moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"not a time: {text!r}, write for example 2026-12-01T22:00:00+01:00"
        raise click.BadParameter(msg) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


now_option = click.option(
    "--now",
    callback=_moment,
    metavar="TIME",
    help="The time of the run, ISO 8601: maintenance that is over then mutes nothing. "
    "Default: the clock.",
)


def at(project: Project, now: datetime) -> tuple[Project, list[Diagnostic]]:
    """`project` as it is at `now`, and a warning for every window that is over.

    Such a window mutes nothing any more. It stays on the dashboards as long as it can
    matter to a budget.
    """
    windows = [_aged(window, now) for window in project.maintenance]
    problems = [_stale(window) for window in windows if window.over]
    kept = tuple(window for window in windows if now - _ends(window) < KEPT)
    return replace(project, maintenance=kept), problems


def _aged(window: Maintenance, now: datetime) -> Maintenance:
    return replace(window, over=_ends(window) <= now)


def _ends(window: Maintenance) -> datetime:
    return datetime.fromisoformat(window.ends)


def _stale(window: Maintenance) -> Diagnostic:
    text = f"maintenance {window.name} was over at {window.ends}, it mutes nothing any more"
    return Diagnostic("SLO058", Level.WARNING, text, window.place, "remove the document")
