"""`attributes` edits what it is told to, and leaves every other byte as it was."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Summary,
    SummaryDataPoint,
)
from pydantic import ValidationError

from collectors.actions import ActionConfig, Actions
from collectors.component import Batch, Context, Signal
from collectors.processors.attributes import AttributesConfig, AttributesProcessor
from collectors.testing.samples import request, text, traces_request

CONTEXT = Context(peer="10.0.0.7:5000", headers=(("x-team", "core"),))

BEFORE = {
    "name": AnyValue(string_value="agent-7 of east"),
    "count": AnyValue(int_value=5),
    "share": AnyValue(double_value=0.5),
    "ok": AnyValue(bool_value=True),
    "list": AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])),
}


def edit(*actions: Mapping[str, object]) -> dict[str, AnyValue]:
    attributes = {
        key: KeyValue(key=key, value=value).SerializeToString() for key, value in BEFORE.items()
    }
    Actions([ActionConfig.model_validate(action) for action in actions]).apply(attributes, CONTEXT)
    found = {key: KeyValue.FromString(pair) for key, pair in attributes.items()}
    assert all(key == pair.key for key, pair in found.items())
    return {key: pair.value for key, pair in found.items()}


def process(payload: bytes, signal: Signal, *actions: Mapping[str, object]) -> bytes:
    config = AttributesConfig.model_validate({"actions": list(actions)})
    out: list[Batch] = []
    AttributesProcessor(config).step(Batch(signal, payload, 3, CONTEXT, 0, 0), out.append)
    assert [batch.items for batch in out] == [3]
    return out[0].payload


def string(value: str) -> AnyValue:
    return AnyValue(string_value=value)


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ({"key": "new", "action": "insert", "value": "x"}, {"new": string("x")}),
        ({"key": "name", "action": "insert", "value": "x"}, {}),
        ({"key": "name", "action": "update", "value": 3}, {"name": AnyValue(int_value=3)}),
        ({"key": "new", "action": "update", "value": "x"}, {}),
        ({"key": "new", "action": "upsert", "value": True}, {"new": AnyValue(bool_value=True)}),
        ({"key": "new", "action": "upsert", "from_attribute": "list"}, {"new": BEFORE["list"]}),
        ({"key": "new", "action": "upsert", "from_attribute": "absent"}, {}),
        (
            {"key": "ip", "action": "insert", "from_context": "client.address"},
            {"ip": string("10.0.0.7")},
        ),
        (
            {"key": "team", "action": "upsert", "from_context": "metadata.X-Team"},
            {"team": string("core")},
        ),
        ({"key": "team", "action": "upsert", "from_context": "metadata.absent"}, {}),
        ({"key": "absent", "action": "hash"}, {}),
        (
            {"key": "name", "action": "hash"},
            {"name": string(hashlib.sha256(b"agent-7 of east").hexdigest())},
        ),
        (
            {"pattern": "^(count|ok)$", "action": "hash"},
            {
                "count": string(hashlib.sha256(struct.pack("<q", 5)).hexdigest()),
                "ok": string(hashlib.sha256(b"\x01").hexdigest()),
            },
        ),
        (
            {"key": "name", "action": "extract", "pattern": r"(?P<id>\w+-\d+) of (?P<zone>\w+)"},
            {"id": string("agent-7"), "zone": string("east")},
        ),
        ({"key": "name", "action": "extract", "pattern": r"(?P<id>nowhere)"}, {}),
        ({"key": "count", "action": "extract", "pattern": r"(?P<id>.*)"}, {}),
        (
            {"key": "count", "action": "convert", "converted_type": "string"},
            {"count": string("5")},
        ),
        (
            {"key": "count", "action": "convert", "converted_type": "double"},
            {"count": AnyValue(double_value=5)},
        ),
        (
            {"key": "share", "action": "convert", "converted_type": "int"},
            {"share": AnyValue(int_value=0)},
        ),
        ({"key": "ok", "action": "convert", "converted_type": "string"}, {"ok": string("true")}),
        ({"key": "name", "action": "convert", "converted_type": "int"}, {}),
        ({"key": "list", "action": "convert", "converted_type": "string"}, {}),
    ],
)
def test_each_action_does_what_it_says(
    action: Mapping[str, object], changed: dict[str, AnyValue]
) -> None:
    assert edit(action) == {**BEFORE, **changed}


def test_deleting_takes_a_key_or_all_that_match() -> None:
    assert list(edit({"key": "count", "action": "delete"})) == ["name", "share", "ok", "list"]
    assert list(edit({"pattern": "s", "action": "delete"})) == ["name", "count", "ok"]
    assert list(edit({"pattern": "s", "key": "ok", "action": "delete"})) == ["name", "count"]


def test_actions_are_applied_in_order() -> None:
    after = edit(
        {"key": "a", "action": "insert", "from_attribute": "name"},
        {"key": "name", "action": "delete"},
        {"key": "b", "action": "insert", "from_attribute": "name"},
    )

    assert after["a"] == BEFORE["name"]
    assert "b" not in after


@pytest.mark.parametrize(
    "action",
    [
        {"action": "delete"},
        {"key": "", "action": "delete"},
        {"key": "a", "action": "insert"},
        {"key": "a", "action": "insert", "value": 1, "from_attribute": "b"},
        {"key": "a", "action": "delete", "value": "x"},
        {"key": "a", "action": "insert", "value": 1, "pattern": "x"},
        {"key": "a", "action": "insert", "from_context": "auth.subject"},
        {"key": "a", "action": "extract", "pattern": "x"},
        {"action": "extract", "pattern": "(?P<x>x)"},
        {"key": "a", "action": "hash", "pattern": "("},
        {"key": "a", "action": "convert"},
        {"key": "a", "action": "hash", "converted_type": "int"},
        {"key": "a", "action": "rename"},
    ],
    ids=str,
)
def test_an_action_that_makes_no_sense_is_a_mistake(action: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        ActionConfig.model_validate(action)


# ------------------------------------------------------------- in requests


@pytest.mark.parametrize("signal", Signal)
def test_every_item_of_every_signal_is_edited_and_nothing_else(signal: Signal) -> None:
    before = request(signal)
    key = "series" if signal is Signal.METRICS else "item.id"
    there = {"key": "x", "action": "insert", "value": "y"}
    back = {"key": "x", "action": "delete"}

    payload = process(before.SerializeToString(), signal, there)

    assert payload.count(b"\x0a\x01x\x12\x03\x0a\x01y") == 3
    assert process(payload, signal, back) == before.SerializeToString()
    assert process(before.SerializeToString(), signal, {"key": key, "action": "delete"}) == bare(
        before
    )


def bare(message: Message) -> bytes:
    """`message` without the attributes of its items."""
    copy = type(message).FromString(message.SerializeToString())
    if isinstance(copy, ExportTraceServiceRequest):
        items = list(copy.resource_spans[0].scope_spans[0].spans)
    elif isinstance(copy, ExportLogsServiceRequest):
        items = list(copy.resource_logs[0].scope_logs[0].log_records)
    else:
        assert isinstance(copy, ExportMetricsServiceRequest)
        items = list(copy.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points)
    for item in items:
        item.ClearField("attributes")
    return copy.SerializeToString()


def test_points_of_every_kind_are_edited() -> None:
    own = [text("a", "b")]
    message = ExportMetricsServiceRequest()
    message.resource_metrics.add().scope_metrics.add().metrics.extend(
        [
            Metric(name="g", gauge=Gauge(data_points=[NumberDataPoint(attributes=own)])),
            Metric(name="h", histogram=Histogram(data_points=[HistogramDataPoint(attributes=own)])),
            Metric(
                name="e",
                exponential_histogram=ExponentialHistogram(
                    data_points=[ExponentialHistogramDataPoint(attributes=own)]
                ),
            ),
            Metric(name="s", summary=Summary(data_points=[SummaryDataPoint(attributes=own)])),
        ]
    )

    payload = process(
        message.SerializeToString(), Signal.METRICS, {"key": "a", "action": "update", "value": "c"}
    )

    assert payload.count(text("a", "c").SerializeToString()) == 4
    assert text("a", "b").SerializeToString() not in payload


def test_a_request_that_no_action_is_about_is_passed_on_as_it_is() -> None:
    payload = traces_request().SerializeToString()

    assert process(payload, Signal.TRACES, {"key": "absent", "action": "hash"}) is payload


def test_only_the_items_that_carry_the_key_change() -> None:
    message = traces_request()
    spans = message.resource_spans[0].scope_spans[0].spans
    spans[1].attributes.append(text("secret", "x"))
    wanted = traces_request().SerializeToString()

    action: dict[str, object] = {"key": "secret", "action": "delete"}
    assert process(message.SerializeToString(), Signal.TRACES, action) == wanted


@given(st.lists(st.sampled_from(["a", "b", "item.id"]), min_size=1, max_size=4))
def test_deleting_what_was_inserted_gives_the_request_back(keys: list[str]) -> None:
    payload = traces_request().SerializeToString()
    fresh = [key for key in dict.fromkeys(keys) if key != "item.id"]
    actions: list[dict[str, object]] = [
        *({"key": key, "action": "insert", "value": 1} for key in keys),
        *({"key": key, "action": "delete"} for key in fresh),
    ]

    assert process(payload, Signal.TRACES, *actions) == payload
