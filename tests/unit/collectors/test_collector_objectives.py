"""What the policies `slo` of a user's samplers watch is what the SLO files say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from collectors.config.load import Text, load
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from collectors.generator import GENERATOR
from collectors.indicators import HasIndicators
from collectors.processors.tail_sampling import TailSamplingConfig
from slo.diagnostic import Diagnostic, Level, Span
from slo.model import Base, Compiled, UserFile
from tests.front_end import project_of, slo_text

HERE = Span("settings.yaml", 4, 20, 30)
TOOLS = """\
    spans:
      service: worker
      span_name: call
      attributes: {kind: tool, "n": "5"}
      bad: {status: false, attributes: {outcome: timeout}, above: 1500ms}
"""
PLANS = "    spans: {service: planner}\n"
OWN = """\
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:4317"}}}}}}
processors:
  tail_sampling:
    policies:
    - name: watch
      type: slo
      slo: {slo}
    - {{name: rest, type: probabilistic, probabilistic: {{sampling_percentage: 010.50}}}}
exporters: {{debug: {{}}}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}
"""
ALL = "{bytes_per_second: 1000}"


def compiled(own: str, *slos: str) -> Compiled:
    texts = slos or (
        slo_text("tools", sli=TOOLS, objective="99.95"),
        slo_text("plans", sli=PLANS),
    )
    project = project_of(*texts)
    base = Base(collector=UserFile("mine.yaml", own, HERE))
    return Compiled(replace(project, settings=replace(project.settings, base=base)), ())


def written(slo: str, *slos: str) -> str:
    (file,) = GENERATOR.generate(compiled(OWN.format(slo=slo), *slos))
    return file.text


def told(slo: str, *slos: str) -> list[Diagnostic]:
    return list(GENERATOR.check(compiled(OWN.format(slo=slo), *slos)))


def watched(text: str) -> dict[str, object]:
    found = yaml.safe_load(text)["processors"]["tail_sampling"]["policies"][0]["slo"]["slos"]
    assert isinstance(found, dict)
    return found


def test_a_policy_without_slos_watches_all_that_are_stated_on_spans(tmp_path: Path) -> None:
    text = written(ALL)
    around = Surroundings({"FLEETSLO_STATE": str(tmp_path)}, lambda path: path)
    found, problems = load([Text("collector.yaml", text)], around, Registry.installed())

    assert problems == []
    assert found is not None
    config = found.components[Kind.PROCESSORS, "tail_sampling"].config
    counter = found.components[Kind.PROCESSORS, "sli/fleetslo"].config
    assert isinstance(config, TailSamplingConfig)
    assert isinstance(counter, HasIndicators)
    assert config.indicators() == counter.indicators()
    block = config.policies[0].slo
    assert block is not None
    assert {name: of.objective for name, of in block.slos.items()} == {
        "shop-plans": 99.9,
        "shop-tools": 99.95,
    }
    assert "sampling_percentage: 010.50" in text, "what is not ours is spelled as it was"


@pytest.mark.parametrize("empty", ["", "{}", "null", "~"])
def test_a_policy_that_names_slos_watches_these(empty: str) -> None:
    slos = watched(written(f"{{bytes_per_second: 9, slos: {{shop-plans: {empty}}}}}"))

    assert slos == {"shop-plans": {"objective": 99.9, "spans": {"service": "planner"}}}


@pytest.mark.parametrize("nothing", ["{bytes_per_second: 9, slos: }", "{slos: {}}"])
def test_no_names_are_all(nothing: str) -> None:
    assert list(watched(written(nothing))) == ["shop-plans", "shop-tools"]


def test_an_slo_that_no_file_states_is_what_the_user_says() -> None:
    own = "{bytes_per_second: 9, slos: {shop-plans: , mine: {objective: 95, spans: {service: x}}}}"

    slos = watched(written(own))

    assert slos["mine"] == {"objective": 95, "spans": {"service": "x"}}
    assert not told(own)


def test_the_file_counts_where_the_user_says_otherwise_and_that_is_told() -> None:
    own = "{bytes_per_second: 9, slos: {shop-plans: {objective: 95, spans: {service: planner}}}}"

    (problem,) = told(own)

    assert watched(written(own))["shop-plans"] == {
        "objective": 99.9,
        "spans": {"service": "planner"},
    }
    assert (problem.level, problem.code, problem.place) == (Level.WARNING, "SLO041", HERE)
    assert problem.text == (
        "mine.yaml: the policy watch of tail_sampling says objective of shop-plans otherwise than "
        "the SLO file, which counts"
    )


def test_a_second_run_changes_nothing_and_follows_the_files() -> None:
    once = written(ALL)

    again = compiled(once)
    (file,) = GENERATOR.generate(again)
    assert file.text == once
    assert not list(GENERATOR.check(again))
    moved = slo_text("plans", sli=PLANS.replace("planner", "thinker"))
    (file,) = GENERATOR.generate(compiled(once, moved, slo_text("tools", sli=TOOLS)))
    assert watched(file.text)["shop-plans"] == {"objective": 99.9, "spans": {"service": "thinker"}}


def test_policies_inside_others_and_shadows_are_told_too() -> None:
    inside = """\
  tail_sampling/more:
    policies:
    - name: both
      type: and
      and:
        and_sub_policy:
        - {name: watch, type: slo, slo: {bytes_per_second: 9}}
        - {name: all, type: always_sample}
    shadow: {policies: [{name: other, type: slo, slo: {bytes_per_second: 8}}]}
