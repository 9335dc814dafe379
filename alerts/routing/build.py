"""From teams and alerts to the routing tree.

The order is the meaning: the dead man's switch first, the audit copy next (it lets the
alert go on), then one branch for each team, and last an explicit catch-all, because a
route that lets go on makes Alertmanager forget the default receiver.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alerts.routing import hours, receivers
from alerts.routing.inhibit import CLUSTER, at_once, inhibitions
from alerts.routing.tree import (
    AUDIT,
    CATCH_ALL,
    GROUP_BY_ALL,
    NOBODY,
    WATCHDOG,
    Interval,
    Receiver,
    Route,
    Routing,
    equals,
    one_of,
)
from slo import names
from slo.model import Compiled, Project, Severity, Team

AUDIT_TEAM: Final = "audit"
"""A team of this name gets a copy of everything; it owns nothing."""

WATCHDOG_TEAM: Final = "watchdog"
"""A team of this name gets the heartbeat; it is a service outside that misses it."""

_Pairs = frozenset[tuple[str, str]]

_GROUP_BY: Final = ("root_cause", CLUSTER)

# Every repeat_interval is a multiple of its group_interval, else Alertmanager rounds it
# up, and below the 120 h that it remembers notifications for.
_WAITS: Final = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
_HEARTBEAT: Final = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1m"}
_AUDIT: Final = {"group_wait": "0s", "repeat_interval": "4d"}
_AT_ONCE: Final = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1h"}
# Ten seconds let the alerts of one evaluation meet, so that a cause silences in time.
_PAGE: Final = {"group_wait": "10s", "repeat_interval": "1h"}
# What a window held back is looked at again every group_interval: soon after its end.
_MUTED_PAGE: Final = {**_PAGE, "group_interval": "1m"}
# A ticket already sent cannot be taken back when the page follows: it waits until what grows
# slowly has become one. Nobody looks at it within minutes.
_TICKET: Final = {"group_wait": "15m", "group_interval": "30m", "repeat_interval": "3d"}


def routing(compiled: Compiled) -> Routing:
    """The whole configuration; `alerts.routing.check.check` must have passed."""
    project = compiled.project
    root = Route(
        receiver=CATCH_ALL,
        group_by=_GROUP_BY,
        waits=_WAITS,
        routes=(
            *_special(project),
            *(_team(team, compiled) for team in people(project)),
            _catch_all(),
        ),
    )
    return Routing(
        root, inhibitions(compiled), _intervals(project, root), tuple(_receivers(project))
    )


def people(project: Project) -> tuple[Team, ...]:
    """The teams that own alerts: all but the audit and the heartbeat."""
    return tuple(team for team in project.teams if team.name not in {AUDIT_TEAM, WATCHDOG_TEAM})


def receiver_name(team: str, severity: Severity) -> str:
    """The receiver of a team for a severity: ``fleetslo-platform-page``."""
    return f"fleetslo-{team}-{severity.value}"


def fallback(project: Project) -> tuple[Team, ...]:
    """Who gets what nobody owns: the default owner, else everybody."""
    owner = project.settings.default_owner
    named = tuple(team for team in people(project) if team.name == owner)
    return named or people(project)


def _special(project: Project) -> Iterator[Route]:
    yield Route(
        WATCHDOG,
        (equals("alertname", names.WATCHDOG),),
        ("alertname", CLUSTER),
        _HEARTBEAT,
        why="the dead man's switch: always firing, missed when it stops",
    )
    if any(team.name == AUDIT_TEAM for team in project.teams):
        yield Route(
            AUDIT,
            (),
            (GROUP_BY_ALL,),
            _AUDIT,
            continues=True,
            why="a copy of everything; the alert goes on",
        )
    yield Route(NOBODY, (equals("severity", "none"),), why="shown, but sent to nobody")


def _team(team: Team, compiled: Compiled) -> Route:
    project = compiled.project
    fast = tuple(
        dict.fromkeys(
            rule.name for rule in compiled.alert_rules() if rule.team == team.name and at_once(rule)
        )
    )
    return Route(
        _for(team, Severity.TICKET),
        (equals("team", team.name),),
        routes=(
            # What leaves at once is never muted: a violation during an upgrade is still one.
            *_at_once(team, fast),
            *_maintained(team, project),
            Route(
                _for(team, Severity.PAGE),
                (equals("severity", Severity.PAGE.value),),
                waits=_PAGE,
                why="wakes somebody now",
            ),
            Route(
                _for(team, Severity.TICKET),
                (equals("severity", Severity.TICKET.value),),
                waits=_TICKET,
                active=_hours_of(team),
                why="waits for working hours" if team.hours else "no working hours stated",
            ),
        ),
        why=team.title,
    )


def _at_once(team: Team, fast: tuple[str, ...]) -> Iterator[Route]:
    if fast:
        yield Route(
            _for(team, Severity.PAGE),
            (one_of("alertname", fast), equals("severity", Severity.PAGE.value)),
            waits=_AT_ONCE,
            why="one sample is enough: leaves at once",
        )


def _maintained(team: Team, project: Project) -> Iterator[Route]:
    """Narrowed copies of a team's routes, muted; before the general ones, else they mute all.

    An alert ends at the first route that fits. So where two windows may fit one alert,
    the route of both together comes first, and carries the times of both.
    """
    for severity, waits in ((Severity.PAGE, _MUTED_PAGE), (Severity.TICKET, _TICKET)):
        own = equals("severity", severity.value)
        stated = {"team": team.name, "severity": severity.value}
        windows = [
            (window, frozenset(set(window.matchers.items()) - stated.items()))
            for window in project.maintenance
            if not window.over
            and all(window.matchers.get(key, value) == value for key, value in stated.items())
        ]
        for chosen in _together({matchers for _, matchers in windows}):
            muted = [window for window, matchers in windows if matchers <= chosen]
            yield Route(
                _for(team, severity),
                (own, *(equals(label, value) for label, value in sorted(chosen))),
                waits=waits,
                mute=tuple(hours.maintenance(window).name for window in muted),
                active=_hours_of(team) if severity is Severity.TICKET else (),
                why="maintenance: " + "; ".join(window.reason for window in muted),
            )


def _together(stated: set[_Pairs]) -> list[_Pairs]:
    """`stated` and every combination that one alert can fulfil, the narrowest first."""
    found = set(stated)
    while True:
        unions = {one | other for one in found for other in stated}
        more = {each for each in unions if len(dict(each)) == len(each)} - found
        if not more:
            return sorted(found, key=lambda each: (-len(each), sorted(each)))
        found |= more


def _catch_all() -> Route:
    return Route(
        CATCH_ALL,
        group_by=("alertname", *_GROUP_BY),
        why="what nobody owns; must be said, the copy above swallows the default",
    )


def _hours_of(team: Team) -> tuple[str, ...]:
    interval = hours.working_hours(team)
    return () if interval is None else (interval.name,)


def _for(team: Team, severity: Severity) -> str:
    """The team's receiver for `severity`, or for the other one where it has none."""
    has = {kind for destination in team.destinations for kind in destination.severities}
    other = Severity.TICKET if severity is Severity.PAGE else Severity.PAGE
    return receiver_name(team.name, severity if severity in has or other not in has else other)


