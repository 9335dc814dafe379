"""However spans of agents are cut, mixed and repeated, and wherever the process ends."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Processor
from collectors.instrument.dialects import Speaker, shapes
from tests.agent_spans import Recording, batch, connector, counted, flush, merged, seen, split, work

DIALECTS = st.lists(st.sampled_from(sorted(shapes())), min_size=1, max_size=3, unique=True)


def spans_of(dialects: list[str], seed: int) -> list[ExportTraceServiceRequest]:
    """One request for each span that fleets in these dialects send."""
    found: list[ExportTraceServiceRequest] = []
    for dialect in dialects:
        recording = Recording(dialect)
        work(Speaker(dialect, recording.provider), seed, invocations=3)
        found += split(recording.request())
    return found


def restarted(of: Processor) -> Processor:
    again = connector()
    again.restore(of.snapshot())
    return again


@settings(max_examples=20, deadline=None)
@given(dialects=DIALECTS, seed=st.integers(0, 99), size=st.integers(1, 9), order=st.randoms())
def test_cutting_mixing_and_restarting_leave_no_trace(
    dialects: list[str], seed: int, size: int, order: Random
) -> None:
    spans = spans_of(dialects, seed)
    whole = counted([merged(spans)])
    order.shuffle(spans)
    parts = [merged(spans[start : start + size]) for start in range(0, len(spans), size)]

    assert counted(parts, between=restarted) == whole


@settings(max_examples=12, deadline=None)
@given(dialects=DIALECTS, seed=st.integers(0, 99), order=st.randoms())
def test_what_comes_again_adds_nothing(dialects: list[str], seed: int, order: Random) -> None:
    spans = spans_of(dialects, seed)
    again = order.sample(spans, len(spans) // 2)

    assert counted([merged(spans), merged(again)]) == counted([merged(spans)])


@settings(max_examples=12, deadline=None)
@given(dialect=st.sampled_from(sorted(shapes())), seed=st.integers(0, 99), cut=st.integers(0, 3))
def test_a_restart_between_two_flushes_changes_nothing_and_no_count_falls(
    dialect: str, seed: int, cut: int
) -> None:
    of = connector()
    of.step(batch(merged(spans_of([dialect], seed))), lambda _: None)
    straight = flush(of)

    of = connector()
    of.step(batch(merged(spans_of([dialect], seed))), lambda _: None)
    parts = flush(of, cut)
    parts += flush(restarted(of), 4 - cut)

    counts = [seen(request).counts for request in parts]
    assert [sorted(of.values()) for of in counts] == [
        sorted(seen(request).counts.values()) for request in straight
    ]
    for before, after in pairwise(counts):
        assert all(after[key] >= value for key, value in before.items())
    # Each series was seen at zero before its first event.
    assert not any(counts[0].values())
    assert all(value >= 0 for value in counts[-1].values())
    assert set(counts[-1]) == set(counts[0])
