"""Every way to loosen a routing by one piece, and the alerts on which that shows.

A mutant lacks one route, matcher, time or inhibition, or has one turned or narrowed. Probes
are derived from the routing: an alert for every route and both sides of every inhibition,
and the same with one condition broken each. Each inhibition's probes have a cluster of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from alerts.routing.tree import Inhibition, Labels, Matcher, Route, Routing, all_match

_TURNED = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_NOTHING_LIKE_IT = "something-else"

# The root states Alertmanager's own defaults, so leaving one out changes nothing.
EQUIVALENT = [
    f"/fleetslo-catch-all {key}" for key in ("group_wait", "group_interval", "repeat_interval")
]


def mutants(routing: Routing) -> Iterator[tuple[str, Routing]]:
    """Every routing that lacks, loosens, narrows or turns a single piece of `routing`."""
    for told, root in _routes(routing.root):
        yield told, replace(routing, root=root)
    for place, rule in enumerate(routing.inhibitions):
        before, after = routing.inhibitions[:place], routing.inhibitions[place + 1 :]
        yield f"without {rule.name}", replace(routing, inhibitions=(*before, *after))
        for told, changed in _rules(rule):
            rules = (*before, changed, *after)
            yield f"{rule.name} {told}", replace(routing, inhibitions=rules)
    for place, interval in enumerate(routing.intervals):
        for span in range(len(interval.spans)):
            spans = interval.spans[:span] + interval.spans[span + 1 :]
            changed_interval = replace(interval, spans=spans)
            intervals = (
                *routing.intervals[:place],
                changed_interval,
                *routing.intervals[place + 1 :],
            )
            yield f"{interval.name} without span {span}", replace(routing, intervals=intervals)


def _routes(route: Route, at: str = "") -> Iterator[tuple[str, Route]]:
    here = f"{at}/{route.receiver}"
    for told, matchers in _matchers(route.matchers):
        yield f"{here} {told}", replace(route, matchers=matchers)
    yield f"{here} continues", replace(route, continues=not route.continues)
    if route.group_by is not None:
        yield f"{here} group_by", replace(route, group_by=None)
    for key in route.waits:
        rest = {name: value for name, value in route.waits.items() if name != key}
        yield f"{here} {key}", replace(route, waits=rest)
    if route.active:
        yield f"{here} active", replace(route, active=())
    for name in route.mute:
        rest_of = tuple(each for each in route.mute if each != name)
        yield f"{here} mute {name}", replace(route, mute=rest_of)
    for place, child in enumerate(route.routes):
        before, after = route.routes[:place], route.routes[place + 1 :]
        yield f"{here} without {child.receiver}", replace(route, routes=(*before, *after))
        for told, changed in _routes(child, here):
            yield told, replace(route, routes=(*before, changed, *after))


def _rules(rule: Inhibition) -> Iterator[tuple[str, Inhibition]]:
    for told, matchers in _matchers(rule.source):
        yield f"source {told}", replace(rule, source=matchers)
    for told, matchers in _matchers(rule.target):
        yield f"target {told}", replace(rule, target=matchers)
    for label in rule.equal:
        rest = tuple(each for each in rule.equal if each != label)
        yield f"equal {label}", replace(rule, equal=rest)


def _matchers(matchers: tuple[Matcher, ...]) -> Iterator[tuple[str, tuple[Matcher, ...]]]:
    for place, matcher in enumerate(matchers):
        before, after = matchers[:place], matchers[place + 1 :]
        yield f"without {matcher.text()}", (*before, *after)
        turned = Matcher(matcher.label, _TURNED[matcher.op], matcher.value)
        yield f"turned {matcher.text()}", (*before, turned, *after)
        choices = _choices(matcher)
        for choice in choices if len(choices) > 1 else ():
            fewer = "|".join(re.escape(each) for each in choices if each != choice)
            less = Matcher(matcher.label, matcher.op, fewer)
            yield f"without {choice} in {matcher.text()}", (*before, less, *after)


def probes(routing: Routing) -> list[dict[str, str]]:
    """Alerts on which every mutant of `routing` shows, as far as it means something else."""
    found = [alert for path in _paths(routing.root, ()) for alert in _around(path)]
    for number, rule in enumerate(routing.inhibitions):
        found += _sides(rule, f"cluster-{number}")
    return [{"alertname": f"Probe{place}", **labels} for place, labels in enumerate(found)]


def _paths(route: Route, above: tuple[Matcher, ...]) -> Iterator[tuple[Matcher, ...]]:
    here = (*above, *route.matchers)
    yield here
    for child in route.routes:
        yield from _paths(child, here)


def _around(matchers: tuple[Matcher, ...]) -> Iterator[dict[str, str]]:
    """Alerts that fulfil all of `matchers`, and ones that break a single one."""
    for choice in _fulfilling(matchers):
        yield {**choice, "root_cause": "probe", "cluster": "prod"}
    for matcher in matchers:
        broken = _broken(_fulfilling(matchers)[0], matcher)
        yield {**broken, "root_cause": "probe", "cluster": "prod"}


def _sides(rule: Inhibition, cluster: str) -> Iterator[dict[str, str]]:
    """A source and its targets, each with every single condition broken in turn."""
    shared = {label: f"same-{label}" for label in rule.equal} | {"cluster": cluster}
    for matchers in (rule.source, rule.target):
        for whole in _fulfilling(matchers):
            alert = {**shared, **whole}
            fixed = {m.label for m in matchers if m.op in {"=", "=~"}}
            yield alert
            for matcher in matchers:
                yield {"team": f"not-{matcher.label}-{matcher.op}", **_broken(alert, matcher)}
            for label in set(rule.equal) - fixed:
                yield {**alert, label: _NOTHING_LIKE_IT, "team": f"other-{label}"}


def _fulfilling(matchers: Sequence[Matcher]) -> list[dict[str, str]]:
    """One alert for each word that a choice among `matchers` offers; at least one."""
    found: list[dict[str, str]] = []
    lists = [(matcher, _choices(matcher)) for matcher in matchers if matcher.op == "=~"]
    first = {matcher.label: choices[0] for matcher, choices in lists}
    for matcher in matchers:
        if matcher.op == "=" and matcher.value:
            first[matcher.label] = matcher.value
        elif matcher.op in {"!=", "!~"} and matcher.label not in first:
            first[matcher.label] = f"some-{matcher.label}"
    found.append(first)
    found += [{**first, m.label: choice} for m, choices in lists for choice in choices[1:]]
    assert all(all_match(matchers, each) for each in found), matchers
    return found


def _broken(labels: Labels, matcher: Matcher) -> dict[str, str]:
    """`labels` changed in one place so that `matcher` fails."""
    rest = {name: value for name, value in labels.items() if name != matcher.label}
    if matcher.op in {"!=", "!~"}:
        value = matcher.value if matcher.op == "!=" else _choices(matcher)[0]
        return {**rest, matcher.label: value} if value else rest
    return {**rest, matcher.label: _NOTHING_LIKE_IT}


def _choices(matcher: Matcher) -> list[str]:
    """The words that a list among regular expressions offers."""
    if matcher.op not in {"=~", "!~"}:
        return []
    parts = re.split(r"(?<!\\)\|", matcher.value)
    return [re.sub(r"\\(.)", r"\1", part) for part in parts]
