"""What counts sees every item once: a configuration in which it does not is told."""

from __future__ import annotations

import pytest

from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from slo.diagnostic import Diagnostic, Level

HEAD = """\
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
  otlp/b: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  sli/a: {slos: {one: {spans: {service: s}}, two: {spans: {service: s}}}}
  sli/b: {slos: {two: {spans: {service: s}}}}
  sli/c: {slos: {three: {spans: {service: s}}}}
  probabilistic_sampler: {sampling_percentage: 1}
  filter: {traces: {span: ['name == "ping"']}}
connectors:
  agentdetectors:
  agentmetrics:
  spanmetrics:
  forward:
  sli: {slos: {one: {spans: {service: s}}}}
exporters: {debug: }
service:
  pipelines:
"""


def told(pipelines: str) -> list[Diagnostic]:
    text = HEAD + "".join(f"    {line}\n" for line in pipelines.splitlines())
    around = Surroundings({}, lambda path: path)
    _, problems = load([Text("c.yaml", text)], around, Registry.installed())
    return [of for of in problems if not of.text.endswith("is defined and not used")]


@pytest.mark.parametrize(
    ("pipelines", "text"),
    [
        (
            (
                "traces/1: {receivers: [otlp], processors: [sli/a], exporters: [debug]}\n"
                "traces/2: {receivers: [otlp], processors: [sli/a], exporters: [debug]}\n"
            ),
            "one is counted twice: what otlp takes meets sli/a in traces/1 and sli/a in traces/2",
        ),
        (
            "traces: {receivers: [otlp], processors: [sli/a, sli/b], exporters: [debug]}\n",
            "two is counted twice: what otlp takes meets sli/a in traces and sli/b in traces",
        ),
        (
            (
                "traces/1: {receivers: [otlp], processors: [sli/b], exporters: [forward]}\n"
                "traces/2: {receivers: [forward], processors: [sli/a], exporters: [debug]}\n"
            ),
            "two is counted twice: what otlp takes meets sli/b in traces/1 and sli/a in traces/2",
        ),
        (
            (
                "traces: {receivers: [otlp], processors: [sli/a], exporters: [sli]}\n"
                "metrics: {receivers: [sli], exporters: [debug]}\n"
            ),
            "one is counted twice: what otlp takes meets sli/a in traces and sli in traces",
        ),
    ],
)
def test_an_event_that_would_be_counted_twice_is_an_error(pipelines: str, text: str) -> None:
    problems = told(pipelines)

    assert text in [problem.text for problem in problems]
    assert {problem.level for problem in problems} == {Level.ERROR}
    assert all(problem.place for problem in problems)


@pytest.mark.parametrize(
    "pipelines",
    [
        "traces: {receivers: [otlp], processors: [sli/a, sli/c], exporters: [debug]}\n",
        (
            "traces/1: {receivers: [otlp], processors: [sli/a], exporters: [debug]}\n"
            "traces/2: {receivers: [otlp/b], processors: [sli/a], exporters: [debug]}\n"
        ),
        (
            "traces/1: {receivers: [otlp], processors: [sli/b], exporters: [debug]}\n"
            "traces/2: {receivers: [otlp], processors: [sli/c], exporters: [sli]}\n"
            "metrics: {receivers: [sli], exporters: [debug]}\n"
        ),
    ],
)
def test_counting_different_things_or_different_senders_is_fine(pipelines: str) -> None:
    assert told(pipelines) == []


def test_counting_what_a_sampler_left_is_a_warning() -> None:
    (problem,) = told(
        "traces: {receivers: [otlp], processors: [probabilistic_sampler, sli/a], "
        "exporters: [debug]}\n"
    )

    assert problem.level is Level.WARNING
    assert problem.text == "sli/a counts only what probabilistic_sampler leaves"
    assert problem.help == "put sli/a before probabilistic_sampler"


@pytest.mark.parametrize("connector", ["agentmetrics", "sli", "spanmetrics"])
def test_a_connector_that_counts_what_a_sampler_left_is_a_warning(connector: str) -> None:
    (problem,) = told(
        f"traces: {{receivers: [otlp], processors: [probabilistic_sampler], exporters: [debug, "
        f"{connector}]}}\nmetrics: {{receivers: [{connector}], exporters: [debug]}}\n"
    )

    assert problem.level is Level.WARNING
    assert problem.text == f"{connector} counts only what probabilistic_sampler leaves"
    assert problem.place is not None
    assert "a pipeline before probabilistic_sampler" in problem.help


def test_a_sampler_in_a_pipeline_before_is_told_as_well() -> None:
    late, later = told(
        "traces/in: {receivers: [otlp], processors: [probabilistic_sampler], "
        "exporters: [forward]}\n"
        "traces/on: {receivers: [forward], processors: [sli/a], exporters: [spanmetrics]}\n"
        "metrics: {receivers: [spanmetrics], exporters: [debug]}\n"
    )

    left = "counts only what probabilistic_sampler in traces/in leaves"
    assert (late.text, later.text) == (f"sli/a {left}", f"spanmetrics {left}")
    assert {late.level, later.level} == {Level.WARNING}


@pytest.mark.parametrize(
    "pipelines",
    [
        (
            "traces/in: {receivers: [otlp], exporters: [spanmetrics, forward]}\n"
            "traces/out: {receivers: [forward], processors: [probabilistic_sampler], "
            "exporters: [debug]}\n"
            "metrics: {receivers: [spanmetrics], exporters: [debug]}\n"
        ),
        (
            "traces: {receivers: [otlp], processors: [filter], exporters: [spanmetrics]}\n"
            "metrics: {receivers: [spanmetrics], exporters: [debug]}\n"
        ),
        (
            "traces/in: {receivers: [otlp], processors: [probabilistic_sampler], "
            "exporters: [forward]}\n"
            "traces/out: {receivers: [forward], exporters: [debug]}\n"
        ),
    ],
    ids=["counted before", "what somebody chose to leave out", "nothing is counted"],
)
def test_what_counts_all_that_is_meant_is_no_warning(pipelines: str) -> None:
    assert told(pipelines) == []


def test_one_connector_may_count_what_spans_and_records_tell() -> None:
    pipelines = (
        "traces: {receivers: [otlp], exporters: [agentdetectors]}\n"
        "logs: {receivers: [otlp], exporters: [agentdetectors]}\n"
        "metrics: {receivers: [agentdetectors], exporters: [debug]}\n"
    )

    assert told(pipelines) == []


def test_two_pipelines_of_one_signal_into_one_connector_count_twice() -> None:
    problems = told(
        "traces/1: {receivers: [otlp], exporters: [agentdetectors]}\n"
        "traces/2: {receivers: [otlp], exporters: [agentdetectors]}\n"
        "metrics: {receivers: [agentdetectors], exporters: [debug]}\n"
    )

    assert problems
    assert {problem.level for problem in problems} == {Level.ERROR}
