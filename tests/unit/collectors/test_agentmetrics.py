"""The connector beside its counts: zeros, bounds, memory, configuration."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import Batch
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.connectors.agentmetrics.config import MADE
from collectors.cumulative import Cumulative
from collectors.graph import unpack
from collectors.instrument.dialects import Speaker
from slo.catalog import Instrument, metrics
from tests.agent_spans import (
    ACTIONS,
    AGENT,
    CHAT,
    SECOND,
    Recording,
    batch,
    connector,
    flush,
    outcome,
    request_of,
    seen,
    span_of,
    work,
)


def test_names_units_buckets_and_attributes_are_the_catalogues() -> None:
    recording = Recording()
    work(Speaker("otel-genai", recording.provider))
    of = connector()
    of.step(batch(recording.request()), lambda _: None)

    for resource in flush(of)[-1].resource_metrics:
        for metric in resource.scope_metrics[0].metrics:
            entry = metrics().metric(metric.name)
            assert (metric.unit, metric.description) == (entry.unit, entry.meaning)
            known = {attribute.key: attribute for attribute in entry.attributes}
            is_histogram = metric.WhichOneof("data") == "histogram"
            assert is_histogram == (entry.instrument is Instrument.HISTOGRAM)
            points = metric.histogram.data_points if is_histogram else metric.sum.data_points
            for point in points:
                for pair in point.attributes:
                    values = known[pair.key].values
                    assert not values or pair.value.string_value in values
            for point in metric.histogram.data_points:
                assert tuple(point.explicit_bounds) == entry.buckets


def test_every_metric_that_is_made_is_in_the_catalogue() -> None:
    assert {metrics().metric(name).name for name in MADE} == set(MADE)


def test_every_series_is_seen_at_zero_before_its_first_event() -> None:
    of = connector()
    of.step(batch(request_of(span_of(1, {**CHAT, "gen_ai.usage.input_tokens": 5}))), lambda _: None)

    first, second = flush(of, 2)

    assert seen(first).counts
    assert not any(seen(first).counts.values())
    assert seen(second).count("gen_ai.client.token.usage") == 1


def test_declared_series_exist_from_the_first_flush() -> None:
    declared = {
        "service.name": ["fleet"],
        "gen_ai.agent.name": ["planner", "researcher"],
        "mas.agent.role": ["worker"],
        "mas.action.type": ["invoke"],
    }
    of = connector({"declare": [declared]})
    of.step(batch(request_of(span_of(1, {"plain": "span"}))), lambda _: None)

    found = seen(flush(of, 1)[0])

    sets = [pairs for name, pairs in found.counts if name == ACTIONS]
    assert len(sets) == 2 * 17
    assert not any(found.counts.values())


def test_a_metric_or_a_dialect_is_left_out_on_demand() -> None:
    chat = span_of(1, {**CHAT, "gen_ai.usage.input_tokens": 5})

    assert not outcome(chat, config={"exclude_metrics": ["gen_ai.client.token.usage"]}).count(
        "gen_ai.client.token.usage"
    )
    assert not any(outcome(chat, config={"exclude_dialects": ["otel-genai"]}).counts.values())


def test_beyond_the_most_spans_the_oldest_count_early_and_none_is_lost() -> None:
    of = connector({"max_spans": 10})
    for number in range(1, 101):
        of.step(batch(request_of(span_of(number, CHAT))), lambda _: None)

    assert seen(flush(of)[-1]).count("gen_ai.client.operation.duration") == 100


def test_totals_begin_again_at_zero_and_what_waits_still_counts() -> None:
    of = connector()
    assert isinstance(of, Cumulative)
    of.step(batch(request_of(span_of(1, CHAT))), lambda _: None)
    flush(of)
    of.step(batch(request_of(span_of(2, CHAT)), 90 * SECOND), lambda _: None)

    of.begin_again()

    assert seen(flush(of)[-1]).count("gen_ai.client.operation.duration") == 1


def test_a_metric_that_is_taken_in_later_begins_at_zero_and_the_others_go_on() -> None:
    one = connector({"exclude_metrics": ["mas.llm.attempts"]})
    one.step(batch(request_of(span_of(1, CHAT))), lambda _: None)
    flush(one)
    two = connector()
    two.restore(one.snapshot())
    two.step(batch(request_of(span_of(2, CHAT)), 90 * SECOND), lambda _: None)

    found = seen(flush(two)[-1])

    assert found.count("gen_ai.client.operation.duration") == 2
    assert found.count("mas.llm.attempts") == 1


def test_a_restart_changes_no_byte_of_the_state_whatever_version_of_a_dialect_was_spoken() -> None:
    one, two = connector(), connector()
    earlier: dict[str, str | int] = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
    one.step(
        batch(request_of(span_of(1, earlier), span_of(2, CHAT), span_of(3, AGENT))), lambda _: None
    )

    two.restore(one.snapshot())

    assert two.snapshot() == one.snapshot()


def test_label_sets_that_no_span_uses_any_more_are_forgotten() -> None:
    of = connector({"remember": "10s"})
    combinations = list(product(range(10), range(20), range(7)))
    roles = metrics().metric(ACTIONS).labels["mas_agent_role"].values
    for start in range(0, len(combinations), 50):
        spans = [
            span_of(
                start + place + 1,
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": f"p{provider}",
                    "gen_ai.request.model": f"m{model}",
                    "mas.agent.role": roles[role],
                },
            )
            for place, (provider, model, role) in enumerate(combinations[start : start + 50])
        ]
        of.step(batch(request_of(*spans), (start + 1) * SECOND), lambda _: None)
        while (due := of.next_deadline()) is not None and due <= (start + 49) * SECOND:
            of.tick(due, lambda _: None)

    kept = json.loads(unpack(of.snapshot())["words"])["sets"]
    assert len(kept) < 1200
    found = seen(flush(of)[-1])
    assert found.count("gen_ai.client.operation.duration") == len(combinations)
    assert len(found.by("gen_ai.client.operation.duration", "gen_ai.request.model")) == 20


def test_a_resource_that_a_span_still_needs_is_kept() -> None:
    of = connector({"resource_metrics_cache_size": 1})
    for number, service in enumerate(("one", "two", "three"), 1):
        of.step(batch(request_of(span_of(number, CHAT), service=service)), lambda _: None)
    out: list[Batch] = []
    for _ in range(2):
        of.tick(of.next_deadline() or 0, out.append)

    last = ExportMetricsServiceRequest.FromString(out[-1].payload)
    assert len(last.resource_metrics) >= 1


def test_absurd_numbers_of_tokens_count_as_none() -> None:
    tokens = ["-5", "1e400", "nan", "many", str(2**63 - 1)]
    spans = [
        span_of(number, {**CHAT, "gen_ai.usage.input_tokens": said})
        for number, said in enumerate(tokens, 1)
    ]

    found = outcome(*spans)

    assert found.sum("gen_ai.client.token.usage") == 0
    assert found.count("gen_ai.client.operation.duration") == len(tokens)


def test_two_on_the_way_of_one_span_are_an_error() -> None:
    text = """\
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:4317"}}}
connectors:
  agentmetrics/a:
  agentmetrics/b: {exclude_metrics: [mas.llm.cost]}
