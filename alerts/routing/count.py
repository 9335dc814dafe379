"""How many notifications a routing makes of alerts, beside one that knows severities only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.routing.simulate import Delivery, deliveries, inhibitors, silences
from alerts.routing.tree import AUDIT, NOBODY, WATCHDOG, Labels, Routing
from slo.exact import Duration

NOT_PEOPLE: Final = frozenset({AUDIT, NOBODY, WATCHDOG})
"""Receivers that disturb nobody."""

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

    Working hours and maintenance are not looked at: see `leaves`.
    """
    told = [
        Told(way, each.labels, at)
        for each in stretches
        if each.labels.get("severity") in {"page", "ticket"}
        for way in deliveries(routing, each.labels)
        if way.receiver not in NOT_PEOPLE
        and (at := leaves(routing, way, each, stretches)) is not None
    ]
    return gathered(told)


@dataclass(frozen=True, slots=True)
class Told:
    """One alert that left by one way, for the first time."""

    way: Delivery
    labels: Labels
    at: float


def gathered(told: Sequence[Told]) -> tuple[Opened, ...]:
    """`told` by the notifications that they are in, by their times."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for each in told:
        groups.setdefault((each.way.receiver, each.way.group_key), []).append(each)
    found = (
        Opened(
            receiver,
            group[0].labels.get("root_cause", ""),
            min(each.at for each in group),
            tuple(sorted({each.labels.get("alertname", "") for each in group})),
        )
        for (receiver, _), group in groups.items()
    )
    return tuple(sorted(found, key=lambda each: (each.at, each.receiver, each.cause)))


def plain(alerts: Sequence[Labels]) -> int:
    """How many notifications routing by severity alone would make of `alerts`."""
    return len({tuple(labels.get(name, "") for name in _PLAIN_GROUP) for labels in alerts})


def leaves(
    routing: Routing,
    way: Delivery,
    each: Stretch,
    stretches: Sequence[Stretch],
    held: Callable[[float], bool] | None = None,
    until: float = -math.inf,
) -> float | None:
    """When `each` is first told by `way`; None where it ends before, or stays silent.

    An alert leaves when it has waited, unless one that fires then silences it; so a ticket
    whose page comes later than its wait is told before. A silent one is looked at again
    every `group_interval`.

    Args:
        routing: Who inhibits whom.
        way: One of the deliveries of `each`.
        each: One of `stretches`.
        stretches: All that fires meanwhile.
        held: Whether something else keeps it silent at a time: a silence, its hours.
        until: When `held` may change for the last time.

    Source: Alertmanager, dispatch/dispatch.go (`aggrGroup.run`), notify/notify.go (`MuteStage`).
    """
    # After the last change an alert that is silent stays so.
    last = max((until, *(max(one.start, one.end or one.start) for one in stretches)))
    end = math.inf if each.end is None else each.end
    every = _seconds(way.waits["group_interval"])
    at = each.start + _seconds(way.waits["group_wait"])
    while at < end:
        firing = [one.labels for one in stretches if one is not each and fires(one, at)]
        if not inhibitors(routing, each.labels, firing) and not (held and held(at)):
            return at
        if at > last:
            return None
        at += every
    return None


def fires(one: Stretch, at: float) -> bool:
    """Whether `one` fires at `at`."""
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
        if way.receiver not in NOT_PEOPLE
    }
    return Count(cause, len(alerts), len(silent), len(groups), plain(alerts))
