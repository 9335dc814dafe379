"""`resource` edits resources only; `memory_limiter` refuses before anything is taken."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from collectors.component import Batch, Context, Refused, Signal
from collectors.net.slices import BrokenMessageError, delimited, slices
from collectors.processors.memory_limiter import (
    FACTORY,
    MemoryGate,
    MemoryLimiterConfig,
    total_memory_bytes,
)
from collectors.processors.resource import ResourceConfig, ResourceProcessor
from collectors.testing import batch, traces_request
from collectors.testing.samples import request, text

MEBIBYTE = 1024 * 1024


def edited(payload: bytes, *actions: Mapping[str, object]) -> bytes:
    config = ResourceConfig.model_validate({"attributes": list(actions)})
    out: list[Batch] = []
    ResourceProcessor(config).step(Batch(Signal.TRACES, payload, 1, Context(), 0, 0), out.append)
    return out[0].payload


def attributes(payload: bytes) -> dict[str, object]:
    resource = ExportTraceServiceRequest.FromString(payload).resource_spans[0].resource
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value")
        for item in resource.attributes
    }


BEFORE = {"service.name": "sample", "service.instance.id": "sample-1", "service.version": "1.2.3"}
PAYLOAD = traces_request().SerializeToString()


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"key": "new", "action": "insert", "value": "x"}, {**BEFORE, "new": "x"}),
        ({"key": "service.name", "action": "insert", "value": "x"}, BEFORE),
        ({"key": "service.name", "action": "update", "value": 3}, {**BEFORE, "service.name": 3}),
        ({"key": "new", "action": "update", "value": "x"}, BEFORE),
        ({"key": "new", "action": "upsert", "value": True}, {**BEFORE, "new": True}),
        ({"key": "new", "action": "upsert", "value": 0.5}, {**BEFORE, "new": 0.5}),
        (
            {"key": "new", "action": "upsert", "from_attribute": "service.name"},
            {**BEFORE, "new": "sample"},
        ),
        ({"key": "new", "action": "upsert", "from_attribute": "absent"}, BEFORE),
        ({"key": "absent", "action": "delete"}, BEFORE),
    ],
)
def test_each_action_does_what_it_says(
    action: Mapping[str, object], expected: Mapping[str, object]
) -> None:
    assert attributes(edited(PAYLOAD, action)) == expected


def test_a_resource_in_a_hundred_thousand_pieces_is_edited_in_their_length_and_no_more() -> None:
    long = text("long", "x" * 200).SerializeToString()
    piece = delimited(1, delimited(1, long) + b"\x10\x01")
    payload = delimited(1, piece * 100_000)

    tracemalloc.start()
    try:
        begun = time.process_time()
        made = edited(payload, {"key": "new", "action": "insert", "value": "x"})
        seconds = time.process_time() - begun
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert attributes(made) == {"long": "x" * 200, "new": "x"}
    assert peak < 5 * len(payload)
    assert seconds < 30  # minutes where each piece copies those before it


def test_deleting_leaves_the_others_in_their_order() -> None:
    payload = edited(PAYLOAD, {"key": "service.instance.id", "action": "delete"})

    assert list(attributes(payload)) == ["service.name", "service.version"]


@pytest.mark.parametrize("signal", Signal)
def test_everything_but_the_resource_stays_as_it_was(signal: Signal) -> None:
    before = request(signal, 5)
    payload = before.SerializeToString()
    actions = ({"key": "x", "action": "insert", "value": "y"}, {"key": "x", "action": "delete"})

    assert edited(payload, *actions) == payload


def test_a_request_without_resource_gets_one() -> None:
    bare = ExportTraceServiceRequest()
    bare.resource_spans.add()

    payload = edited(bare.SerializeToString(), {"key": "a", "action": "upsert", "value": "b"})

    assert attributes(payload) == {"a": "b"}


@pytest.mark.parametrize(
    "action",
    [
        {"key": "a", "action": "insert"},
        {"key": "a", "action": "delete", "value": "x"},
        {"key": "a", "action": "upsert", "value": "x", "from_attribute": "y"},
        {"key": "", "action": "delete"},
        {"key": "a", "action": "rename"},
    ],
)
def test_an_action_that_makes_no_sense_is_a_mistake(action: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        ResourceConfig.model_validate({"attributes": [action]})


@given(st.binary(max_size=100))
def test_slices_of_any_bytes_are_those_bytes_again_or_an_error(data: bytes) -> None:
    try:
        parts = list(slices(data))
    except BrokenMessageError:
        return

    assert b"".join(part.whole for part in parts) == data


@given(st.integers(1, 2**28), st.binary(max_size=300))
def test_a_delimited_field_is_one_slice(number: int, value: bytes) -> None:
    (part,) = slices(delimited(number, value))

    assert (part.number, part.value) == (number, value)


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_requests_are_refused_from_the_soft_limit_on_and_taken_again_below() -> None:
    resident, clock = [50], Clock()
    config = MemoryLimiterConfig(limit_mib=100, spike_limit_mib=20, check_interval=10_000)
    limit = config.soft_limit_bytes(0)
    gate = MemoryGate(config, limit, lambda: resident[0] * MEBIBYTE, clock)
    sample = batch(Signal.TRACES)

    def admit() -> bytes:
        return asyncio.run(gate.admit(sample.signal, sample.payload, sample.context))

    assert admit() is sample.payload
    resident[0] = 81
    assert admit() is sample.payload, "a measurement is good for the check interval"
    clock.now = 10_000
    with pytest.raises(Refused, match="81 MiB of memory are held, requests are taken below 80"):
        admit()
    resident[0], clock.now = 79, 20_000
    assert admit() is sample.payload


def test_the_limit_may_be_a_share_of_the_machine() -> None:
    config = MemoryLimiterConfig(limit_percentage=50, spike_limit_percentage=10)

    assert config.soft_limit_bytes(1000) == 400
    assert total_memory_bytes() > 0
    assert FACTORY.admission
    assert FACTORY.gate is not None


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"limit_mib": 10, "spike_limit_mib": 10},
        {"limit_percentage": 20, "spike_limit_percentage": 20},
        {"limit_percentage": 101},
    ],
)
def test_a_limit_that_cannot_be_is_a_mistake(raw: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        MemoryLimiterConfig.model_validate(raw)
