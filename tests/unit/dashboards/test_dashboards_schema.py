"""Grafana's own contracts: its JSON Schema, and the round trip through its Python SDK."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.generator import GENERATOR
from slo.model import LogStore, Settings, TraceStore
from slo.rules.compile import compile_project
from tests.dashboard_projects import fleet, health, project

with warnings.catch_warnings():
    # Its first version of the model is ours on purpose: Grafana provisions no other from files.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models import dashboard as sdk

SCHEMAS = Path(__file__).resolve().parents[4] / "shared" / "grafana-jsonschema"
FILES = {
    "state-timeline": "statetimeline",
    "status-history": "statushistory",
    "nodeGraph": "nodegraph",
}
VIEWS = ("executive", "on-call", "debug")
Node = dict[str, Any]

# Where the schema is wrong about Grafana, whose loader and own exports have these.
# A link at a value has a title, a URL and a target only; the schema wants a dashboard link.
ALLOWED = {"links"}
# What Grafana types as `any` came out as `object`; a matcher's options are mostly a string.
ANYTHING = (("MatcherConfig", "options"), ("DynamicConfigValue", "value"))


@cache
def boards() -> dict[str, Node]:
    return {
        Path(file.path).stem: cast("Node", json.loads(file.text))
        for file in GENERATOR.generate(fleet())
        if file.path.endswith(".json")
    }


def schema(name: str) -> Node:
    path = SCHEMAS / f"{name}.jsonschema.json"
    if not path.exists():
        pytest.skip(f"Grafana's schema {name} is not there: ../shared/grafana-jsonschema")
    found = cast("Node", json.loads(path.read_text()))
    for owner, key in ANYTHING:
        if owner in found["definitions"]:
            found["definitions"][owner]["properties"][key] = {}
    return found


def without_allowed(board: Node) -> Node:
    """Links at values taken out, where alone the schema is known to be wrong."""
    copy = cast("Node", json.loads(json.dumps(board)))
    for panel in panels_of(copy):
        config = panel.get("fieldConfig", {})
        for name in ALLOWED:
            config.get("defaults", {}).pop(name, None)
    return copy


def panels_of(board: Node) -> Iterator[Node]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def words(error: jsonschema.ValidationError) -> str:
    best = jsonschema.exceptions.best_match([error])
    return f"{list(best.absolute_path)}: {best.message[:200]}"


@pytest.mark.parametrize("view", VIEWS)
def test_grafanas_schema_has_nothing_to_say(view: str) -> None:
    checker = jsonschema.Draft7Validator(schema("dashboard"))

    errors = [words(error) for error in checker.iter_errors(without_allowed(boards()[view]))]

    assert errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_options_of_every_panel_are_grafanas(view: str) -> None:
    schema("dashboard")
    errors: list[str] = []
    for panel in panels_of(boards()[view]):
        kind = FILES.get(panel["type"], panel["type"])
        if panel["type"] in {"row", "traces"}:  # a header; and a panel without any options
            continue
        own = schema(kind)
        for name, value in (
            ("Options", panel.get("options")),
            ("FieldConfig", panel["fieldConfig"]["defaults"].get("custom")),
        ):
            if name in own["definitions"] and value is not None:
                target = {"$ref": f"#/definitions/{name}", "definitions": own["definitions"]}
                checker = jsonschema.Draft7Validator(target)
                errors += [f"{panel['title']}: {words(e)}" for e in checker.iter_errors(value)]

    assert [error for error in errors if "cellOptions" not in error] == []


@pytest.mark.parametrize("view", VIEWS)
def test_the_sdk_reads_and_writes_every_key(view: str) -> None:
    board = boards()[view]

    again = json.loads(JSONEncoder(sort_keys=True).encode(sdk.Dashboard.from_json(board)))

    assert keys(board) - keys(again) == set()


def keys(value: object, path: str = "") -> set[str]:
    found: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= {f"{path}.{key}", *keys(inner, f"{path}.{key}")}
    elif isinstance(value, list):
        for inner in value:
            found |= keys(inner, f"{path}[]")
    return found


def test_loki_and_tempo_are_as_good_as_elasticsearch_and_jaeger() -> None:
    settings = Settings(logs=LogStore.LOKI, traces=TraceStore.TEMPO)
    compiled = compile_project(project(health(), settings=settings))
    checker = jsonschema.Draft7Validator(schema("dashboard"))

    board = next(
        json.loads(file.text) for file in GENERATOR.generate(compiled) if "debug" in file.path
    )

    assert [words(error) for error in checker.iter_errors(without_allowed(board))] == []
    assert {"loki_datasource", "tempo_datasource"} <= {
        variable["name"] for variable in board["templating"]["list"]
    }
