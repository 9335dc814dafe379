"""The page about policies: its configurations load, and every type and key is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.config.validate import block_type
from collectors.indicators import SloConfig
from collectors.sampling.policies import PolicyConfig
from collectors.service.names import METRICS

PAGE = (Path(__file__).parents[3] / "docs" / "sampling-policies.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
TYPES = set(PolicyConfig.model_fields["type"].annotation.__args__)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_configuration_of_the_page_loads_without_a_word(example: str) -> None:
    rest = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}},
        "exporters": {"debug": None},
        "service": {
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["tail_sampling"],
                    "exporters": ["debug"],
                }
            }
        },
    }
    texts = [Text("page", example), Text("rest", yaml.safe_dump(rest))]

    loaded, problems = load(texts, Surroundings({}, lambda path: path), Registry.installed())

    assert problems == []
    assert loaded is not None


def test_every_type_and_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))

    assert told >= TYPES
    for name in TYPES:
        block = block_type(PolicyConfig, name)
        assert block is None or set(_keys(block)) <= told, name


def test_the_metrics_that_are_told_are_ours() -> None:
    assert set(re.findall(r"`(fleetslo_[a-z_]+)`", PAGE)) <= METRICS.keys()


def _keys(block: type[BaseModel]) -> Iterator[str]:
    for name, field in block.model_fields.items():
        yield field.alias or name
        for part in getattr(field.annotation, "__args__", ()):
            is_block = isinstance(part, type) and issubclass(part, BaseModel)
            # Of policies inside policies, and of indicators, other places tell.
            if is_block and not issubclass(part, PolicyConfig | SloConfig):
                yield from _keys(part)
