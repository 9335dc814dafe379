"""Every query that a runbook shows is one that Prometheus answers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from alerts.runbooks.generator import GENERATOR
from slo.rules import compile_project
from slo.servers import find, prometheus
from tests.catalog_project import catalog_project

pytestmark = pytest.mark.servers

BLOCK = re.compile(r"```promql\n(.*?)\n```", re.DOTALL)
GRAPH = re.compile(r"/graph\?g0\.expr=([^&)]+)&")


def asked() -> dict[str, str]:
    """Each query, and a page that shows it."""
    found: dict[str, str] = {}
    for file in GENERATOR.generate(compile_project(catalog_project())):
        for expr in BLOCK.findall(file.text):
            found[expr] = file.path
        for quoted in GRAPH.findall(file.text):
            found[urllib.parse.unquote(quoted)] = file.path
    return found


def test_every_query_of_every_shipped_runbook_is_answered(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had: run `make servers`")
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1m}\n", "utf-8")
    queries = asked()
    refused: dict[str, str] = {}
    with prometheus(tmp_path, config) as server:
        for expr, path in queries.items():
            body = urllib.parse.urlencode({"query": expr}).encode()
            try:
                with urllib.request.urlopen(f"{server.url}/api/v1/query", body, 10) as answer:
                    assert json.load(answer)["status"] == "success"
            except urllib.error.HTTPError as error:
                refused[f"{path}: {expr}"] = error.read().decode()
                error.close()

    assert refused == {}
    assert len(queries) > 100
