"""What series a span counts in: names, outcomes, tools that are actions."""

from __future__ import annotations

import pytest

from collectors.counting import OVERFLOWED
from collectors.testing import MemoryMeter
from slo.catalog import metrics
from tests.agent_spans import (
    ACTIONS,
    AGENT,
    CHAT,
    batch,
    connector,
    counted,
    flush,
    outcome,
    request_of,
    seen,
    span_of,
)


def test_a_tool_and_a_cost_count_for_the_agent_above_them() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    found = outcome(
        span_of(1, {**AGENT, "gen_ai.agent.name": "planner"}),
        span_of(2, tool, above=1),
        span_of(3, {"plain": "step"}, above=1),
        span_of(4, {**CHAT, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": "0.25"}, above=3),
    )

    assert found.by("gen_ai.execute_tool.duration", "gen_ai.agent.name") == {"planner": 1}
    assert found.by("mas.llm.cost", "gen_ai.agent.name") == {"planner": 0.25}


def test_an_agent_without_a_name_has_that_of_its_service() -> None:
    found = outcome(span_of(1, AGENT))

    assert found.by("gen_ai.invoke_agent.duration", "gen_ai.agent.name") == {"fleet": 1}


def test_ids_and_sentences_never_become_labels() -> None:
    names = [
        "planner-5f4dcc3b5aa765d61d8327deb882cf99",
        "planner 123e4567-e89b-12d3-a456-426614174000",
        "planner",
        "Find out what the customer wants and write it down in a report of at least two pages",
    ]
    spans = [
        span_of(number, {**AGENT, "gen_ai.agent.name": name})
        for number, name in enumerate(names, 1)
    ]

    found = outcome(*spans)

    assert found.by("gen_ai.invoke_agent.duration", "gen_ai.agent.name") == {
        "planner": 3,
        "_other": 1,
    }


def test_names_beyond_the_bound_of_the_catalogue_are_one() -> None:
    bound = next(of.bound for of in metrics().attributes if of.key == "gen_ai.agent.name")
    spans = [
        span_of(n, {**AGENT, "gen_ai.agent.name": f"agent x{n}"}) for n in range(1, bound + 11)
    ]

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
    found = outcome(span_of(1, {**AGENT, "gen_ai.agent.name": "planner", **says}, code=code))

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
    failed = span_of(1, CHAT, code=2)
    event = failed.events.add(name="exception")
    event.attributes.add(key="exception.type").value.string_value = "anthropic.RateLimitError"

    found = outcome(failed)

    assert found.by("gen_ai.client.operation.duration", "error.type") == {"rate_limit": 1}
    assert found.by("mas.llm.attempts", "mas.llm.attempt.result") == {"rate_limit": 1}


def test_tools_with_effects_are_actions_where_the_user_says_so() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": "planner"}
    found = outcome(
        span_of(1, {**tool, "gen_ai.tool.name": "deploy_web"}),
        span_of(2, {**tool, "gen_ai.tool.name": "search"}),
        config={"action_tools": {"deploy_*": "deploy"}},
    )

    assert found.by(ACTIONS, "mas.action.type") == {"deploy": 1}


def test_handoffs_guardrails_and_messages_are_told() -> None:
    found = counted(
        [
            request_of(
                span_of(
                    1,
                    {
                        "gen_ai.operation.name": "handoff",
                        "gen_ai.handoff.from_agent": "a",
                        "gen_ai.handoff.to_agent": "b",
                    },
                ),
                span_of(
                    2, {"gen_ai.guardrail.name": "egress", "gen_ai.guardrail.triggered": "true"}
                ),
                scope="opentelemetry.instrumentation.openai_agents",
            ),
            request_of(
                span_of(
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


def test_what_has_no_series_of_its_own_is_counted_and_told() -> None:
    meter = MemoryMeter()
    spans = [
        span_of(number, {**AGENT, "gen_ai.agent.name": name})
        for number, name in enumerate(("planner", "writer", "reader", "planner", "reader"), 1)
    ]
    of = connector({"aggregation_cardinality_limit": 1}, meter)
    of.step(batch(request_of(*spans)), lambda _: None)

    found = flush(of)[-1]

    assert seen(found).by("gen_ai.invoke_agent.duration", "otel.metric.overflow") == {
        "": 2,
        "true": 3,
    }
    assert meter.total(OVERFLOWED, metric="gen_ai.invoke_agent.duration") == 3
