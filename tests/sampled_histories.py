"""Spans of a few traces over half a minute, cut in any way, and what a sampler makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.sampled_traces import Sampled, span, spans_in

CONFIG: dict[str, object] = {
    "decision_wait": "10s",
    "decision_wait_after_root_received": "4s",
    "decision_cache": {"sampled_cache_size": 1000, "non_sampled_cache_size": 1000},
}
cuts = st.frozensets(st.integers(0, 40))
ACTS = st.lists(st.sampled_from(["", "restart", "relocate", "edited"]), min_size=1, max_size=7)


@dataclass(frozen=True)
class Given:
    """A span, and the second in which it comes."""

    at: int
    span: Span


@st.composite
def histories(draw: st.DrawFn) -> list[Given]:
    """Spans of a few traces over half a minute, late ones and roots among them."""
    count = draw(st.integers(1, 40))
    times = sorted(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count)))
    return [Given(at, _span(draw, number)) for number, at in enumerate(times)]


def _span(draw: st.DrawFn, number: int) -> Span:
    made = span(
        draw(st.integers(0, 8)),
        number,
        error=draw(st.integers(0, 12)) == 0,
        ms=draw(st.sampled_from([1, 10, 2000])),
        root=draw(st.integers(0, 6)) == 0,
        state=draw(st.sampled_from(["", "", "", "ot=th:8;rv:fedcba98765432", "a=b"])),
    )
    if draw(st.integers(0, 3)) == 0:
        text, whole = AnyValue(string_value=draw(st.sampled_from("ab"))), AnyValue(int_value=number)
        made.attributes.extend([KeyValue(key="k", value=text), KeyValue(key="n", value=whole)])
        made.attributes.add(key="b", value=AnyValue(bool_value=number % 2 == 0))
        made.flags = draw(st.sampled_from([0, 1]))
    return made


def requests(history: Sequence[Given], cuts: frozenset[int]) -> list[list[Given]]:
    """Spans of one second in one request, cut where it is said."""
    found: list[list[Given]] = []
    for place, one in enumerate(history):
        if not found or found[-1][0].at != one.at or place in cuts:
            found.append([])
        found[-1].append(one)
    return found


def run(made: Sampled, given_requests: Sequence[Sequence[Given]], acts: Sequence[str] = ()) -> None:
    for number, request in enumerate(given_requests):
        act = acts[number % len(acts)] if acts else ""
        if act == "restart":
            made.restart()
        elif act == "relocate":
            pins = made.sampler.pins()
            made.sampler.relocate(made.inbox - number % 2, (pins.held or 0) + number % 3)
        made.give(*(one.span for one in request), at=request[0].at, edited=act == "edited")
    made.pass_time(100)
    assert made.sampler.held_items() == 0
    assert made.imbalance() == 0


def came_out(made: Sampled) -> list[tuple[int, str, str]]:
    """Each span that came out: when, which, and what it says of sampling."""
    return sorted(
        (batch.steady_ns, one.name, one.trace_state)
        for batch in made.out
        for one in spans_in([batch])
    )
