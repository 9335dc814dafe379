"""One alert's way in words: who is told, by what, when, and who is called next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlsplit

from alerts.routing.crew import SPECIAL, Crew
from alerts.routing.hours import contains
from alerts.routing.receivers import is_secret_url
from alerts.routing.simulate import Delivery, deliveries, inhibitors
from alerts.routing.tree import Labels, Routing
from slo.names import escalated

_MEANT: Final[Mapping[str, tuple[str, ...]]] = {
    "slack_configs": ("channel",),
    "email_configs": ("to",),
    "webhook_configs": ("url", "url_file"),
    "pagerduty_configs": ("routing_key_file", "service_key_file"),
    "opsgenie_configs": ("api_key_file",),
    "msteamsv2_configs": ("webhook_url_file", "webhook_url"),
}
"""What tells one destination of a kind from another; no secret."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A generated tree as far as the question goes; `alerts` are the labels of all rules."""

    routing: Routing
    crews: Sequence[Crew]
    alerts: Sequence[Labels]


def answer(tree: Tree, labels: Labels, moment: datetime) -> Iterator[str]:
    """The lines of the answer for an alert with `labels` at `moment`, which knows its zone."""
    for way in deliveries(tree.routing, labels):
        crews = [crew for crew in tree.crews if way.receiver in crew.receivers]
        yield f"{way.receiver} after {way.waits['group_wait']}{_pause(tree.routing, way, moment)}"
        if way.receiver in SPECIAL:
            yield f"  for    {SPECIAL[way.receiver]}"
        for crew in crews:
            yield f"  who    {_people(crew)}"
        reached = tuple(_destinations(tree.routing, way.receiver))
        yield from (f"  by     {each}" for each in reached or ("nothing: it tells nobody",))
        yield f"  when   {_when(way, crews)}; again every {way.waits['repeat_interval']}"
        for crew in crews:
            if way.receiver not in SPECIAL and crew.escalation:
                yield f"  next   {_next(crew, tree.crews)}"
    yield from _by_itself(tree, labels)
    yield from _silencers(tree, labels)


def _people(crew: Crew) -> str:
    return crew.title + (f" ({', '.join(crew.members)})" if crew.members else "")


def _next(crew: Crew, crews: Sequence[Crew]) -> str:
    known = {each.name: each for each in crews}
    return ", then ".join(_people(known[n]) if n in known else n for n in crew.escalation)


def _destinations(routing: Routing, receiver: str) -> Iterator[str]:
    found = [each for each in routing.receivers if each.name == receiver]
    for kind, block in (pair for each in found for pair in each.integrations):
        values = cast("Mapping[str, object]", block)
        told = [_safe(str(values[key])) for key in _MEANT.get(kind, ()) if values.get(key)]
        yield f"{kind.removesuffix('_configs').removesuffix('v2')} {' '.join(told)}".rstrip()


def _safe(value: str) -> str:
    """`value` without what lets its reader write there."""
    if "://" not in value or not is_secret_url(value):
        return value
    parts = urlsplit(value)
    return f"{parts.scheme}://{parts.hostname}/... (the rest is a secret)"


def _when(way: Delivery, crews: Sequence[Crew]) -> str:
    if not way.active:
        return "at any hour"
    return " and ".join(dict.fromkeys(crew.hours for crew in crews if crew.hours)) or "in its hours"


def _pause(routing: Routing, way: Delivery, moment: datetime) -> str:
    why = closed(routing, way, moment)
    return f", but not at this time: {why}" if why else ""


def closed(routing: Routing, way: Delivery, moment: datetime) -> str:
    """Why nothing leaves by `way` at `moment`, which knows its zone; empty where it does."""
    named = {interval.name: interval for interval in routing.intervals}
    muted = [name for name in way.mute if contains(named[name], moment)]
    if muted:
        names = " and ".join(name.removeprefix("fleetslo-maintenance-") for name in muted)
        return f"maintenance {names}"
    if way.active and not any(contains(named[name], moment) for name in way.active):
        return "it waits for working hours"
    return ""


def _by_itself(tree: Tree, labels: Labels) -> Iterator[str]:
    """The generated escalation of this alert, which calls another team without a person."""
    name = escalated(labels.get("alertname", ""))
    for other in tree.alerts:
        if other.get("alertname") == name:
            ways = ", ".join(way.receiver for way in deliveries(tree.routing, other))
            yield f"escalates by itself: {name} tells {ways}"


def _silencers(tree: Tree, labels: Labels) -> Iterator[str]:
    """The alerts that would keep this one silent, were they to fire."""
    own = labels.get("alertname")
    found = {other["alertname"] for _, other in inhibitors(tree.routing, labels, tree.alerts)}
    names = [*(["a faster tier or a page of its own"] if own in found else []), *found - {own}]
    if names:
        yield f"silent while one of these fires: {', '.join(sorted(names))}"
