"""Alertmanager's YAML read back into values: what is proven is the file that ships.

Reads what `alerts.routing.emit` writes and the same constructs in a file of another
origin; what the values cannot hold is an error, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import yaml

from alerts.routing.tree import (
    Inhibition,
    Interval,
    Matcher,
    Receiver,
    Route,
    Routing,
    Setting,
    Span,
)

_WAITS: Final = ("group_wait", "group_interval", "repeat_interval")
_ROUTE_KEYS: Final = {
    "receiver",
    "matchers",
    "group_by",
    "continue",
    "mute_time_intervals",
    "active_time_intervals",
    "routes",
    *_WAITS,
}
_RULE_KEYS: Final = {"name", "source_matchers", "target_matchers", "equal"}
_SPAN_KEYS: Final = {"times", "weekdays", "years", "months", "days_of_month", "location"}

_Node = Mapping[str, object]


def read(text: str) -> Routing:
    """The routing in `text`.

    Raises:
        ValueError: Not YAML, or a key or a form that is not understood; names it.
    """
    try:
        loaded: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        msg = f"not YAML: {error}"
        raise ValueError(msg) from error
    config = _node(loaded, "the configuration")
    return Routing(
        _route(_node(config.get("route"), "route")),
        tuple(_inhibition(_node(rule, "inhibit rule")) for rule in _list(config, "inhibit_rules")),
        tuple(_interval(_node(each, "interval")) for each in _list(config, "time_intervals")),
        tuple(_receiver(_node(each, "receiver")) for each in _list(config, "receivers")),
        _texts(config, "templates"),
    )


def _route(node: _Node) -> Route:
    _known(node, _ROUTE_KEYS, "route")
    return Route(
        _text(node, "receiver") or None,
        _matchers(node, "matchers"),
        _texts(node, "group_by") or None,
        {key: _text(node, key) for key in _WAITS if key in node},
        node.get("continue") is True,
        _texts(node, "mute_time_intervals"),
        _texts(node, "active_time_intervals"),
        tuple(_route(_node(child, "route")) for child in _list(node, "routes")),
    )


def _inhibition(node: _Node) -> Inhibition:
    _known(node, _RULE_KEYS, "inhibit rule")
    return Inhibition(
        _matchers(node, "source_matchers"),
        _matchers(node, "target_matchers"),
        _texts(node, "equal"),
        _text(node, "name"),
    )


def _interval(node: _Node) -> Interval:
    spans = (_node(each, "time interval") for each in _list(node, "time_intervals"))
    return Interval(_text(node, "name"), tuple(_span(span) for span in spans))


def _span(node: _Node) -> Span:
    _known(node, _SPAN_KEYS, "time interval")
    times = _list(node, "times")
    if len(times) > 1:
        msg = f"a time interval with more than one range of times is not understood: {times!r}"
        raise ValueError(msg)
    hours = _node(times[0], "times") if times else {}
    return Span(
        _text(hours, "start_time"),
        _text(hours, "end_time"),
        _texts(node, "weekdays"),
        _one_number(node, "years"),
        _one_number(node, "months"),
        _one_number(node, "days_of_month"),
        _text(node, "location"),
    )


def _receiver(node: _Node) -> Receiver:
    # What Alertmanager says of itself from 0.33 on has labels of its own there.
    kinds = (kind for kind in node if kind not in {"name", "labels"})
    blocks = ((kind, _node(block, kind)) for kind in kinds for block in _list(node, kind))
    settings = tuple((kind, cast("Mapping[str, Setting]", block)) for kind, block in blocks)
    return Receiver(_text(node, "name"), settings)


def _matchers(node: _Node, key: str) -> tuple[Matcher, ...]:
    return tuple(Matcher.parse(text) for text in _texts(node, key))


def _known(node: _Node, keys: Iterable[str], what: str) -> None:
    unknown = sorted(set(node) - set(keys))
    if unknown:
        msg = f"a {what} with {', '.join(unknown)} is not understood"
        raise ValueError(msg)


def _node(value: object, what: str) -> _Node:
    if not isinstance(value, dict):
        msg = f"{what} must be a mapping, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all wrong files
    return cast("dict[str, object]", value)


def _list(node: _Node, key: str) -> list[object]:
    value = node.get(key) or []
    if not isinstance(value, list):
        msg = f"{key} must be a list, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all wrong files
    return cast("list[object]", value)


def _texts(node: _Node, key: str) -> tuple[str, ...]:
    return tuple(str(each) for each in _list(node, key))


def _text(node: _Node, key: str) -> str:
    return str(node.get(key) or "")


def _one_number(node: _Node, key: str) -> int | None:
    values = _list(node, key)
    if not values:
        return None
    text = str(values[0])
    if len(values) > 1 or not text.isdecimal():
        msg = f"{key} must be a single number to be understood, got {values!r}"
        raise ValueError(msg)
    return int(text)
