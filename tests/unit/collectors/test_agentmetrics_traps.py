"""What counts twice where nobody looks: recorded shapes, each with the truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Processor
from tests.agent_spans import SECOND, Seen, batch, connector, flush, seen

FOLDER = Path(__file__).parent / "agent_traps"
TRAPS = sorted(FOLDER.glob("*.yaml"))
START = 1_700_000_000 * SECOND


class Told(TypedDict, total=False):
    """One span of a trap."""

    id: str
    at: int
    scope: str
    service: str
    name: str
    kind: str
    fails: bool
    says: dict[str, str | int]


def request_of(told: Told) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = told.get("service", "fleet")
    scope = resource.scope_spans.add()
    scope.scope.name = told.get("scope", "my.app")
    span = scope.spans.add(
        trace_id=b"T" * 16 if told["id"] else b"",
        span_id=span_id(told["id"]),
        parent_span_id=span_id(str(told.get("in", ""))),
        name=told["name"],
        kind=Span.SpanKind.Value(f"SPAN_KIND_{told.get('kind', 'INTERNAL')}"),
        status=Status(code=2 if told.get("fails") else 0),
        start_time_unix_nano=START,
        end_time_unix_nano=START + SECOND,
    )
    for key, value in told["says"].items():
        said = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
        span.attributes.add(key=key, value=said)
    return request


def span_id(letter: str) -> bytes:
    return letter.encode() * 8


def advance(of: Processor, steady_ns: int) -> None:
    """Let the ticks pass that are due by then."""
    while (due := of.next_deadline()) is not None and due <= steady_ns:
        of.tick(due, lambda _: None)


def outcome_of(spans: list[Told]) -> Seen:
    of = connector()
    for told in spans:
        now = (told.get("at", 0) + 1) * SECOND
        advance(of, now)
        of.step(batch(request_of(told), now), lambda _: None)
    return seen(flush(of)[-1])


def found_in(outcome: Seen) -> dict[str, object]:
    calls = "gen_ai.client.operation.duration"
    tokens = "gen_ai.client.token.usage"
    attempts = outcome.by("mas.llm.attempts", "mas.llm.attempt.result")
    return {
        "invocations": outcome.count("gen_ai.invoke_agent.duration"),
        "actions": outcome.count("mas.agent.actions"),
        "calls": outcome.count(calls),
        "failed_calls": sum(value for of, value in outcome.by(calls, "error.type").items() if of),
        "tools": outcome.count("gen_ai.execute_tool.duration"),
        "attempts": sum(attempts.values()),
        "results": attempts,
        "input": outcome.sum(tokens, gen_ai__token__type="input"),
        "output": outcome.sum(tokens, gen_ai__token__type="output"),
    }


@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_the_truth_comes_out_of(path: Path) -> None:
    trap = yaml.safe_load(path.read_text())

    found = found_in(outcome_of(trap["spans"]))

    assert {key: found[key] for key in trap["truth"]} == trap["truth"]


@pytest.mark.parametrize("path", TRAPS, ids=lambda path: path.stem)
def test_the_other_way_round_too(path: Path) -> None:
    """The order in which spans of one time come makes no difference."""
    trap = yaml.safe_load(path.read_text())
    trap["spans"].reverse()
    backwards = sorted(trap["spans"], key=lambda told: told.get("at", 0))

    found = found_in(outcome_of(backwards))

    assert {key: found[key] for key in trap["truth"]} == trap["truth"]


def test_there_are_traps() -> None:
    assert len(TRAPS) > 20
