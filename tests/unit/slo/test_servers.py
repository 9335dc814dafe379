"""Servers start on loopback, say why they do not, and are always stopped."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from slo import servers


def needs(tool: str) -> None:
    if servers.find(tool) is None:
        pytest.skip(f"{tool} is not to be had: run `make servers`")


@pytest.mark.servers
def test_prometheus_answers_when_start_returns_and_is_gone_afterwards(tmp_path: Path) -> None:
    needs("prometheus")
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 15s}\n")

    with (
        servers.prometheus(tmp_path, config) as running,
        urllib.request.urlopen(f"{running.url}/api/v1/query?query=vector(1)") as answer,
    ):
        body = json.load(answer)

    assert body["data"]["result"][0]["value"][1] == "1"
    assert running.process.poll() is not None


@pytest.mark.servers
def test_a_server_that_cannot_start_says_why_in_its_own_words(tmp_path: Path) -> None:
    needs("prometheus")
    config = tmp_path / "prometheus.yml"
    config.write_text("nonsense: 1\n")

    with pytest.raises(servers.ServerError, match="field nonsense not found"):
        servers.prometheus(tmp_path, config)


def test_a_missing_tool_names_the_way_out() -> None:
    with pytest.raises(servers.MissingToolError, match="make servers"):
        servers.require("no-such-tool")
