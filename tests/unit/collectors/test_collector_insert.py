"""The counter of span indicators in a collector configuration of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from collectors.generator import GENERATOR
from collectors.processors.cardinality.config import CardinalityConfig
from collectors.processors.sli import SliConfig
from collectors.protected import protected
from slo.diagnostic import Level, Span
from slo.model import Base, Compiled, UserFile
from tests.front_end import project_of, slo_text

HERE = Span("settings.yaml", 4, 20, 30)
SPANS = "    spans: {service: worker}\n"
OWN = """\
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:4317"}}}
processors: {memory_limiter: {check_interval: 1s, limit_mib: 0400}, batch: {}}
exporters: {debug: {}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [debug]}
    traces/raw: {receivers: [otlp], processors: [memory_limiter], exporters: [debug]}
    logs: {receivers: [otlp], processors: [memory_limiter], exporters: [debug]}
"""


def compiled(own: str, *texts: str) -> Compiled:
    project = project_of(*(texts or (slo_text("tools", sli=SPANS),)))
    base = Base(collector=UserFile("mine.yaml", own, HERE))
    return Compiled(replace(project, settings=replace(project.settings, base=base)), ())


def written(own: str, *texts: str) -> str:
    (file,) = GENERATOR.generate(compiled(own, *texts))
    return file.text


def loaded(text: str, state: Path) -> Loaded:
    around = Surroundings({"FLEETSLO_STATE": str(state)}, lambda path: path)
    found, problems = load([Text("collector.yaml", text)], around, Registry.installed())
    assert problems == []
    assert found is not None
    return found


def test_spans_of_each_receiver_are_counted_once_behind_admission(tmp_path: Path) -> None:
    found = loaded(written(OWN), tmp_path)
    processors = {of.name: of.processors for of in found.pipelines}

    assert processors["traces"] == ("memory_limiter", "sli/fleetslo", "batch")
    assert processors["traces/raw"] == ("memory_limiter",)
    assert processors["logs"] == ("memory_limiter",)
    config = found.components[Kind.PROCESSORS, "sli/fleetslo"].config
    assert isinstance(config, SliConfig)
    assert list(config.slos) == ["shop-tools"]


def test_everything_else_is_kept_as_it_is_spelled() -> None:
    before, after = yaml.safe_load(OWN), yaml.safe_load(written(OWN))

    assert after["receivers"] == before["receivers"]
    assert after["service"]["pipelines"]["logs"] == before["service"]["pipelines"]["logs"]
    assert "limit_mib: 0400" in written(OWN)


def test_a_second_run_changes_nothing_and_an_earlier_counter_is_replaced() -> None:
    once = written(OWN)

    assert written(once) == once
    assert "shop-tools" not in written(once, slo_text("others", sli=SPANS))
    assert "sli/fleetslo" not in written(once, slo_text())


def test_pipelines_of_different_receivers_both_count_and_those_behind_a_connector_do_not() -> None:
    own = OWN.replace("raw: {receivers: [otlp]", "raw: {receivers: [otlp/2]")
    own = own.replace("logs: {receivers: [otlp]", "traces/late: {receivers: [forward]")
    pipelines = yaml.safe_load(written(own + "connectors: {forward: {}}\n"))["service"]["pipelines"]
    counting = [name for name, of in pipelines.items() if "sli/fleetslo" in of["processors"]]

    assert counting == ["traces", "traces/raw"]


def test_a_configuration_without_processors_gets_ours() -> None:
    own = OWN.replace("processors: {memory_limiter", "extensions: {memory_limiter")
    own = own.replace("processors: [memory_limiter, batch], ", "")
    pipelines = yaml.safe_load(written(own))["service"]["pipelines"]

    assert pipelines["traces"]["processors"] == ["sli/fleetslo"]


NEEDED = """\
    events:
      bad: sum by (team_name) (rate(a_total{mas_action_outcome!="ok", job="x"}[$window]))
      total: >-
        sum by (team_name) (label_replace(rate(a_total{otel_metric_overflow=""}[$window]),
        "team_name", "$1", "region", "(.*)"))
