"""The generated configuration counts what the SLO files state on spans."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path

import pytest

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from collectors.generator import GENERATOR, counting
from collectors.processors.sli import SliConfig
from slo.exact import Duration
from slo.model import Compiled, SpansMatch
from tests.front_end import project_of, slo_text

SPANS = """\
    spans:
      service: worker
      span_name: "execute: tool"
      attributes: {retries: "3"}
      bad: {status: false, attributes: {outcome: timeout}, above: 1d1ms}
"""


def generated(*texts: str) -> str:
    (file,) = GENERATOR.generate(Compiled(project_of(*texts), ()))
    assert file.path == "collector/collector.yaml"
    return file.text


def loaded(text: str, state: Path) -> Loaded:
    around = Surroundings({"FLEETSLO_STATE": str(state)}, lambda path: path)
    found, problems = load([Text("collector.yaml", text)], around, Registry.installed())
    assert problems == []
    assert found is not None
    return found


def test_a_project_without_indicators_on_spans_gets_the_starter_as_it_is() -> None:
    starter = files("collectors.starter").joinpath("collector.yaml").read_text(encoding="utf-8")

    head, _, rest = generated(slo_text()).partition(starter[:20])
    assert starter[:20] + rest == starter
    assert all(line.startswith("# ") for line in head.splitlines())


def test_indicators_on_spans_are_counted_before_all_but_admission(tmp_path: Path) -> None:
    found = loaded(generated(slo_text(), slo_text("tools", sli=SPANS)), tmp_path)

    (pipeline,) = [of for of in found.pipelines if of.signal == "traces"]
    assert pipeline.processors == ("memory_limiter", "redaction", "sli", "batch")
    config = found.components[Kind.PROCESSORS, "sli"].config
    assert isinstance(config, SliConfig)
    assert list(config.slos) == ["shop-tools"]
    spans = config.slos["shop-tools"].spans
    assert (spans.service, spans.span_name) == ("worker", "execute: tool")
    assert spans.attributes == {"retries": "3"}
    assert not spans.bad.status
    assert spans.bad.attributes == {"outcome": "timeout"}
    assert spans.bad.above == 86_400_001_000_000


def test_what_the_file_leaves_open_means_the_same_to_the_collector(tmp_path: Path) -> None:
    found = loaded(generated(slo_text(sli="    spans: {service: worker}\n")), tmp_path)

    config = found.components[Kind.PROCESSORS, "sli"].config
    assert isinstance(config, SliConfig)
    spans = config.slos["shop-checkout"].spans
    assert (spans.span_name, spans.attributes) == (None, {})
    assert (spans.bad.status, spans.bad.attributes, spans.bad.above) == (True, {}, 0)


def test_labels_of_budgets_become_labels_of_counters(tmp_path: Path) -> None:
    spans = """\
    spans:
      service: worker
      labels: {agent: gen_ai.agent.name}
      values: {agent: [planner, "5", "true"]}
"""
    text = generated(slo_text(sli=spans, more="  by: [agent, region]\n"))

    config = loaded(text, tmp_path).components[Kind.PROCESSORS, "sli"].config
    assert isinstance(config, SliConfig)
    by = config.slos["shop-checkout"].by
    assert {label: (of.attribute, of.values) for label, of in by.items()} == {
        "agent": ("gen_ai.agent.name", ["5", "planner", "true"]),
        "region": ("region", []),
    }


def test_everything_else_of_the_configuration_stays_as_it_stands() -> None:
    starter = files("collectors.starter").joinpath("collector.yaml").read_text(encoding="utf-8")
    text = generated(slo_text(sli="    spans: {service: worker}\n"))

    changes = list(difflib.ndiff(starter.splitlines(), text.splitlines()))

    assert [line[2:] for line in changes if line.startswith("- ")] == [
        "      processors: [memory_limiter, redaction, batch]"
    ]
    assert "+       processors: [memory_limiter, redaction, sli, batch]" in changes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[memory_limiter]", "[memory_limiter, sli]"),
        ("[tail_sampling, batch]", "[sli, tail_sampling, batch]"),
        ("[redaction, memory_limiter, batch]", "[redaction, memory_limiter, sli, batch]"),
    ],
)
def test_the_counter_comes_right_behind_what_acts_at_admission(before: str, after: str) -> None:
    text = (
        "processors:\n  batch:\nservice:\n  pipelines:\n"
        f"    traces/a: {{receivers: [otlp], processors: {before}}}\n"
        "    logs: {receivers: [otlp], processors: [batch]}\n"
    )
    match = SpansMatch("worker", bad_above=Duration.parse("5s"))

    found = counting(text, {"one": match})

    assert f"traces/a: {{receivers: [otlp], processors: {after}}}" in found
    assert "logs: {receivers: [otlp], processors: [batch]}" in found
