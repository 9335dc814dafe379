"""The page about agents says what the collector does, and its table is made from the data."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from collectors.connectors.agentmetrics import AgentMetricsConfig
from collectors.connectors.agentmetrics.config import MADE
from collectors.dialects import KINDS, dialects
from collectors.dialects.page import table

PAGE = (Path(__file__).parents[3] / "docs" / "agents.md").read_text("utf-8")


def test_the_table_of_dialects_is_in_step_with_the_data() -> None:
    assert PAGE.endswith(table(dialects())), f"end the page with\n{table(dialects())}"


def test_every_metric_and_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_.]+)[:`]", PAGE))

    assert set(MADE) <= told
    assert set(AgentMetricsConfig.model_fields) <= told
    assert {kind.value for kind in KINDS} - {"attempt"} <= told


def test_the_declaration_of_the_page_is_understood() -> None:
    (example,) = re.findall(r"```\n(agentmetrics:.*?)```", PAGE, re.DOTALL)

    assert AgentMetricsConfig.model_validate(yaml.safe_load(example)["agentmetrics"]).declare


def test_every_dialect_says_where_its_facts_are_from() -> None:
    for dialect in dialects().dialects:
        assert dialect.source
        assert dialect.title