"""
BY = "  by: [team_name]\n"
REST = ["mas.action.outcome", "team.name", "team_name"]
PROTECTED = sorted([*REST, "region"])


@pytest.mark.parametrize(
    ("governor", "protect"),
    [
        ("cardinality: ", PROTECTED),
        ("cardinality: {}", PROTECTED),
        ("cardinality/few: {protect: null}", PROTECTED),
        (
            "cardinality: {protect: [tier, region]}",
            ["tier", "region", *REST],
        ),
        ("cardinality: {attributes: {region: 9}}", REST),
        ("cardinality: {metrics: {m: {attributes: {region: 9}}}}", REST),
    ],
)
def test_limits_of_series_protect_what_slos_need(
    governor: str, protect: list[str], tmp_path: Path
) -> None:
    name, slo = governor.partition(":")[0], slo_text(sli=NEEDED, more=BY)
    own = OWN.replace("batch: {}}", "batch: {}, " + governor + "}")
    used = f"[memory_limiter, {name}]"
    own += f"    metrics: {{receivers: [otlp], processors: {used}, exporters: [debug]}}\n"

    once = written(own, slo)

    config = loaded(once, tmp_path).components[Kind.PROCESSORS, name].config
    assert isinstance(config, CardinalityConfig)
    assert config.protect == protect
    assert written(once, slo) == once
    before = yaml.safe_load(own)["processors"][name] or {}
    after = yaml.safe_load(once)["processors"][name]
    assert {**after, "protect": 0} == {**before, "protect": 0}


def test_a_limit_on_what_slos_need_is_told_of() -> None:
    own = OWN.replace("batch: {}}", "batch: {}, cardinality: {attributes: {region: 9, x: 9}}}")
    slo = slo_text(sli=NEEDED, more=BY)

    (problem,) = GENERATOR.check(compiled(own, slo))

    assert (problem.level, problem.code, problem.place) == (Level.WARNING, "SLO041", HERE)
    assert problem.text.startswith("mine.yaml: cardinality limits region, which SLOs need")
    assert not GENERATOR.check(compiled(own.replace("region", "y"), slo))


def test_what_a_limit_protects_by_way_of_something_else_is_left_as_it_is() -> None:
    for governor in ("{protect: '${env:KEYS}'}", "{<<: {protect: [tier]}}"):
        own = OWN.replace("batch: {}}", "batch: {}, cardinality: " + governor + "}")
        before, after = (
            yaml.safe_load(own),
            yaml.safe_load(written(own, slo_text(sli=NEEDED, more=BY))),
        )

        assert after["processors"]["cardinality"] == before["processors"]["cardinality"]


def test_dots_stand_before_underscores_in_names_that_the_catalogue_does_not_have() -> None:
    sli = """\
    events:
      bad: sum(rate(a_total{http_status_code=~"5.."}[$window]))
      total: sum(rate(a_total[$window]))
"""
    names = protected(project_of(slo_text(sli=sli)).slos)

    assert names == ("http.status.code", "http.status_code", "http_status_code")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("traces", "metrics"), "no pipeline for traces"),
        (
            lambda t: t.replace("raw: {receivers: [otlp]", "raw: {receivers: [otlp, zipkin]"),
            "traces/raw takes otlp, which traces counts, and more",
        ),
        (lambda t: t.replace("pipelines:", "pipes:"), "no service.pipelines"),
        (
            lambda t: t.replace("batch: {}", "sli: {slos: {shop-tools: {spans: {service: x}}}}"),
            "sli counts shop-tools already",
        ),
        (lambda t: t.replace("[memory_limiter, batch]", "batch"), "processors must be a list"),
        (lambda _: "}", "not valid YAML"),
    ],
)
def test_a_clash_is_an_error_where_the_file_is_named(
    change: Callable[[str], str], words: str
) -> None:
    (problem,) = GENERATOR.check(compiled(change(OWN)))

    assert (problem.code, problem.place) == ("SLO041", HERE)
    assert problem.text.startswith("mine.yaml: ")
    assert words in problem.text
