"""Every rule has something to say about the dashboard that breaks it, and nothing about ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest

from dashboards.generator import GENERATOR
from dashboards.proof import OWN_SERIES
from dashboards.proving.lint import RULES, complaints
from dashboards.proving.reading import read
from slo.catalog import metrics
from slo.model import LogStore, Settings
from slo.rules.compile import compile_project
from tests.dashboard_projects import fleet, health, project

Node = dict[str, Any]
VIEWS = ("executive", "on-call", "debug")


@cache
def files() -> dict[str, str]:
    loki = compile_project(project(health(), settings=Settings(logs=LogStore.LOKI)))
    return {
        **{file.path: file.text for file in GENERATOR.generate(fleet())},
        **{f"loki/{file.path}": file.text for file in GENERATOR.generate(loki)},
    }


def known() -> frozenset[str]:
    return frozenset(metrics().by_series()) | fleet().record_names() | OWN_SERIES


@pytest.mark.parametrize("view", VIEWS)
def test_our_dashboards_keep_every_rule(view: str) -> None:
    assert complaints(read(files()[f"grafana/dashboards/{view}.json"]), known()) == []
    assert complaints(read(files()[f"loki/grafana/dashboards/{view}.json"]), known()) == []


def panel(board: Node, kind: str) -> Node:
    flat = [inner for each in board["panels"] for inner in (each, *each.get("panels", ()))]
    return next(each for each in flat if each["type"] == kind)


def variable(board: Node, kind: str) -> Node:
    return cast("Node", next(v for v in board["templating"]["list"] if v["type"] == kind))


def asks(expr: str) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        panel(board, "timeseries")["targets"][0]["expr"] = expr

    return change


def sets(kind: str, key: str, value: object) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        panel(board, kind)[key] = value

    return change


def defaults(key: str, value: object) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        panel(board, "timeseries")["fieldConfig"]["defaults"][key] = value

    return change


def of_variable(kind: str, key: str, value: object) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        variable(board, kind)[key] = value

    return change


def of_board(key: str, *, value: object) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        board[key] = value

    return change


def of_logs(expr: str) -> Callable[[Node], None]:
    def change(board: Node) -> None:
        panel(board, "logs")["targets"][0]["expr"] = expr

    return change


def same_place(board: Node) -> None:
    lines = [each for each in board["panels"] if each["type"] == "timeseries"]
    lines[1]["gridPos"] = dict(lines[0]["gridPos"])


def fixed_source(board: Node) -> None:
    panel(board, "timeseries")["datasource"]["uid"] = "abc"


BREAKS: dict[str, Callable[[Node], None]] = {
    "template-datasource-rule": of_variable("datasource", "name", "ds"),
    "template-label-promql-rule": of_variable("query", "query", "label_values(up{, job)"),
    "template-on-time-change-reload-rule": of_variable("query", "refresh", 1),
    "panel-datasource-rule": fixed_source,
    "panel-title-description-rule": sets("timeseries", "description", " "),
    "panel-units-rule": defaults("unit", "furlongs"),
    "panel-no-targets-rule": sets("timeseries", "targets", []),
    "target-logql-rule": of_logs("error"),
    "target-logql-auto-rule": of_logs('{a="b"} | rate[5m]'),
    "target-promql-rule": asks("sum(rate(slo:burn_rate:ratio[5m])"),
    "target-rate-interval-rule": asks("rate(mas_agent_actions_total[5m])"),
    "target-counter-agg-rule": asks("sum(mas_agent_actions_total)"),
    "uneditable-dashboard": of_board("editable", value=True),
    "overlap": same_place,
    "off-the-grid": sets("timeseries", "gridPos", {"x": 20, "y": 900, "w": 8, "h": 4}),
    "used-twice": sets("timeseries", "id", 0),
    "undeclared-variable": asks('up{a="$nobody"}'),
    "missing": defaults("noValue", ""),
    "rate-of-recorded": asks("rate(slo:burn_rate:ratio[$__rate_interval])"),
    "exemplar": lambda board: panel(board, "heatmap")["targets"][0].update(expr="slo_info"),
    "threshold-order": defaults(
        "thresholds",
        {"mode": "absolute", "steps": [{"color": "#0072B2", "value": 1}]},
    ),
    "palette": defaults("color", {"mode": "fixed", "fixedColor": "red"}),
    "transformation": sets("timeseries", "transformations", [{"id": "renameByRegex"}]),
    "uid": of_board("uid", value="x" * 41),
    "links": of_board("links", value=[]),
    "unknown-metric": asks("mas_agents_actions_total"),
}


def test_every_rule_is_tried() -> None:
    assert set(BREAKS) == {*RULES, "unknown-metric"}


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_a_rule_finds_what_breaks_it(rule: str) -> None:
    board = cast("Node", json.loads(files()["loki/grafana/dashboards/debug.json"]))
    if rule == "used-twice":
        board["panels"][1]["id"] = 0

    BREAKS[rule](board)

    assert rule in {found.split(":")[0] for found in complaints(read(json.dumps(board)), known())}
