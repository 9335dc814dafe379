"""Spans of every dialect come out in one, and what they said is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Batch, Signal
from collectors.dialects import AGENT_SPANS
from collectors.instrument.dialects import Speaker, shapes
from collectors.processors.agent_normalizer import AgentNormalizer, AgentNormalizerConfig
from collectors.testing import MemoryMeter, settings
from collectors.testing import batch as plain_batch
from collectors.wire.values import as_text
from tests.agent_spans import Recording, batch, connector, counted, flush, work

Attributes = dict[str, str]


def normalised(item: Batch, **config: object) -> Batch:
    of = AgentNormalizer(AgentNormalizerConfig.model_validate(config), settings(Path("unused")))
    (out,) = _put_out(of, item)
    return out


def _put_out(of: AgentNormalizer, item: Batch) -> list[Batch]:
    out: list[Batch] = []
    of.step(item, out.append)
    return out


def request_of(item: Batch) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(item.payload)


def spans_of(item: Batch) -> list[Span]:
    return [
        span
        for resource in request_of(item).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def said(span: Span) -> Attributes:
    keys = [pair.key for pair in span.attributes]
    assert len(keys) == len(set(keys)), "no attribute stands there twice"
    return {pair.key: as_text(pair.value.SerializeToString()) for pair in span.attributes}


def spoken(dialect: str) -> Batch:
    recording = Recording()
    work(Speaker(dialect, recording.provider))
    return batch(recording.request())


@pytest.mark.parametrize("dialect", shapes())
def test_normalised_spans_count_as_they_did_before(dialect: str) -> None:
    item = spoken(dialect)

    assert counted([request_of(normalised(item))]) == counted([request_of(item)])


def told(item: Batch, **config: object) -> dict[tuple[str, str], float]:
    """What the connector says became of the spans, by dialect and reason."""
    meter = MemoryMeter()
    of = connector(config, meter)
    of.step(item, lambda _: None)
    flush(of)
    return {
        (dict(labels)["dialect"], dict(labels)["reason"]): value
        for (name, labels), value in meter.levels.items()
        if name == AGENT_SPANS
    }


@pytest.mark.parametrize("dialect", shapes())
def test_normalised_spans_are_told_under_the_dialect_that_they_came_in(dialect: str) -> None:
    item = spoken(dialect)

    assert told(normalised(item)) == told(item)


def odd_span(**attributes: str) -> Batch:
    """A span in a request of its own."""
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=b"T" * 16, span_id=b"S" * 8, name="x")
    )
    for key, value in attributes.items():
        span.attributes.add(key=key.replace("__", ".")).value.string_value = value
    return batch(request)


def test_a_span_that_no_rule_knows_is_told_as_unmapped_behind_the_normalizer_too() -> None:
    item = odd_span(traceloop__span__kind="something_new")

    assert said(spans_of(normalised(item))[0])["mas.span.kind"] == "unmapped"
    assert told(normalised(item)) == told(item) == {("openllmetry", "unmapped"): 1}


def test_a_dialect_that_is_counted_elsewhere_is_not_counted_behind_the_normalizer_either() -> None:
    item = spoken("crewai")

    behind = told(normalised(item), exclude_dialects=["crewai"])

    assert behind == told(item, exclude_dialects=["crewai"])
    assert behind["crewai", "counts_itself"] > 0


def test_a_dialect_that_nobody_knows_is_told_as_normalised() -> None:
    item = odd_span(mas__dialect="made up", mas__span__kind="agent")

    assert told(item) == {("normalised", "counted"): 1}


@pytest.mark.parametrize("dialect", shapes())
def test_naive_sums_over_normalised_models_and_agents_are_never_above_the_truth(
    dialect: str,
) -> None:
    recording = Recording()
    speaker = Speaker(dialect, recording.provider)
    work(speaker)
    attributes = [said(span) for span in spans_of(normalised(batch(recording.request())))]

    # Whoever knows nothing of dialects asks for these; only calls inside calls remain double.
    agents = [of for of in attributes if of.get("gen_ai.operation.name") == "invoke_agent"]
    tools = [of for of in attributes if of.get("gen_ai.operation.name") == "execute_tool"]
    deepest = 2 if dialect.startswith("openinference") else 1
    assert len(agents) <= deepest * speaker.truth.invocations.total()
    assert len(tools) == speaker.truth.tools.total()
    for of in attributes:
        if any(key.startswith("gen_ai.usage.") for key in of):
            assert of["mas.span.kind"] == "llm"


@pytest.mark.parametrize("dialect", shapes())
def test_nothing_that_a_span_said_is_lost(dialect: str) -> None:
    item = spoken(dialect)

    for before, after in zip(spans_of(item), spans_of(normalised(item)), strict=True):
        was, now = said(before), said(after)
        for key, value in was.items():
            moved = key.replace("gen_ai.usage.", "gen_ai.aggregated_usage.")
            assert value in (now.get(key), now.get(f"mas.original.{key}"), now.get(moved))
        del before.attributes[:], after.attributes[:]
        assert before == after


@pytest.mark.parametrize("dialect", shapes())
def test_what_is_normalised_already_stays_to_the_byte(dialect: str) -> None:
    once = normalised(spoken(dialect))

    assert normalised(once) == once


def test_spans_of_no_dialect_stay_to_the_byte() -> None:
    item = plain_batch(Signal.TRACES)

    assert normalised(item) is item


def test_spans_of_our_own_agents_and_of_excluded_dialects_stay() -> None:
    item = spoken("crewai")

    assert normalised(item, exclude_dialects=["crewai"]) is item


def test_an_unknown_dialect_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean openinference"):
        AgentNormalizerConfig.model_validate({"exclude_dialects": ["openinferense"]})


def crew() -> list[Attributes]:
    recording = Recording()
    speaker = Speaker("openllmetry-crewai", recording.provider)
    with speaker.invocation("researcher"), speaker.llm_call("openai", "gpt-5") as call:
        call.tokens(sent=7, received=3)
    return [said(span) for span in spans_of(normalised(batch(recording.request())))]


def test_a_crew_and_its_task_are_no_agents_any_more() -> None:
    inner, outer, agent, task, whole = crew()

    assert agent["gen_ai.operation.name"] == "invoke_agent"
    assert "gen_ai.operation.name" not in task
    assert task["mas.original.gen_ai.operation.name"] == "invoke_agent"
    assert whole["gen_ai.operation.name"] == "invoke_workflow"
    assert [of["mas.span.kind"] for of in (whole, task, agent, outer, inner)] == [
        "workflow",
        "step",
        "agent",
        "llm",
        "llm",
    ]
    assert inner["gen_ai.usage.input_tokens"] == "7"
    assert (outer["gen_ai.provider.name"], outer["gen_ai.request.model"]) == ("openai", "gpt-5")
    assert outer["mas.original.gen_ai.request.model"] == "openai/gpt-5"
    assert agent["mas.dialect"] == "openllmetry-crewai"


def test_an_attribute_that_is_no_text_is_moved_aside_as_it_is() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="x")
    span.attributes.add(key="gen_ai.operation.name", value=AnyValue(string_value="chat"))
    span.attributes.add(key="gen_ai.request.model", value=AnyValue(int_value=5))

    (after,) = spans_of(normalised(batch(request)))

    assert said(after)["gen_ai.request.model"] == "5"
    (original,) = (of for of in after.attributes if of.key == "mas.original.gen_ai.request.model")
    assert original.value.int_value == 5
