"""Queries of log and trace stores, read by the grammars that Grafana's own editors use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dashboards.generator import GENERATOR
from dashboards.proving.reading import mapping, read, word
from slo.model import LogStore, Settings, TraceStore
from slo.rules.compile import compile_project
from tests.dashboard_projects import health, project

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / ".servers" / "grafana-data" / "node_modules"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (LIBRARY / "@grafana" / "lezer-logql").is_dir(),
    reason="Grafana's grammars are not to be had, run `make grafana-data`",
)


def queries() -> dict[str, list[str]]:
    """Every query to Loki and Tempo that a panel asks."""
    settings = Settings(logs=LogStore.LOKI, traces=TraceStore.TEMPO)
    found: dict[str, list[str]] = {"logql": [], "traceql": []}
    for file in GENERATOR.generate(compile_project(project(health(), settings=settings))):
        if file.path.endswith(".json"):
            for panel in read(file.text).panels:
                for target in panel.targets:
                    kind = word(mapping(target.node.get("datasource")), "type")
                    if kind == "loki":
                        found["logql"].append(word(target.node, "expr"))
                    elif kind == "tempo" and word(target.node, "queryType") == "traceql":
                        found["traceql"].append(word(target.node, "query"))
    return found


def broken(asked: dict[str, list[str]]) -> dict[str, list[str]]:
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "grafana_data" / "parse.cjs")],
        input=json.dumps(asked),
        env=os.environ | {"NODE_PATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    result: dict[str, list[str]] = json.loads(done.stdout)
    return result


def test_every_query_to_loki_and_tempo_is_well_formed() -> None:
    asked = queries()
    # A trace id alone is a query of its own kind; it is no TraceQL.
    asked["traceql"] = [text for text in asked["traceql"] if not text.startswith("$")]

    assert len(asked["logql"]) >= 2
    assert len(asked["traceql"]) >= 1
    assert broken(asked) == {"logql": [], "traceql": []}


def test_a_broken_query_is_found() -> None:
    asked = {"logql": ['{service_name=~".+"} | '], "traceql": ["{ && }"]}

    assert broken(asked) == asked
