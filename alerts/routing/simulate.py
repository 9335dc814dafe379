"""What Alertmanager would do with an alert, computed without Alertmanager.

Pure: a routing and label sets in; receivers, group keys and inhibitors out. That it says
the same as `amtool` and as the live server is itself a test.

Source: Alertmanager 0.25, dispatch/route.go (`Route.Match`, `Route.Key`),
dispatch/dispatch.go (`getGroupLabels`), inhibit/inhibit.go (`Inhibitor.Mutes`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.routing.hours import contains
from alerts.routing.tree import (
    GROUP_BY_ALL,
    Inhibition,
    Interval,
    Labels,
    Matcher,
    Route,
    Routing,
    all_match,
)

_DEFAULTS: Final = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One route that an alert reaches.

    Attributes:
        receiver: Who is told.
        group_key: Alerts with the same key share one notification; Alertmanager's own text.
        group: The labels that the notification is grouped by, and their values.
        waits: `group_wait`, `group_interval` and `repeat_interval`, as they hold here.
        mute: Time intervals during which nothing is sent.
        active: Time intervals outside of which nothing is sent.
    """

    receiver: str
    group_key: str
    group: tuple[tuple[str, str], ...]
    waits: Mapping[str, str]
    mute: tuple[str, ...]
    active: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    """A route with everything inherited filled in."""

    route: Route
    receiver: str
    group_by: tuple[str, ...]
    waits: Mapping[str, str]
    key: str


def deliveries(routing: Routing, labels: Labels) -> tuple[Delivery, ...]:
    """The routes that an alert with `labels` ends at, in the order of the file.

    Inhibition and time are not looked at: see `inhibitors` and `open_at`.
    """
    root = routing.root
    node = _Node(
        root, root.receiver or "", root.group_by or (), {**_DEFAULTS, **root.waits}, _key(root)
    )
    ends = _match(node, labels) if all_match(root.matchers, labels) else ()
    return tuple(_delivery(found, labels) for found in ends)


def receivers(routing: Routing, labels: Labels) -> tuple[str, ...]:
    """The names that `amtool config routes test` prints for `labels`."""
    return tuple(delivery.receiver for delivery in deliveries(routing, labels))


def inhibitors(
    routing: Routing, labels: Labels, firing: Sequence[Labels]
) -> tuple[tuple[Inhibition, Labels], ...]:
    """The rules by which one of the `firing` alerts silences an alert with `labels`.

    A firing alert that is itself inhibited inhibits all the same, as in Alertmanager.
    """
    found: list[tuple[Inhibition, Labels]] = []
    for rule in routing.inhibitions:
        if not all_match(rule.target, labels):
            continue
        two_sided = all_match(rule.source, labels)
        found.extend(
            (rule, other)
            for other in firing
            if all_match(rule.source, other)
            and not (two_sided and all_match(rule.target, other))
            and all(other.get(name, "") == labels.get(name, "") for name in rule.equal)
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Silence:
    """One pair: while `source` fires, `target` is silent. Both are places in a list of alerts."""

    source: int
    target: int
    rule: Inhibition


def silences(routing: Routing, alerts: Sequence[Labels]) -> Iterator[Silence]:
    """Every pair of `alerts` of which one silences the other, were all of them to fire."""
    index: dict[tuple[str, str], list[int]] = {}
    for place, labels in enumerate(alerts):
        for pair in labels.items():
            index.setdefault(pair, []).append(place)
    for rule in routing.inhibitions:
        sources: dict[tuple[str, ...], list[int]] = {}
        for place in _matching(rule.source, alerts, index):
            sources.setdefault(_equal(rule, alerts[place]), []).append(place)
        for place in _matching(rule.target, alerts, index):
            two_sided = all_match(rule.source, alerts[place])
            for source in sources.get(_equal(rule, alerts[place]), ()):
                if not (two_sided and all_match(rule.target, alerts[source])):
                    yield Silence(source, place, rule)


def _matching(
    matchers: tuple[Matcher, ...],
    alerts: Sequence[Labels],
    index: Mapping[tuple[str, str], Sequence[int]],
) -> Iterator[int]:
    """The places of the alerts that fulfil `matchers`, looked up by the rarest label."""
    exact = [
        index.get((matcher.label, matcher.value), ())
        for matcher in matchers
        if matcher.op == "=" and matcher.value
    ]
    for place in min(exact, key=len, default=range(len(alerts))):
        if all_match(matchers, alerts[place]):
            yield place


def _equal(rule: Inhibition, labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)


def open_at(routing: Routing, delivery: Delivery, moment: datetime) -> bool:
    """Whether a notification may leave by `delivery` at `moment`, which must know its zone."""
    named: dict[str, Interval] = {interval.name: interval for interval in routing.intervals}
    muted = any(contains(named[name], moment) for name in delivery.mute)
    active = not delivery.active or any(contains(named[name], moment) for name in delivery.active)
    return active and not muted


def _match(node: _Node, labels: Labels) -> list[_Node]:
    """The routes below `node`, whose own matchers are fulfilled, at which the alert ends."""
    found: list[_Node] = []
    for child in node.route.routes:
        if not all_match(child.matchers, labels):
            continue
        found.extend(_match(_inherit(node, child), labels))
        if not child.continues:
            break
    return found or [node]


def _inherit(parent: _Node, child: Route) -> _Node:
    return _Node(
        child,
        child.receiver or parent.receiver,
        child.group_by or parent.group_by,
        {**parent.waits, **child.waits},
        f"{parent.key}/{_key(child)}",
    )


def _key(route: Route) -> str:
    # Alertmanager sorts by name, then value, then kind of comparison.
    matchers = sorted(route.matchers, key=lambda each: (each.label, each.value, each.op))
    return "{" + ",".join(f"{m.label}{m.op}{_quoted(m.value)}" for m in matchers) + "}"


def _delivery(node: _Node, labels: Labels) -> Delivery:
    everything = node.group_by == (GROUP_BY_ALL,)
    names = labels if everything else [name for name in node.group_by if name in labels]
    group = tuple(sorted((name, labels[name]) for name in names))
    text = ", ".join(f"{name}={_quoted(value)}" for name, value in group)
    return Delivery(
        node.receiver,
        f"{node.key}:{{{text}}}",
        group,
        node.waits,
        node.route.mute,
        node.route.active,
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
