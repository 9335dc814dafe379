"""Laws of a routing that `amtool check-config` does not know.

Each was found to let a page vanish or to silence too much; see DECISIONS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from alerts.routing.inhibit import CLUSTER
from alerts.routing.tree import (
    AUDIT,
    GROUP_BY_ALL,
    NOBODY,
    WATCHDOG,
    Inhibition,
    Matcher,
    Route,
    Routing,
)
from slo.exact import Duration

_RETENTION: Final = Duration.parse("120h")
"""How long Alertmanager remembers what it sent (`--data.retention`)."""


def lint(routing: Routing) -> tuple[str, ...]:
    """Every broken law, in words; empty when all are kept."""
    return (
        *_receivers(routing),
        *_root(routing.root),
        *(problem for route in routing.root.walk() for problem in _order(route)),
        *_waits(routing.root, {}),
        *_intervals(routing),
        *(problem for rule in routing.inhibitions for problem in _inhibition(rule)),
    )


def _receivers(routing: Routing) -> Iterator[str]:
    defined = [receiver.name for receiver in routing.receivers]
    used = {route.receiver for route in routing.root.walk() if route.receiver}
    for name in sorted(used - set(defined)):
        yield f"route to receiver {name}, which is not defined"
    for name in sorted(set(defined) - used):
        yield f"receiver {name} is never used"
    for receiver in routing.receivers:
        if not receiver.integrations and receiver.name not in {NOBODY, WATCHDOG}:
            yield f"receiver {receiver.name} has no destination and tells nobody"
    for name in sorted({name for name in defined if defined.count(name) > 1}):
        yield f"receiver {name} is defined twice"


def _root(root: Route) -> Iterator[str]:
    if root.matchers or root.mute or root.active or root.continues:
        yield "the root route must match everything at any time"
    last = root.routes[-1] if root.routes else None
    if last is None or last.matchers or last.continues:
        yield "the last route must be a catch-all: no matchers, no continue"
    elif last.mute or last.active:
        yield "the catch-all must never be muted"


def _order(route: Route) -> Iterator[str]:
    for place, child in enumerate(route.routes):
        if child.continues and child.receiver != AUDIT:
            yield f"route to {child.receiver}: only the audit copy may let an alert go on"
        grouped = child.group_by or ()
        if GROUP_BY_ALL in grouped and len(grouped) > 1:
            yield f"route to {child.receiver}: '...' must stand alone in group_by"
        for later in route.routes[place + 1 :]:
            if not child.continues and set(child.matchers) <= set(later.matchers):
                yield f"route to {later.receiver} is never reached, {child.receiver} comes first"


def _waits(route: Route, inherited: dict[str, str]) -> Iterator[str]:
    waits = {**inherited, **route.waits}
    interval, repeat = waits.get("group_interval"), waits.get("repeat_interval")
    if interval and repeat:
        every, again = Duration.parse(interval), Duration.parse(repeat)
        if again.ms % every.ms:
            yield f"route to {route.receiver}: {repeat} is no multiple of {interval}"
        if again > _RETENTION:
            yield f"route to {route.receiver}: {repeat} is longer than notifications are remembered"
    for child in route.routes:
        yield from _waits(child, waits)


def _intervals(routing: Routing) -> Iterator[str]:
    defined = {interval.name for interval in routing.intervals}
    used = {name for route in routing.root.walk() for name in (*route.mute, *route.active)}
    for name in sorted(used ^ defined):
        yield f"time interval {name} is {'not defined' if name in used else 'never used'}"


def _inhibition(rule: Inhibition) -> Iterator[str]:
    sides = (" and ".join(each.text() for each in side) for side in (rule.source, rule.target))
    called = rule.name or " over ".join(sides)
    if not (_only(rule.source, "severity", "page") or _only(rule.target, "severity", "ticket")):
        yield f"{called}: something below a page could silence a page"
    for label in rule.equal:
        if label != CLUSTER:
            for side, matchers in (("source", rule.source), ("target", rule.target)):
                if not any(_demands(matcher, label) for matcher in matchers):
                    yield f"{called}: {side} does not demand {label}, missing would equal missing"
    if not _disjoint(rule.source, rule.target):
        yield f"{called}: one alert could be source and target"


def _only(matchers: tuple[Matcher, ...], label: str, value: str) -> bool:
    return Matcher(label, "=", value) in matchers


def _demands(matcher: Matcher, label: str) -> bool:
    """Whether an alert without `label` fails `matcher`."""
    return matcher.label == label and not matcher.matches({})


def _disjoint(source: tuple[Matcher, ...], target: tuple[Matcher, ...]) -> bool:
    """Whether some label rules out that one alert fits both sides."""
    return any(_excludes(one, other) for one in source for other in target) or any(
        _excludes(other, one) for one in source for other in target
    )


def _excludes(one: Matcher, other: Matcher) -> bool:
    """Whether no value of the label that `one` allows by name is allowed by `other`."""
    if one.label != other.label or one.op not in {"=", "=~"}:
        return False
    values = _values(one)
    return values is not None and not any(other.matches({one.label: each}) for each in values)


def _values(matcher: Matcher) -> tuple[str, ...] | None:
    """The values that `matcher` lists, or None where it is a pattern."""
    if matcher.op == "=":
        return (matcher.value,)
    parts = re.split(r"(?<!\\)\|", matcher.value)
    plain = tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)
    literal = all(re.fullmatch(r"(?:[^\\.+*?()|\[\]{}^$]|\\.)*", part) for part in parts)
    return plain if literal else None