def _intervals(project: Project, root: Route) -> tuple[Interval, ...]:
    """The times that some route names; a window of nobody's alerts mutes nothing."""
    working = (hours.working_hours(team) for team in people(project))
    windows = (hours.maintenance(window) for window in project.maintenance)
    used = {name for route in root.walk() for name in (*route.mute, *route.active)}
    every = (*working, *windows)
    return tuple(each for each in every if each is not None and each.name in used)


def _receivers(project: Project) -> Iterator[Receiver]:
    """Every receiver that some route names; a receiver without integrations tells nobody."""
    for team in people(project):
        used = {_for(team, severity) for severity in Severity}
        for severity in Severity:
            name = receiver_name(team.name, severity)
            if name in used:
                yield Receiver(name, _integrations(team, severity))
    reserved = {team.name: team for team in project.teams}
    if AUDIT_TEAM in reserved:
        yield Receiver(AUDIT, _everything(reserved[AUDIT_TEAM]))
    watched = _everything(reserved[WATCHDOG_TEAM]) if WATCHDOG_TEAM in reserved else ()
    yield Receiver(
        WATCHDOG, tuple((kind, {**block, "send_resolved": False}) for kind, block in watched)
    )
    yield Receiver(NOBODY)
    last = (each for team in fallback(project) for each in _integrations(team, Severity.PAGE))
    yield Receiver(CATCH_ALL, tuple(last))


def _integrations(team: Team, severity: Severity) -> tuple[receivers.Integration, ...]:
    return tuple(
        receivers.integration(destination, severity)
        for destination in team.destinations
        if severity in destination.severities
    )


def _everything(team: Team) -> tuple[receivers.Integration, ...]:
    return tuple(
        receivers.integration(destination, Severity.TICKET) for destination in team.destinations
    )
