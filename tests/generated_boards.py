"""The dashboards of a project, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from dashboards.generator import GENERATOR
from slo.model import Compiled
from tests.dashboard_projects import fleet

Node = dict[str, Any]


def boards(compiled: Compiled) -> dict[str, Node]:
    return {
        file.path.removeprefix("grafana/dashboards/").removesuffix(".json"): json.loads(file.text)
        for file in GENERATOR.generate(compiled)
        if file.path.endswith(".json")
    }


@cache
def ours() -> dict[str, Node]:
    return boards(fleet())


def panels(board: Node) -> Iterator[Node]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def titles(view: str) -> set[str]:
    return {panel["title"] for panel in panels(ours()[view])}
