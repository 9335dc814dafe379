"""Planned work that would keep somebody in the dark: for too long, or by no words at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from alerts.routing import hours
from alerts.routing.inhibit import at_once
from slo.diagnostic import Diagnostic, Level
from slo.exact import Duration
from slo.model import AlertRule, Compiled, Maintenance, Project, Severity


def windows(project: Project) -> Iterator[Diagnostic]:
    """Windows that cannot be read, or that name nothing and so everything."""
    for window in project.maintenance:
        try:
            hours.maintenance(window)
        except ValueError as error:
            text = f"maintenance {window.name}: {error}"
            yield Diagnostic("ALM010", Level.ERROR, text, window.place)
        if not window.matchers:
            text = f"maintenance {window.name} has no matchers and would mute everything"
            yield Diagnostic("ALM010", Level.ERROR, text, window.place, "name a service or an SLO")


def lengths(compiled: Compiled) -> Iterator[Diagnostic]:
    """Windows that mute for longer than is stated: alone, or one after the other.

    `windows` must have found nothing.
    """
    ahead = tuple(window for window in compiled.project.maintenance if not window.over)
    yield from _overlaps(ahead)
    for window in ahead:
        yield from _too_long(window, compiled.alert_rules())


def _overlaps(ahead: tuple[Maintenance, ...]) -> Iterator[Diagnostic]:
    timed = [(window, *_span(window)) for window in ahead]
    timed.sort(key=lambda each: (each[1], each[0].name))
    for place, (first, starts, ends) in enumerate(timed):
        for second, begins, until in timed[place + 1 :]:
            shared = first.matchers.keys() & second.matchers.keys()
            one = all(first.matchers[label] == second.matchers[label] for label in shared)
            if one and begins <= ends < until:
                yield Diagnostic(
                    "ALM020",
                    Level.ERROR,
                    f"maintenance {second.name} overlaps {first.name}: what fits both is muted "
                    f"from {starts:%Y-%m-%dT%H:%MZ} to {until:%Y-%m-%dT%H:%MZ}, longer than "
                    "either says",
                    second.place,
                    "make it one window, or narrow the matchers",
                )


def _too_long(window: Maintenance, rules: tuple[AlertRule, ...]) -> Iterator[Diagnostic]:
    starts, ends = _span(window)
    lasts = Duration.seconds(int((ends - starts) / timedelta(seconds=1)))
    muted = sorted({rule.name for rule in rules if _keeps_quiet(window, rule)})
    if muted and lasts > window.mutes_pages_for:
        more = f" and {len(muted) - 1} more" if len(muted) > 1 else ""
        yield Diagnostic(
            "ALM021",
            Level.ERROR,
            f"maintenance {window.name} would mute pages ({muted[0]}{more}) for "
            f"{lasts.promql()}, mutes_pages_for allows {window.mutes_pages_for.promql()}",
            window.place,
            f"is ends right? if so, state mutes_pages_for: {lasts.promql()}; "
            "severity: ticket among the matchers mutes tickets only",
        )


def _keeps_quiet(window: Maintenance, rule: AlertRule) -> bool:
    """Whether `window` may mute a page of `rule`: what its series says may be anything."""
    if rule.severity is not Severity.PAGE or at_once(rule):
        return False
    known = {"alertname": rule.name, "severity": rule.severity.value, **rule.labels}
    return all(known.get(label, value) == value for label, value in window.matchers.items())


def _span(window: Maintenance) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(window.starts), datetime.fromisoformat(window.ends)
