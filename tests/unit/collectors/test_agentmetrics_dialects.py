"""In every dialect the connector counts what was really done, and each thing once."""

from __future__ import annotations

import pytest

from collectors.dialects import dialects
from collectors.instrument.dialects import Speaker, shapes
from collectors.testing import MemoryMeter
from tests.agent_spans import Recording, Seen, batch, connector, counted, flush, work

INVOCATIONS = "gen_ai.invoke_agent.duration"
CALLS = "gen_ai.client.operation.duration"
TOOLS = "gen_ai.execute_tool.duration"
TOKENS = "gen_ai.client.token.usage"


def said_by(dialect: str) -> tuple[Speaker, Seen]:
    recording = Recording()
    speaker = Speaker(dialect, recording.provider)
    work(speaker)
    return speaker, counted([recording.request()])


@pytest.mark.parametrize("dialect", shapes())
def test_invocations_calls_tools_and_tokens_are_the_truth(dialect: str) -> None:
    speaker, found = said_by(dialect)

    truth = speaker.truth
    assert found.by(INVOCATIONS, "gen_ai.agent.name") == +truth.invocations
    assert found.by(CALLS, "gen_ai.request.model") == +truth.calls
    assert found.by(TOOLS, "gen_ai.tool.name") == +truth.tools
    assert found.sum(TOKENS, gen_ai__token__type="input") == truth.input_tokens
    assert found.sum(TOKENS, gen_ai__token__type="output") == truth.output_tokens


@pytest.mark.parametrize("dialect", shapes())
def test_invocations_that_failed_are_the_truth(dialect: str) -> None:
    speaker, found = said_by(dialect)

    failed = sum(value for error, value in found.by(INVOCATIONS, "error.type").items() if error)
    assert failed == speaker.truth.failed["agent"]
    outcomes = found.by("mas.agent.actions", "mas.action.outcome")
    bad = outcomes.get("failure", 0) + outcomes.get("timeout", 0)
    assert bad == speaker.truth.failed["agent"]


@pytest.mark.parametrize("dialect", shapes())
def test_every_span_of_a_shape_is_recognised_as_what_it_is(dialect: str) -> None:
    recording, meter = Recording(), MemoryMeter()
    work(Speaker(dialect, recording.provider))
    of = connector({}, meter)

    of.step(batch(recording.request()), lambda _: None)
    flush(of)

    told = {
        (dict(labels)["dialect"], dict(labels)["reason"]): value
        for (name, labels), value in meter.levels.items()
        if name == "fleetslo_agent_spans_total"
    }
    assert sum(told.values()) == sum(
        len(scope.spans) for of in recording.request().resource_spans for scope in of.scope_spans
    )
    assert shapes()[dialect].dialect in {name for name, _ in told}
    assert not [key for key in told if key[1] in {"unmapped", "duplicate", "early"}]


def test_every_dialect_of_agents_has_a_shape_that_speaks_it() -> None:
    spoken = {shape.dialect for shape in shapes().values()}
    # Spoken by our own agents, by our own processor, beside others, on the wire, or by anybody.
    others = {"fleetslo", "normalised", "logfire-pending", "http", "mcp", "otel-messaging"}

    assert set(dialects().names()) - others == spoken