exporters:"""
    own = OWN.format(slo=ALL).replace("exporters:", inside, 1)
    (file,) = GENERATOR.generate(compiled(own))
    more = yaml.safe_load(file.text)["processors"]["tail_sampling/more"]

    part = more["policies"][0]["and"]["and_sub_policy"][0]["slo"]
    shadow = more["shadow"]["policies"][0]["slo"]
    assert part["slos"] == shadow["slos"] == watched(written(ALL))


def test_what_comes_by_way_of_something_else_is_left_as_it_is() -> None:
    for own in (
        '{bytes_per_second: 9, slos: "${env:SLOS}"}',
        "{<<: {slos: {a: {}}}, bytes_per_second: 9}",
        "{bytes_per_second: 9, slos: {<<: {a: {}}}}",
    ):
        before = yaml.safe_load(OWN.format(slo=own))["processors"]["tail_sampling"]
        assert yaml.safe_load(written(own))["processors"]["tail_sampling"] == before


@pytest.mark.parametrize(
    ("own", "slos", "words"),
    [
        ("{slos: {shop-none: }}", (), "names shop-none, and no SLO file states it on spans"),
        (ALL, (slo_text(),), "has no SLO to watch, for no SLO file states one on spans"),
        (
            ALL,
            tuple(slo_text(f"s{number}", sli=PLANS) for number in range(22)),
            "would watch 22 SLOs, and it can watch 21: name under its slos those that matter",
        ),
    ],
)
def test_what_cannot_be_filled_in_is_an_error(own: str, slos: tuple[str, ...], words: str) -> None:
    (problem,) = told(own, *slos)

    assert (problem.level, problem.place) == (Level.ERROR, HERE)
    assert problem.text == f"mine.yaml: the policy watch of tail_sampling {words}"


def test_as_many_slos_as_are_let_through_fit_into_a_sampler(tmp_path: Path) -> None:
    slos = [slo_text(f"s{number}", sli=PLANS) for number in range(21)]
    around = Surroundings({"FLEETSLO_STATE": str(tmp_path)}, lambda path: path)

    _, problems = load([Text("c.yaml", written(ALL, *slos))], around, Registry.installed())

    assert problems == []
    assert not told(ALL, *slos)
