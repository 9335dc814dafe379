"""The configuration that the page for users shows can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from collectors.config.load import Text, load
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from collectors.connectors.spanmetrics import SpanMetricsConfig
from collectors.ottl import CONTEXTS
from collectors.ottl.conditions import FUNCTIONS
from collectors.processors.filter import FilterConfig
from collectors.processors.probabilistic_sampler import SamplerConfig
from collectors.processors.tail_sampling import TailSamplingConfig

PAGE = (Path(__file__).parents[3] / "docs" / "spans-and-sampling.md").read_text("utf-8")


def test_the_example_is_a_configuration_without_a_warning() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    around = Surroundings({}, lambda path: path)

    loaded, problems = load([Text("docs", example)], around, Registry.installed())

    assert problems == []
    assert loaded is not None
    assert (Kind.CONNECTORS, "spanmetrics") in loaded.components


def test_the_filter_of_the_page_is_understood() -> None:
    (example,) = re.findall(r"```\n(filter:.*?)```", PAGE, re.DOTALL)

    FilterConfig.model_validate(yaml.safe_load(example)["filter"])


def test_the_tail_sampling_of_the_page_is_understood() -> None:
    (example,) = re.findall(r"```\n(processors:\n  tail_sampling:.*?)```", PAGE, re.DOTALL)

    given = yaml.safe_load(example)["processors"]["tail_sampling"]
    assert len(TailSamplingConfig.model_validate(given).policies) == 3


def test_every_path_and_function_is_told() -> None:
    for context in CONTEXTS.values():
        for path in context.paths:
            assert f"`{path}" in PAGE, path
    for function in FUNCTIONS:
        assert f"`{function}" in PAGE


def test_every_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))

    assert set(SpanMetricsConfig.model_fields) <= told
    assert set(SamplerConfig.model_fields) <= told
    assert set(TailSamplingConfig.model_fields) <= told
