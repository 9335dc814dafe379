"""What `IsMatch` sees of values that are no text: what the OpenTelemetry Collector shows it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from collectors.component import Signal
from collectors.ottl import CONTEXTS, Conditions
from collectors.wire.scan import scan
from collectors.wire.values import as_json, number_as_json


def matches(body: AnyValue, pattern: str) -> bool:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(body=body)
    conditions = Conditions([f'IsMatch(body, "{pattern}")'], CONTEXTS["log_record"])
    return bool(conditions(conditions.rows(scan(Signal.LOGS, request.SerializeToString())))[0])


def kvlist(**values: AnyValue) -> AnyValue:
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-12, "1.5e-12"),
    ],
)
def test_a_number_is_seen_as_json_has_it(number: float, text: str) -> None:
    pattern = "^" + text.replace(".", "[.]").replace("+", "[+]") + "$"

    assert matches(AnyValue(double_value=number), pattern)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_reads_back_as_it_was(number: float) -> None:
    assert float(number_as_json(number) or "") == number


def test_a_map_is_seen_as_json_with_its_keys_in_order() -> None:
    inner = AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()]))
    body = kvlist(
        b=AnyValue(string_value='<"é\n'), a=inner, c=AnyValue(bytes_value=b"hi"), d=AnyValue()
    )

    text = as_json(body)

    assert text == '{"a":[1,null],"b":"\\u003c\\"é\\n","c":"aGk=","d":null}'
    assert json.loads(text)["b"] == '<"é\n'
    assert matches(body, "b.*é")


def test_what_json_cannot_hold_is_not_matched() -> None:
    assert not matches(AnyValue(double_value=float("nan")), ".*")
    assert not matches(kvlist(a=AnyValue(double_value=float("inf"))), ".*")
