"""Thirteen rules of Grafana's dashboard linter, by its own names for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import promql_parser as pp

from dashboards.proving.expand import Moment, expanded
from dashboards.proving.reading import Dashboard, Panel, mapping, nodes, word
from slo.promql import PromqlError, parse
from slo.promql.labels import children

_TYPICAL: Final = Moment(range_seconds=3600, step_seconds=15, scrape_seconds=15)
_SHOWS_VALUES: Final = frozenset(
    {"stat", "timeseries", "gauge", "bargauge", "table", "state-timeline", "status-history"}
)
_NO_TARGETS_NEEDED: Final = frozenset({"row", "text"})
_LABEL_QUERY: Final = re.compile(r"label_values\((?:(.+), *)?(\w+)\)")
_RATE: Final = re.compile(r"\bi?rate\([^\[\]]*\[([^\]]+)\]")
_LOGQL_RANGE: Final = re.compile(r"\[([^\]]+)\]")
_LOGQL_SELECTOR: Final = re.compile(r"^\{[^{}]+\}(\s*\|.+)?$")
_FOR_COUNTERS: Final = frozenset({"rate", "irate", "increase"})
KNOWN_UNITS: Final = frozenset(
    {
        "bytes",
        "currencyUSD",
        "m",
        "none",
        "ops",
        "percentunit",
        "s",
        "short",
    }
)
"""Unit ids of Grafana that these dashboards use."""


def _template_datasource(board: Dashboard) -> Iterator[str]:
    sources = [node for node in board.variables() if word(node, "type") == "datasource"]
    if not sources:
        yield "no data source variable"
    for node in sources:
        kind, name = word(node, "query"), word(node, "name")
        if name != f"{kind}_datasource":
            yield f"data source variable {name} must be named {kind}_datasource"
        if word(node, "label") != f"{kind.capitalize()} data source":
            yield f"data source variable {name} must be labelled {kind.capitalize()} data source"


def _template_label_promql(board: Dashboard) -> Iterator[str]:
    for node in board.variables():
        if word(node, "type") == "query":
            found = _LABEL_QUERY.fullmatch(word(node, "query"))
            if found is None:
                yield f"variable {word(node, 'name')} does not ask for label values"
            elif found.group(1):
                yield from _unparsable(found.group(1), f"variable {word(node, 'name')}")


def _template_reload(board: Dashboard) -> Iterator[str]:
    for node in board.variables():
        if word(node, "type") == "query" and node.get("refresh") != 2:
            yield f"variable {word(node, 'name')} is not refreshed on a change of time"


def _panel_datasource(board: Dashboard) -> Iterator[str]:
    for panel in _asking(board):
        for node in (panel.node, *(target.node for target in panel.targets)):
            uid = word(mapping(node.get("datasource")), "uid")
            if not uid.startswith("$"):
                yield f"{_of(panel)} does not use a data source variable"


def _panel_title_description(board: Dashboard) -> Iterator[str]:
    for panel in _without_rows(board):
        for key in ("title", "description"):
            if not word(panel.node, key).strip():
                yield f"{_of(panel)} has no {key}"


def _panel_units(board: Dashboard) -> Iterator[str]:
    for panel in _without_rows(board):
        unit = word(panel.defaults, "unit")
        if panel.kind in _SHOWS_VALUES and unit not in KNOWN_UNITS:
            yield f"{_of(panel)} has the unit {unit!r}, which is not known"


def _panel_no_targets(board: Dashboard) -> Iterator[str]:
    for panel in _without_rows(board):
        if panel.kind not in _NO_TARGETS_NEEDED and not panel.targets:
            yield f"{_of(panel)} asks nothing"


def _target_logql(board: Dashboard) -> Iterator[str]:
    for panel, text in _logql(board):
        if _LOGQL_SELECTOR.fullmatch(text) is None:
            yield f"{_of(panel)} has no log selector followed by filters: {text}"


def _target_logql_auto(board: Dashboard) -> Iterator[str]:
    for panel, text in _logql(board):
        for range_ in _LOGQL_RANGE.findall(text):
            if range_ != "$__auto":
                yield f"{_of(panel)} must use $__auto for its range, not {range_}"


def _target_promql(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for target in panel.targets:
            if target.expr:
                yield from _unparsable(target.expr, _of(panel))
    for node in board.annotations():
        if word(node, "expr"):
            yield from _unparsable(word(node, "expr"), f"annotation {word(node, 'name')}")


def _target_rate_interval(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for target in panel.targets:
            for range_ in _RATE.findall(target.expr):
                if range_ != "$__rate_interval":
                    yield f"{_of(panel)} has a rate over {range_}, not over $__rate_interval"


def _target_counter_agg(board: Dashboard) -> Iterator[str]:
    for panel in board.panels:
        for target in panel.targets:
            tree = _parsed(target.expr)
            if tree is not None:
                for name in _bare_counters(tree, counted=False):
                    yield f"{_of(panel)} shows the counter {name} without a rate"


def _uneditable(board: Dashboard) -> Iterator[str]:
    if board.node.get("editable") is not False:
        yield "the dashboard can be edited in the browser"


GRAFANA_RULES: Final[dict[str, Callable[[Dashboard], Iterator[str]]]] = {
    "template-datasource-rule": _template_datasource,
    "template-label-promql-rule": _template_label_promql,
    "template-on-time-change-reload-rule": _template_reload,
    "panel-datasource-rule": _panel_datasource,
    "panel-title-description-rule": _panel_title_description,
    "panel-units-rule": _panel_units,
    "panel-no-targets-rule": _panel_no_targets,
    "target-logql-rule": _target_logql,
    "target-logql-auto-rule": _target_logql_auto,
    "target-promql-rule": _target_promql,
    "target-rate-interval-rule": _target_rate_interval,
    "target-counter-agg-rule": _target_counter_agg,
    "uneditable-dashboard": _uneditable,
}


def _without_rows(board: Dashboard) -> Iterator[Panel]:
    return (panel for panel in board.panels if panel.kind != "row")


def _asking(board: Dashboard) -> Iterator[Panel]:
    return (panel for panel in _without_rows(board) if panel.targets)


def _logql(board: Dashboard) -> Iterator[tuple[Panel, str]]:
    for panel in board.panels:
        for node in nodes(panel.node.get("targets")):
            if word(mapping(node.get("datasource")), "type") == "loki":
                yield panel, word(node, "expr")


def _unparsable(expr: str, where: str) -> Iterator[str]:
    try:
        parse(expanded(expr, _TYPICAL, {}))
    except PromqlError as error:
        yield f"{where} does not parse: {error}"


def _parsed(expr: str) -> pp.Expr | None:
    try:
        return parse(expanded(expr, _TYPICAL, {}))
    except PromqlError:
        return None


def _bare_counters(expr: pp.Expr, *, counted: bool) -> Iterator[str]:
    if isinstance(expr, pp.VectorSelector):
        if not counted and (expr.name or "").endswith("_total"):
            yield expr.name or ""
        return
    inside = counted or (isinstance(expr, pp.Call) and expr.func.name in _FOR_COUNTERS)
    for child in children(expr):
        yield from _bare_counters(child, counted=inside)


def _of(panel: Panel) -> str:
    return f"panel {panel.identity} ({panel.title})"
