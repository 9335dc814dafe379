"""A value as a reader sees it: its unit, its word, its colour, and the name of its series.

Follows the panel's JSON: defaults first, then the overrides that match the field by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from dashboards.notation import JsonValue
from dashboards.proving.reading import Dashboard, Node, Panel, mapping, nodes, word

_VARIABLE: Final = re.compile(r"\$(\w+)")
_LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_THOUSANDS: Final = ("", " K", " M", " B", " T")
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_DAY_SECONDS: Final = 86_400.0
_PLAIN_BELOW: Final = 100_000.0
"""Numbers without a unit are written in full below this."""


def series_name(legend: str, labels: Mapping[str, str]) -> str:
    """The name of a series by its legend; all labels where the legend is automatic."""
    if legend and legend != "__auto":
        return _LEGEND.sub(lambda match: labels.get(match.group(1), ""), legend)
    shown = [f"{key}={text}" for key, text in sorted(labels.items()) if key != "__name__"]
    return ", ".join(shown) or "value"


def settings(panel: Panel, name: str) -> Node:
    """The properties of field `name`: the panel's defaults, overridden where a rule matches."""
    found: dict[str, JsonValue] = dict(panel.defaults)
    for override in nodes(mapping(panel.node.get("fieldConfig")).get("overrides")):
        matcher = mapping(override.get("matcher"))
        if word(matcher, "id") == "byName" and word(matcher, "options") == name:
            for each in nodes(override.get("properties")):
                found[word(each, "id")] = each.get("value")
    return found


def chosen_words(board: Dashboard) -> Mapping[str, str]:
    """What stands for each variable in a title: what is chosen at first, else that all are."""
    return {
        word(node, "name"): word(mapping(node.get("current")), "text").replace("All", "all")
        for node in board.variables()
    }


def with_choices(title: str, chosen: Mapping[str, str]) -> str:
    """`title` with the choice in place of each variable."""
    return _VARIABLE.sub(lambda match: chosen.get(match.group(1), match.group(0)), title).strip()


def title_of(field: Node, name: str) -> str:
    """The field's display name, or its own."""
    return word(field, "displayName") or name


def color_of(field: Node, value: float) -> str:
    """The colour that the thresholds or a fixed choice give `value`; empty for none."""
    color = mapping(field.get("color"))
    if word(color, "mode") == "fixed":
        return word(color, "fixedColor")
    chosen = ""
    for edge, shade in steps_of(field):
        if edge is None or value >= edge:
            chosen = shade
    return chosen


def steps_of(field: Node) -> Iterator[tuple[float | None, str]]:
    """Thresholds: from where, and the colour."""
    for step in nodes(mapping(field.get("thresholds")).get("steps")):
        edge = step.get("value")
        yield (float(edge) if isinstance(edge, int | float) else None), word(step, "color")


def worded(field: Node, value: float) -> tuple[str, str] | None:
    """The word and the colour that a value mapping gives `value`, if one does."""
    for each in nodes(field.get("mappings")):
        options = mapping(each.get("options"))
        low, high = options.get("from"), options.get("to")
        above = not isinstance(low, int | float) or value >= low
        below = not isinstance(high, int | float) or value <= high
        if word(each, "type") == "range" and above and below:
            result = mapping(options.get("result"))
            return word(result, "text"), word(result, "color")
    return None


def word_for(field: Node, text: str) -> tuple[str, str]:
    """The word and the colour that a mapping gives a label's value; itself where none does."""
    for each in nodes(field.get("mappings")):
        result = mapping(mapping(each.get("options")).get(text))
        if word(each, "type") == "value" and result:
            return word(result, "text"), word(result, "color")
    return text, ""


def told(field: Node, value: float) -> str:
    """`value` with its unit, or the word that is mapped to it."""
    mapped = worded(field, value)
    return mapped[0] if mapped else with_unit(value, word(field, "unit"), field.get("decimals"))


def with_unit(value: float, unit: str, decimals: JsonValue = None) -> str:
    """`value` in `unit`, a unit id of Grafana; at most `decimals` digits where given."""
    if not math.isfinite(value):
        return str(value)
    writer = _WRITERS.get(unit)
    return writer(value, decimals) if writer else _scaled(value, decimals)


def _digits(value: float, decimals: JsonValue) -> str:
    if isinstance(decimals, int):
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < _PLAIN_BELOW else f"{value:.0f}"


def _scaled(value: float, decimals: JsonValue) -> str:
    index = 0
    while abs(value) >= 1000 and index < len(_THOUSANDS) - 1:
        value, index = value / 1000, index + 1
    return _digits(value, decimals if index == 0 else 1) + _THOUSANDS[index]


def _bytes(value: float, _: JsonValue) -> str:
    index = 0
    while abs(value) >= 1024 and index < len(_BINARY) - 1:
        value, index = value / 1024, index + 1
    return f"{value:.3g} {_BINARY[index]}"


def _seconds(value: float, decimals: JsonValue) -> str:
    for size, name in ((_DAY_SECONDS, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if abs(value) >= size:
            return f"{_digits(value / size, decimals)} {name}"
    return f"{value * 1000:.3g} ms"


def _percent(value: float, decimals: JsonValue) -> str:
    """One digit more than elsewhere: 99.95 % must not be shown as 100 %."""
    text = _digits(value * 100, decimals) if isinstance(decimals, int) else f"{value * 100:.4g}"
    return f"{text}%"


_WRITERS: Final[Mapping[str, Callable[[float, JsonValue], str]]] = {
    "bytes": _bytes,
    "currencyUSD": lambda value, decimals: f"${_scaled(value, decimals)}",
    "m": lambda value, decimals: f"{_digits(value, decimals)} min",
    "ops": lambda value, decimals: f"{_scaled(value, decimals)} ops/s",
    "percentunit": _percent,
    "s": _seconds,
}
