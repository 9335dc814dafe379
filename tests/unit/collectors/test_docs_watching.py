"""The page about watching agents says what the connector does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from collectors.component import Config
from collectors.connectors.agentdetectors import AgentDetectorsConfig
from collectors.connectors.agentdetectors.config import (
    MADE,
    ActionsConfig,
    AuditsConfig,
    HeartbeatConfig,
    KeysConfig,
    LoopsConfig,
    RevisionsConfig,
    ViolationsConfig,
)
from collectors.net import duration
from slo.catalog import metrics

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "watching-agents.md").read_text("utf-8")
BLOCKS: tuple[type[Config], ...] = (
    HeartbeatConfig,
    ActionsConfig,
    LoopsConfig,
    RevisionsConfig,
    AuditsConfig,
    ViolationsConfig,
    KeysConfig,
    AgentDetectorsConfig,
)


def test_every_metric_and_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_.]+)[:`]", PAGE))

    assert set(MADE) <= told
    for block in BLOCKS:
        assert set(block.model_fields) <= told


@pytest.mark.parametrize("block", BLOCKS[:6])
def test_defaults_are_what_the_page_says(block: type[Config]) -> None:
    default = block.model_validate({}).model_dump()
    told = dict(re.findall(r"`([a-z_]+)` \((\w+)[;,)]", PAGE))

    for key in default.keys() & told.keys():
        said = told[key]
        assert default[key] == (int(said) if said.isdigit() else duration.parse(said)), key


def test_the_example_of_the_page_is_understood() -> None:
    (example,) = re.findall(r"```\n(agentdetectors:.*?)```", PAGE, re.DOTALL)

    found = AgentDetectorsConfig.model_validate(yaml.safe_load(example)["agentdetectors"])
    assert found.actions.tools[0].value == "replicas"


def test_the_alerts_of_each_row_read_its_metrics() -> None:
    shipped = {
        of["metadata"]["name"]: str(of["spec"]["expr"])
        for path in (ROOT / "alerts" / "operational" / "alerts").glob("*.yaml")
        for of in yaml.safe_load_all(path.read_text("utf-8"))
        if of["kind"] == "Alert"
    }
    rows = re.findall(r"^\| (`mas\.[^|]*)\|[^|]*\|([^|]*)\|$", PAGE, re.MULTILINE)
    assert len(rows) == 11
    for made, alerts in rows:
        series = [metrics().metric(name).prometheus for name in re.findall(r"`(.+?)`", made)]
        named = [name.strip() for name in alerts.split(",") if name.strip() in shipped]
        assert named or not alerts.strip(), alerts
        for name in named:
            assert any(of in shipped[name] for of in series), (name, series)
