"""What time it is, which only the command line may know: windows that are over mute nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from slo.diagnostic import Diagnostic, Level
from slo.model import Maintenance, Project

SOON: Final = timedelta(days=7)
"""How long before a document that is over becomes an error it is a warning."""


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
    """`project` as it is at `now`, and what is to be said of every window that is over.

    Such a window mutes nothing any more and is a mark on the dashboards. When the time it
    is kept for has passed too, its document does nothing, and is an error.
    """
    windows = tuple(replace(each, over=_ends(each) <= now) for each in project.maintenance)
    problems = [_over(window, now) for window in windows if window.over]
    return replace(project, maintenance=windows), problems


def _ends(window: Maintenance) -> datetime:
    return datetime.fromisoformat(window.ends)


def _over(window: Maintenance, now: datetime) -> Diagnostic:
    until = _ends(window) + timedelta(milliseconds=window.keep.ms)
    left = until - now
    if left <= timedelta(0):
        level, hint = Level.ERROR, "remove the document, or state how long it stays, keep: 90d"
        text = f"maintenance {window.name} ended {window.ends}, longer than {window.keep.promql()}"
        return Diagnostic("SLO058", level, f"{text} ago", window.place, hint)
    level = Level.WARNING if left <= SOON else Level.NOTICE
    text = f"maintenance {window.name} was over at {window.ends}, it mutes nothing any more"
    hint = f"remove the document before {until:%Y-%m-%dT%H:%MZ}: from then on it is an error"
    return Diagnostic("SLO058", level, text, window.place, hint)
