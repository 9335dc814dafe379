"""A routing in the user's own words for severities, and back in ours.

Everything in this room says page and ticket. What is written, and what is asked of amtool,
says what the label of the user's alerts says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from alerts.routing.tree import Inhibition, Labels, Matcher, Route, Routing
from slo import names
from slo.model import SeverityWords
from slo.prove.reading import rules_of

RULES: Final = "prometheus/rules"
"""Where a generated tree holds the rules that routes are proven against."""
_LABEL: Final = "severity"
_Change = Callable[[str], str]


def said(routing: Routing, words: SeverityWords) -> Routing:
    """`routing` as its file says it."""
    return _worded(routing, words.said)


def meant(routing: Routing, words: SeverityWords) -> Routing:
    """`routing` as this room means it."""
    return _worded(routing, words.meant)


def said_labels(labels: Labels, words: SeverityWords) -> dict[str, str]:
    """The labels of an alert as they are on the wire."""
    return {key: words.said(text) if key == _LABEL else text for key, text in labels.items()}


def meant_labels(labels: Labels, words: SeverityWords) -> dict[str, str]:
    """The labels of an alert with our word for its severity."""
    return {key: words.meant(text) if key == _LABEL else text for key, text in labels.items()}


def meant_matchers(matchers: tuple[Matcher, ...], words: SeverityWords) -> tuple[Matcher, ...]:
    """Conditions as this room means them."""
    return _matchers(matchers, words.meant)


def words_of(rules: Path) -> SeverityWords:
    """The words of a generated tree, by the folder of its rule files."""
    for file in sorted(rules.glob("*.yaml")):
        for rule in rules_of(file):
            if rule.name == names.SEVERITIES:
                return SeverityWords(rule.labels["page"], rule.labels["ticket"])
    return SeverityWords()


def _worded(routing: Routing, change: _Change) -> Routing:
    return replace(
        routing,
        root=_route(routing.root, change),
        inhibitions=tuple(_inhibition(each, change) for each in routing.inhibitions),
    )


def _route(route: Route, change: _Change) -> Route:
    return replace(
        route,
        matchers=_matchers(route.matchers, change),
        routes=tuple(_route(each, change) for each in route.routes),
    )


def _inhibition(rule: Inhibition, change: _Change) -> Inhibition:
    return replace(
        rule, source=_matchers(rule.source, change), target=_matchers(rule.target, change)
    )


def _matchers(matchers: tuple[Matcher, ...], change: _Change) -> tuple[Matcher, ...]:
    """Plain comparisons are changed; a regular expression is a user's own, in their words."""
    return tuple(
        replace(each, value=change(each.value))
        if each.label == _LABEL and each.op in {"=", "!="}
        else each
        for each in matchers
    )
