"""The connector beside its counts: labels, zeros, bounds, memory, configuration."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

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
    SECOND,
    Recording,
    Seen,
    batch,
    connector,
    counted,
    flush,
    seen,
    work,
)

START = 1_700_000_000 * SECOND
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai"}
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
}
ACTIONS = "mas.agent.actions"


def request_of(
    *spans: Span, service: str = "fleet", scope: str = "app"
) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    of_scope = resource.scope_spans.add(spans=spans)
    of_scope.scope.name = scope
    return request


def span(number: int, says: dict[str, str | int], *, above: int = 0, code: int = 0) -> Span:
    made = Span(
        trace_id=b"T" * 16,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=above.to_bytes(8, "big") if above else b"",
        name="x",
        status=Status(code=code),
        start_time_unix_nano=START,
        end_time_unix_nano=START + SECOND,
    )
    for key, value in says.items():
        said = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
        made.attributes.add(key=key, value=said)
    return made


def outcome(*spans: Span, config: dict[str, object] | None = None, scope: str = "app") -> Seen:
    return counted([request_of(*spans, scope=scope)], config)


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


def test_a_tool_and_a_cost_count_for_the_agent_above_them() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    found = outcome(
        span(1, {**AGENT, "gen_ai.agent.name": "planner"}),
        span(2, tool, above=1),
        span(3, {"plain": "step"}, above=1),
        span(4, {**CHAT, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": "0.25"}, above=3),
    )

    assert found.by("gen_ai.execute_tool.duration", "gen_ai.agent.name") == {"planner": 1}
    assert found.by("mas.llm.cost", "gen_ai.agent.name") == {"planner": 0.25}


def test_an_agent_without_a_name_has_that_of_its_service() -> None:
    found = outcome(span(1, AGENT))

    assert found.by("gen_ai.invoke_agent.duration", "gen_ai.agent.name") == {"fleet": 1}


def test_ids_and_sentences_never_become_labels() -> None:
    names = [
        "planner-5f4dcc3b5aa765d61d8327deb882cf99",
        "planner 123e4567-e89b-12d3-a456-426614174000",
        "planner",
        "Find out what the customer wants and write it down in a report of at least two pages",
    ]
    spans = [
        span(number, {**AGENT, "gen_ai.agent.name": name}) for number, name in enumerate(names, 1)
    ]

    found = outcome(*spans)

    assert found.by("gen_ai.invoke_agent.duration", "gen_ai.agent.name") == {
        "planner": 3,
        "_other": 1,
    }


def test_names_beyond_the_bound_of_the_catalogue_are_one() -> None:
    bound = next(of.bound for of in metrics().attributes if of.key == "gen_ai.agent.name")
    spans = [span(n, {**AGENT, "gen_ai.agent.name": f"agent x{n}"}) for n in range(1, bound + 11)]

    found = outcome(*spans).by("gen_ai.invoke_agent.duration", "gen_ai.agent.name")

    assert len(found) == bound + 1
    assert found["_other"] == 10
    assert sum(found.values()) == bound + 10


@pytest.mark.parametrize(
    ("says", "code", "action", "fault"),
    [
        ({}, 0, "success", "none"),
        ({}, 1, "success", "none"),
        ({}, 2, "failure", "agent"),
        ({"error.type": "RateLimitError"}, 2, "failure", "provider"),
        ({"error.type": "openai.APITimeoutError"}, 2, "timeout", "dependency"),
        ({"error.type": "ContentFilterFinishReasonError"}, 2, "failure", "policy"),
        ({"gen_ai.response.finish_reasons": "length"}, 0, "partial", "none"),
        ({"a2a.task.state": "input-required"}, 0, "deferred", "none"),
        ({"a2a.task.state": "rejected"}, 0, "rejected", "policy"),
        ({"a2a.task.state": "canceled"}, 0, "cancelled", "user"),
    ],
)
def test_an_action_ends_as_its_span_says(
    says: dict[str, str | int], code: int, action: str, fault: str
) -> None:
    found = outcome(span(1, {**AGENT, "gen_ai.agent.name": "planner", **says}, code=code))

    assert found.by(ACTIONS, "mas.action.outcome") == {action: 1}
    assert found.by(ACTIONS, "mas.error.attribution") == {fault: 1}
    assert found.by(ACTIONS, "mas.action.type") == {"invoke": 1}
    # The catalogue promises these label sets at zero: others would be born at one.
    known = {
        "gen_ai.agent.name": ("planner",),
        "mas.agent.role": ("other",),
        "mas.action.type": ("invoke",),
    }
    sets = [tuple(sorted(of.items())) for of in metrics().metric(ACTIONS).zero_sets(known)]
    assert {pairs for (name, pairs), _ in found.counts.items() if name == ACTIONS} <= set(sets)


def test_the_reason_of_a_failure_is_found_in_the_exception() -> None:
    failed = span(1, CHAT, code=2)
    event = failed.events.add(name="exception")
    event.attributes.add(key="exception.type").value.string_value = "anthropic.RateLimitError"

    found = outcome(failed)

    assert found.by("gen_ai.client.operation.duration", "error.type") == {"rate_limit": 1}
    assert found.by("mas.llm.attempts", "mas.llm.attempt.result") == {"rate_limit": 1}


def test_tools_with_effects_are_actions_where_the_user_says_so() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": "planner"}
    found = outcome(
        span(1, {**tool, "gen_ai.tool.name": "deploy_web"}),
        span(2, {**tool, "gen_ai.tool.name": "search"}),
        config={"action_tools": {"deploy_*": "deploy"}},
    )

    assert found.by(ACTIONS, "mas.action.type") == {"deploy": 1}


def test_handoffs_guardrails_and_messages_are_told() -> None:
    found = counted(
        [
            request_of(
                span(
                    1,
                    {
                        "gen_ai.operation.name": "handoff",
                        "gen_ai.handoff.from_agent": "a",
                        "gen_ai.handoff.to_agent": "b",
                    },
                ),
                span(2, {"gen_ai.guardrail.name": "egress", "gen_ai.guardrail.triggered": "true"}),
                scope="opentelemetry.instrumentation.openai_agents",
            ),
            request_of(
                span(
                    3,
                    {
                        "messaging.operation": "process",
                        "messaging.destination": "planner.(session-17)-A",
                    },
                ),
                scope="autogen SingleThreadedAgentRuntime",
            ),
        ]
    )

    assert found.by("mas.agent.handoffs", "mas.target.agent") == {"b": 1}
    assert found.by("mas.policy.evaluation.duration", "mas.policy.decision") == {"deny": 1}
    destinations = found.by("messaging.process.duration", "messaging.destination.name")
    assert destinations == {"planner": 1}


def test_every_series_is_seen_at_zero_before_its_first_event() -> None:
    of = connector()
    of.step(batch(request_of(span(1, {**CHAT, "gen_ai.usage.input_tokens": 5}))), lambda _: None)

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
    of.step(batch(request_of(span(1, {"plain": "span"}))), lambda _: None)

    found = seen(flush(of, 1)[0])

    sets = [pairs for name, pairs in found.counts if name == ACTIONS]
    assert len(sets) == 2 * 17
    assert not any(found.counts.values())


def test_a_metric_or_a_dialect_is_left_out_on_demand() -> None:
    chat = span(1, {**CHAT, "gen_ai.usage.input_tokens": 5})

    assert not outcome(chat, config={"exclude_metrics": ["gen_ai.client.token.usage"]}).count(
        "gen_ai.client.token.usage"
    )
    assert not any(outcome(chat, config={"exclude_dialects": ["otel-genai"]}).counts.values())


def test_beyond_the_most_spans_the_oldest_count_early_and_none_is_lost() -> None:
    of = connector({"max_spans": 10})
    for number in range(1, 101):
        of.step(batch(request_of(span(number, CHAT))), lambda _: None)

    assert seen(flush(of)[-1]).count("gen_ai.client.operation.duration") == 100


def test_totals_begin_again_at_zero_and_what_waits_still_counts() -> None:
    of = connector()
    assert isinstance(of, Cumulative)
    of.step(batch(request_of(span(1, CHAT))), lambda _: None)
    flush(of)
    of.step(batch(request_of(span(2, CHAT)), 90 * SECOND), lambda _: None)

    of.begin_again()

    assert seen(flush(of)[-1]).count("gen_ai.client.operation.duration") == 1


def test_a_metric_that_is_taken_in_later_begins_at_zero_and_the_others_go_on() -> None:
    one = connector({"exclude_metrics": ["mas.llm.attempts"]})
    one.step(batch(request_of(span(1, CHAT))), lambda _: None)
    flush(one)
    two = connector()
    two.restore(one.snapshot())
    two.step(batch(request_of(span(2, CHAT)), 90 * SECOND), lambda _: None)

    found = seen(flush(two)[-1])

    assert found.count("gen_ai.client.operation.duration") == 2
    assert found.count("mas.llm.attempts") == 1


def test_a_restart_changes_no_byte_of_the_state_whatever_version_of_a_dialect_was_spoken() -> None:
    one, two = connector(), connector()
    earlier: dict[str, str | int] = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
    one.step(batch(request_of(span(1, earlier), span(2, CHAT), span(3, AGENT))), lambda _: None)

    two.restore(one.snapshot())

    assert two.snapshot() == one.snapshot()


def test_label_sets_that_no_span_uses_any_more_are_forgotten() -> None:
    of = connector({"remember": "10s"})
    combinations = list(product(range(10), range(20), range(7)))
    roles = metrics().metric(ACTIONS).labels["mas_agent_role"].values
    for start in range(0, len(combinations), 50):
        spans = [
            span(
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
        of.step(batch(request_of(span(number, CHAT), service=service)), lambda _: None)
    out: list[Batch] = []
    for _ in range(2):
        of.tick(of.next_deadline() or 0, out.append)

    last = ExportMetricsServiceRequest.FromString(out[-1].payload)
    assert len(last.resource_metrics) >= 1


def test_absurd_numbers_of_tokens_count_as_none() -> None:
    tokens = ["-5", "1e400", "nan", "many", str(2**63 - 1)]
    spans = [
        span(number, {**CHAT, "gen_ai.usage.input_tokens": said})
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