exporters:
  prometheus: {endpoint: "127.0.0.1:8889"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [agentmetrics/a, agentmetrics/b]}
    metrics: {receivers: [agentmetrics/a, agentmetrics/b], exporters: [prometheus]}
"""
    _, problems = load([Text("c.yaml", text)], Surroundings({}, str), Registry.installed())

    assert any("gen_ai.client.token.usage" in problem.text for problem in problems)


@pytest.mark.parametrize(
    ("line", "said", "where"),
    [
        ("exclude_metrics: [mas.agent.action]", "did you mean mas.agent.actions?", 5),
        ("exclude_dialects: [crew]", "did you mean crewai?", 5),
        ("declare: [{mas.agent.roles: [worker]}]", "did you mean mas.agent.role?", 5),
        ("declare: [{mas.agent.role: [boss]}]", "mas.agent.role: 'boss' is not known", 5),
        ("declare: [{service.name: [a, b]}]", "stands on the resource and has one value", 5),
        ("{wait: 2h, remember: 1h}", "remember must not be shorter than wait", 5),
        ("metrics_flush_interval: 0s", "must be above 0", 5),
        ("waits: 5s", "wait", 5),
    ],
)
def test_a_mistake_is_told_at_its_place(line: str, said: str, where: int) -> None:
    text = f"""\
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:4317"}}}}}}
connectors:
  agentmetrics:
    {line}
exporters:
  prometheus: {{endpoint: "127.0.0.1:8889"}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [agentmetrics]}}
    metrics: {{receivers: [agentmetrics], exporters: [prometheus]}}
"""
    around = Surroundings({}, lambda path: Path(path).name)

    _, problems = load([Text("c.yaml", text)], around, Registry.installed())

    assert any(said in f"{of.text} {of.help}" for of in problems), problems
    assert {of.place.line for of in problems if of.place} <= {where, where - 1}
