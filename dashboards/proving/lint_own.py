"""Rules of our own: what Grafana would load without a word, and a reader would stumble over."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import promql_parser as pp

from dashboards import palette
from dashboards.layout import COLUMNS
from dashboards.notation import JsonValue
from dashboards.proving.expand import Moment, expanded, names_in
from dashboards.proving.reading import Dashboard, Node, Panel, mapping, nodes, word
from slo.promql import PromqlError, parse, selected_metrics
from slo.promql.labels import children

_TYPICAL: Final = Moment(range_seconds=3600, step_seconds=15, scrape_seconds=15)
_UID_CHARACTERS: Final = 40
_SILENT: Final = frozenset({"row", "text"})
_TRANSFORMATIONS: Final = frozenset({"calculateField", "merge", "organize"})
"""The ones that these dashboards use; each was run with Grafana's own code."""
_RATES: Final = frozenset({"rate", "irate", "increase", "delta", "deriv"})
_BRIGHT_ENOUGH: Final = palette.SAFE | {palette.NONE}


def unknown_metrics(board: Dashboard, known: frozenset[str]) -> Iterator[str]:
    """Queries that name a series that nobody makes."""
    for where, expr in _expressions(board):
        tree = _parsed(expr)
        if tree is not None:
            for name in sorted(selected_metrics(tree) - known):
                yield f"{where} asks for {name}, which nobody makes"


def metrics_of(board: Dashboard) -> frozenset[str]:
    """Every series that the dashboard asks for by name."""
    trees = [_parsed(expr) for _, expr in _expressions(board)]
    return frozenset[str]().union(*(selected_metrics(tree) for tree in trees if tree is not None))


def _overlap(board: Dashboard) -> Iterator[str]:
    groups: dict[int | None, list[Panel]] = {}
    for panel in board.panels:
        groups.setdefault(panel.collapsed_in, []).append(panel)
    for group in groups.values():
        for one, other in itertools.combinations(group, 2):
            if _overlapping(one, other):
                yield f"{_of(one)} and {_of(other)} overlap"


def _overlapping(one: Panel, other: Panel) -> bool:
    x1, y1, w1, h1 = one.place
    x2, y2, w2, h2 = other.place
    return x1 < x2 + w2 and x2 < x1 + w1 and y1 < y2 + h2 and y2 < y1 + h1


def _off_the_grid(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        x, y, width, height = panel.place
        if x < 0 or y < 0 or width < 1 or height < 1 or x + width > COLUMNS:
            yield f"{_of(panel)} does not stand on the grid"


def _twice(board: Dashboard) -> Iterator[str]:
    for identity, count in Counter(panel.identity for panel in board.panels).items():
        if count > 1:
            yield f"id {identity} is used {count} times"
    for panel in board.panels:
        for ref, count in Counter(target.ref for target in panel.targets).items():
            if count > 1:
                yield f"{_of(panel)} has {count} queries called {ref}"


def _undeclared(board: Dashboard) -> Iterator[str]:
    declared = {word(node, "name") for node in board.variables()}
    for panel in board.panels:
        queried = (text for target in panel.targets for text in _texts(target.node))
        for text in (panel.title, word(panel.node, "repeat"), *queried):
            name = f"${text}" if text == word(panel.node, "repeat") and text else text
            for variable in sorted(names_in(name) - declared):
                if not variable.startswith("__") and not variable.isdigit():
                    yield f"{_of(panel)} uses the variable {variable}, which is not declared"


def _missing(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        if panel.kind not in _SILENT:
            for key in ("unit", "noValue"):
                if not word(panel.defaults, key):
                    yield f"{_of(panel)} has no {key}"


def _rate_of_recorded(board: Dashboard) -> Iterator[str]:
    for where, expr in _expressions(board):
        tree = _parsed(expr)
        if tree is not None:
            for name in _rated(tree, inside=False):
                if ":" in name:
                    yield f"{where} takes a rate of {name}, which is recorded"


def _exemplars(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for target in panel.targets:
            if target.node.get("exemplar") is True and "_bucket" not in target.expr:
                yield f"{_of(panel)} asks for exemplars of what is no histogram"


def _steps(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for owner in (panel.defaults, *_overridden(panel)):
            steps = nodes(mapping(owner.get("thresholds")).get("steps"))
            values = [step.get("value") for step in steps]
            numbers = [value for value in values if isinstance(value, int | float)]
            if steps and (values[0] is not None or numbers != sorted(set(numbers))):
                yield f"{_of(panel)} has thresholds out of order"


def _colors(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        config = mapping(panel.node.get("fieldConfig"))
        for color in _colors_in(config):
            if color not in _BRIGHT_ENOUGH:
                yield f"{_of(panel)} uses the colour {color}, which is not in the palette"


def _unproven_transformation(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for node in nodes(panel.node.get("transformations")):
            if word(node, "id") not in _TRANSFORMATIONS:
                yield f"{_of(panel)} uses the transformation {word(node, 'id')}"


def _uid(board: Dashboard) -> Iterator[str]:
    if not 0 < len(board.uid) <= _UID_CHARACTERS:
        yield f"uid {board.uid!r} must have 1 to {_UID_CHARACTERS} characters"


def _linked(board: Dashboard) -> Iterator[str]:
    links = nodes(board.node.get("links"))
    if not any(link.get("keepTime") and link.get("includeVars") for link in links):
        yield "no link to the other views keeps time and variables"


OWN_RULES: Final[dict[str, Callable[[Dashboard], Iterator[str]]]] = {
    "overlap": _overlap,
    "off-the-grid": _off_the_grid,
    "used-twice": _twice,
    "undeclared-variable": _undeclared,
    "missing": _missing,
    "rate-of-recorded": _rate_of_recorded,
    "exemplar": _exemplars,
    "threshold-order": _steps,
    "palette": _colors,
    "transformation": _unproven_transformation,
    "uid": _uid,
    "links": _linked,
}


def _expressions(board: Dashboard) -> Iterator[tuple[str, str]]:
    for panel in board.panels:
        for target in panel.targets:
            if target.expr:
                yield _of(panel), target.expr
    for node in board.annotations():
        if word(node, "expr"):
            yield f"annotation {word(node, 'name')}", word(node, "expr")


def _parsed(expr: str) -> pp.Expr | None:
    try:
        return parse(expanded(expr, _TYPICAL, {}))
    except PromqlError:
        return None


def _rated(expr: pp.Expr, *, inside: bool) -> Iterator[str]:
    if isinstance(expr, pp.VectorSelector):
        if inside:
            yield expr.name or ""
        return
    below = inside or (isinstance(expr, pp.Call) and expr.func.name in _RATES)
    for child in children(expr):
        yield from _rated(child, inside=below)


def _overridden(panel: Panel) -> Iterator[Node]:
    for override in nodes(mapping(panel.node.get("fieldConfig")).get("overrides")):
        for setting in nodes(override.get("properties")):
            if word(setting, "id") == "thresholds":
                yield {"thresholds": setting.get("value")}


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "datasource":
                yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _colors_in(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"color", "fixedColor"} and isinstance(inner, str):
                yield inner
            else:
                yield from _colors_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _colors_in(inner)


def _of(panel: Panel) -> str:
    return f"panel {panel.identity} ({panel.title})"
