"""What was validated once is found again without validating; what is edited takes its place."""

from __future__ import annotations

import random
import time

import numpy as np
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Signal
from collectors.wire import parse
from collectors.wire.keep import keep
from collectors.wire.scan import locate, scan
from tests.property.test_wire_scanners import REQUESTS, kernels


@given(REQUESTS, st.integers(0, 50))
def test_locating_finds_what_scanning_finds(request_: tuple[Signal, Message], items: int) -> None:
    signal, message = request_
    payload = message.SerializeToString()

    for kernel in kernels():
        found, known = locate(signal, payload, items, kernel), scan(signal, payload, kernel)
        assert np.array_equal(found.resources, known.resources)
        assert np.array_equal(found.scopes, known.scopes)
        assert np.array_equal(found.entries, known.entries)


@given(st.binary(max_size=200), st.sampled_from(list(Signal)))
def test_locating_in_any_bytes_ends_and_stays_inside(payload: bytes, signal: Signal) -> None:
    for kernel in kernels():
        found = locate(signal, payload, 3, kernel)
        for rows in (found.resources, found.scopes, found.entries):
            assert ((rows[:, :3] >= 0) & (rows[:, :3] <= len(payload))).all()


@given(REQUESTS, st.integers(0, 2**32))
def test_an_edited_message_stands_where_the_old_one_stood(
    request_: tuple[Signal, Message], seed: int
) -> None:
    signal, message = request_
    if signal is not Signal.TRACES:
        return
    payload, dice = message.SerializeToString(), random.Random(seed)
    found = scan(signal, payload)
    wanted = np.array([dice.random() < 0.7 for _ in range(len(found.entries))], bool)
    edited = {
        row: Span(name=f"new {row}" * dice.randrange(30)).SerializeToString()
        for row in np.flatnonzero(wanted).tolist()
        if dice.random() < 0.5
    }

    names = names_of(parse(signal, keep(found, wanted, edited)))

    before = names_of(parse(signal, payload))
    assert names == [
        Span.FromString(edited[row]).name if row in edited else before[row]
        for row in np.flatnonzero(wanted).tolist()
    ]


def names_of(request: Message) -> list[str]:
    return [
        span.name
        for resource in request.resource_spans  # type: ignore[attr-defined]
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_request_of_a_resource_for_each_span_costs_no_more_for_a_span_if_there_are_many() -> None:
    """Else one request of a hostile sender keeps the graph busy for hours."""

    def seconds(spans: int) -> float:
        message = ExportTraceServiceRequest()
        for _ in range(spans):
            message.resource_spans.add().scope_spans.add().spans.add(name="x")
        found = locate(Signal.TRACES, message.SerializeToString(), spans)
        before = time.process_time()
        keep(found, np.arange(spans) % 2 == 0)
        return time.process_time() - before

    assert seconds(32_000) < 20 * min(seconds(4_000), seconds(4_000))
