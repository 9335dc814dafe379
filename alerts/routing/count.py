"""How many notifications a routing makes of alerts, beside one that knows severities only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.routing.simulate import deliveries, silences
from alerts.routing.tree import AUDIT, NOBODY, WATCHDOG, Labels, Routing

_NOT_PEOPLE: Final = frozenset({AUDIT, NOBODY, WATCHDOG})
_PLAIN_GROUP: Final = ("severity", "alertname", "cluster", "service")
"""A route for each severity, grouped as Alertmanager's own example configuration does."""


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


def _count(cause: str, routing: Routing, alerts: Sequence[Labels]) -> Count:
    silent = {pair.target for pair in silences(routing, alerts)}
    groups = {
        (way.receiver, way.group_key)
        for place, labels in enumerate(alerts)
        if place not in silent
        for way in deliveries(routing, labels)
        if way.receiver not in _NOT_PEOPLE
    }
    plain = {tuple(labels.get(name, "") for name in _PLAIN_GROUP) for labels in alerts}
    return Count(cause, len(alerts), len(silent), len(groups), len(plain))
