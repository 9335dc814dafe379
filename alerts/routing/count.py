"""How many notifications a routing makes of alerts, beside one that knows severities only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.routing.simulate import Delivery, deliveries, inhibitors, silences
from alerts.routing.tree import AUDIT, NOBODY, WATCHDOG, Labels, Routing
from slo.exact import Duration

_NOT_PEOPLE: Final = frozenset({AUDIT, NOBODY, WATCHDOG})
_PLAIN_GROUP: Final = ("severity", "alertname", "cluster", "service")
"""A route for each severity, grouped as Alertmanager's own example configuration does."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One alert that fires from `start` until `end`, seconds; None: until nobody looks any more."""

    labels: Labels
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Opened:
    """One notification, from the moment it first leaves; what joins it later is an update."""

    receiver: str
    cause: str
    at: float
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What comes of some alerts that all fire at once.

    Attributes:
        silent: Alerts that others silence.
        told: Notifications to people: distinct groups of the rest.
        plain: What routing by severity alone would send: no root causes, no inhibitions.
    """

    cause: str
    alerts: int
    silent: int
    told: int
    plain: int


def counts(routing: Routing, alerts: Sequence[Labels]) -> tuple[Count, ...]:
    """One line for each root cause, and last one for everything at once."""
    disturbing = [labels for labels in alerts if labels.get("severity") in {"page", "ticket"}]
    by_cause: dict[str, list[Labels]] = {}
    for labels in disturbing:
        by_cause.setdefault(labels.get("root_cause", ""), []).append(labels)
    lines = (_count(cause or "-", routing, by_cause[cause]) for cause in sorted(by_cause))
    return (*lines, _count("everything at once", routing, disturbing))


def opened(routing: Routing, stretches: Sequence[Stretch]) -> tuple[Opened, ...]:
    """The notifications to people that `stretches` open, as time passes, by their times.

    An alert leaves when it has waited, unless one that fires then silences it; so a ticket
    whose page comes later than its wait is told before. Silent ones are looked at again
    every `group_interval`. Working hours and maintenance are not looked at.

    Source: Alertmanager, dispatch/dispatch.go (`aggrGroup.run`), notify/notify.go (`MuteStage`).
    """
    found: dict[tuple[str, str], list[tuple[float, str, str]]] = {}
    for each in stretches:
        if each.labels.get("severity") not in {"page", "ticket"}:
            continue
        for way in deliveries(routing, each.labels):
            at = None if way.receiver in _NOT_PEOPLE else _leaves(routing, way, each, stretches)
            if at is not None:
                key = (way.receiver, way.group_key)
                told = (at, each.labels["alertname"], each.labels.get("root_cause", ""))
                found.setdefault(key, []).append(told)
    notifications = (
        Opened(receiver, min(told)[2], min(told)[0], tuple(sorted({name for _, name, _ in told})))
        for (receiver, _), told in found.items()
    )
    return tuple(sorted(notifications, key=lambda each: (each.at, each.receiver, each.cause)))


def plain(alerts: Sequence[Labels]) -> int:
    """How many notifications routing by severity alone would make of `alerts`."""
    return len({tuple(labels.get(name, "") for name in _PLAIN_GROUP) for labels in alerts})


def _leaves(
    routing: Routing, way: Delivery, each: Stretch, stretches: Sequence[Stretch]
) -> float | None:
    """When `each` is first told by `way`; None where it ends before, or stays silent."""
    # After the last change an alert that is silent stays so.
    last = max(max(one.start, one.end or one.start) for one in stretches)
    end = math.inf if each.end is None else each.end
    every = _seconds(way.waits["group_interval"])
    at = each.start + _seconds(way.waits["group_wait"])
    while at < end:
        firing = [one.labels for one in stretches if one is not each and _fires(one, at)]
        if not inhibitors(routing, each.labels, firing):
            return at
        if at > last:
            return None
        at += every
    return None


def _fires(one: Stretch, at: float) -> bool:
    return one.start <= at and (one.end is None or at < one.end)


def _seconds(text: str) -> float:
    """A wait in seconds; ``0s``, which is no duration elsewhere, is one here."""
    return 0.0 if text == "0s" else float(Duration.parse(text).total_seconds)


def _count(cause: str, routing: Routing, alerts: Sequence[Labels]) -> Count:
    silent = {pair.target for pair in silences(routing, alerts)}
    groups = {
        (way.receiver, way.group_key)
        for place, labels in enumerate(alerts)
        if place not in silent
        for way in deliveries(routing, labels)
        if way.receiver not in _NOT_PEOPLE
    }
    return Count(cause, len(alerts), len(silent), len(groups), plain(alerts))
