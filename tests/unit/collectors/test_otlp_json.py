"""OTLP JSON is the specification's, not protobuf's own."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Signal
from collectors.net.otlp_json import NotOtlpError, to_json, to_protobuf
from collectors.testing.samples import request

SPAN = """
{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"intValue":INT}}]},
"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174",
"parentSpanId":"","name":"x","kind":2,"startTimeUnixNano":"1544712660000000000",
"endTimeUnixNano":1544712661000000000,"status":{"code":2},"unheardOf":{"deep":[1]},
"attributes":[{"key":"traceId","value":{"stringValue":"not hex"}},
{"key":"b","value":{"bytesValue":"AQI="}}]}]}]}]}
"""


@pytest.mark.parametrize("integer", ["7", '"7"'])
def test_the_specifications_example_is_read(integer: str) -> None:
    payload = to_protobuf(Signal.TRACES, SPAN.replace("INT", integer).encode())

    resource_spans = ExportTraceServiceRequest.FromString(payload).resource_spans[0]
    span = resource_spans.scope_spans[0].spans[0]
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert span.span_id.hex() == "eee19b7ec3c1b174"
    assert (span.parent_span_id, span.kind, span.status.code) == (b"", 2, 2)
    assert span.end_time_unix_nano - span.start_time_unix_nano == 10**9
    assert span.attributes[0].value.string_value == "not hex"
    assert span.attributes[1].value.bytes_value == b"\x01\x02"
    assert resource_spans.resource.attributes[0].value.int_value == 7


@pytest.mark.parametrize("signal", Signal)
@given(items=st.integers(0, 4), seed=st.integers(0, 9))
def test_what_was_written_is_read_back_the_same(signal: Signal, items: int, seed: int) -> None:
    payload = request(signal, items, seed=seed).SerializeToString()

    assert to_protobuf(signal, to_json(signal, payload).encode()) == payload


def test_written_enums_are_numbers_and_large_integers_are_text() -> None:
    span = json.loads(
        to_json(Signal.TRACES, to_protobuf(Signal.TRACES, SPAN.replace("INT", "7").encode()))
    )
    written = span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    assert (written["kind"], written["status"]["code"]) == (2, 2)
    assert written["startTimeUnixNano"] == "1544712660000000000"
    assert written["traceId"] == "5b8efff798038103d269b633813fc60c"


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_in_one_way_only(data: bytes) -> None:
    for signal in Signal:
        with contextlib.suppress(NotOtlpError):  # anything else would end the request badly
            to_protobuf(signal, data)


def test_attribute_values_nested_too_deep_are_refused() -> None:
    value: dict[str, object] = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    body = {"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": value}]}}]}

    with pytest.raises(NotOtlpError, match="deep"):
        to_protobuf(Signal.TRACES, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("startTimeUnixNano", "CANARY"),
        ("startTimeUnixNano", "9" * 5000 + "CANARY"),
        ("traceId", "CANARY"),
        ("attributes", "CANARY\nanother line"),
        ("attributes", [{"key": "a", "value": {"doubleValue": "CANARY"}}]),
        ("name", ["CANARY"]),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_quotes_nothing(key: str, value: object) -> None:
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{key: value}]}]}]})

    with pytest.raises(NotOtlpError, match=key) as refused:
        to_protobuf(Signal.TRACES, text.encode())

    assert "CANARY" not in str(refused.value)
    assert len(str(refused.value)) < 200
