"""However deep a sender nests its spans, each costs a bounded amount, and counts as it should."""

from __future__ import annotations

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.connectors.agentmetrics.kin import DEEPEST, Found, Tree
from collectors.connectors.agentmetrics.rows import AGENT, LINK, ROW, TOOL, Rows
from tests.agent_spans import SECOND, Seen, counted

CHAIN = 5000
AGENT_NAMED = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
TOOL_NAMED = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}
PLAIN = {"plain": "step"}


def chain(*says: dict[str, str]) -> Seen:
    """What is counted of spans each of which stands above the next."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "fleet"
    scope = of_resource.scope_spans.add()
    for number, attributes in enumerate(says, start=1):
        span = scope.spans.add(
            trace_id=b"T" * 16,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=(number - 1).to_bytes(8, "big") if number > 1 else b"",
            name="x",
            start_time_unix_nano=1_700_000_000 * SECOND,
            end_time_unix_nano=1_700_000_001 * SECOND,
        )
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
    return counted([request])


def invocations(found: Seen) -> float:
    return found.count("mas.agent.actions", mas__action__type="invoke")


@pytest.mark.parametrize(
    ("says", "metric"),
    [
        (AGENT_NAMED, "gen_ai.invoke_agent.duration"),
        (TOOL_NAMED, "gen_ai.execute_tool.duration"),
        (CHAT, "gen_ai.client.operation.duration"),
    ],
)
def test_a_chain_of_one_thing_inside_itself_counts_once(says: dict[str, str], metric: str) -> None:
    assert chain(*[says] * CHAIN).count(metric) == 1


def test_agents_and_tools_in_turn_count_each() -> None:
    found = chain(*[AGENT_NAMED, TOOL_NAMED] * (CHAIN // 2))

    assert invocations(found) == CHAIN // 2


def test_an_agent_is_found_above_thousands_of_spans_that_are_nothing() -> None:
    found = chain(AGENT_NAMED, *[PLAIN] * CHAIN, TOOL_NAMED)

    named = {
        dict(labels).get("gen_ai.agent.name")
        for (_, labels), count in found.counts.items()
        if dict(labels).get("gen_ai.tool.name") == "search" and count
    }
    assert named == {"planner"}


def test_a_span_is_compared_with_no_more_than_the_deepest_above_it() -> None:
    found = looked_up(rows_of([AGENT] * CHAIN), links=0)

    assert found.steps <= CHAIN * DEEPEST
    assert found.steps >= (CHAIN - DEEPEST) * DEEPEST


def test_spans_that_are_nothing_cost_no_comparison() -> None:
    rows = rows_of([TOOL, AGENT])
    rows["parent"][1] = CHAIN + 2  # the last link; the first one's parent is the tool

    found = looked_up(rows, links=CHAIN)

    assert found.steps == 1
    assert found.open_ends.tolist() == [0, 0]


def test_spans_that_stand_above_themselves_come_to_an_end() -> None:
    rows = rows_of([AGENT] * 3)
    rows["parent"][0] = 3

    assert looked_up(rows, links=0).steps == 6
    links = np.zeros(2, LINK)
    links["key"], links["parent"] = (10, 11), (11, 10)
    lonely = rows_of([AGENT])
    lonely["parent"] = 10
    assert Tree(lonely, links).look_up(np.zeros(0, np.uint64)).steps <= DEEPEST


def rows_of(kinds: list[int]) -> Rows:
    """Each but the first is below the one before; keys begin at 1."""
    rows: Rows = np.zeros(len(kinds), ROW)
    rows["kind"] = kinds
    rows["key"] = np.arange(1, len(kinds) + 1)
    rows["parent"] = np.arange(len(kinds))
    return rows


def looked_up(rows: Rows, *, links: int) -> Found:
    """With so many links in a row, of which the first is below the first row."""
    chained: Rows = np.zeros(links, LINK)
    chained["key"] = np.arange(3, links + 3)
    chained["parent"] = [1, *range(3, links + 2)] if links else []
    return Tree(rows, chained).look_up(np.zeros(0, np.uint64))
