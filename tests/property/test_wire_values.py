"""Attribute values are found and compared where they stand, however a sender wrote them."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.component import Signal
from collectors.wire.scan import scan
from collectors.wire.spans import span_attribute_spots
from collectors.wire.values import as_text, read_as
from tests.property.test_wire_scanners import kernels, varint

KEYS = ("k", "key")


def delimited(tag: int, body: bytes, *, longer: bool = False) -> bytes:
    """A field; `longer` writes its length with a byte too many, as protobuf allows."""
    length = bytearray(varint(len(body)))
    if longer:
        length[-1] |= 0x80
        length.append(0)
    return bytes([tag, *length]) + body


LONGER = st.booleans()
TEXTS = st.sampled_from(["", "a", "true", "5", "0.5", "béta", "x" * 127, "x" * 128, "x" * 300])
STRINGS = st.builds(delimited, st.just(0x0A), TEXTS.map(str.encode), longer=LONGER)
OTHERS = st.sampled_from(
    [
        AnyValue(bool_value=True),
        AnyValue(int_value=5),
        AnyValue(double_value=0.5),
        AnyValue(bytes_value=b"a"),
        AnyValue(),
    ]
).map(AnyValue.SerializeToString)
VALUES = st.lists(st.one_of(STRINGS, OTHERS), max_size=2).map(b"".join)
"""Of two values in one, protobuf takes the last."""
NAMES = st.sampled_from([*KEYS, "", "x" * 200])
KEYED = st.builds(delimited, st.just(0x0A), NAMES.map(str.encode), longer=LONGER)
PIECES = st.lists(
    st.one_of(KEYED, st.sampled_from([b"\x1a\x01a", b"\x18\x07", b"\x23\x24", b"\x8a\x00\x01k"])),
    max_size=3,
).map(b"".join)
VALUED = st.one_of(
    st.just(b""),
    st.builds(delimited, st.just(0x12), VALUES, longer=LONGER),
)
PAIRS = st.builds(lambda *parts: b"".join(parts), PIECES, VALUED, PIECES)
"""One value at most: two would be merged by protobuf, and we take the last."""
SPANS = st.lists(st.lists(PAIRS, max_size=4), min_size=1, max_size=5)


def traces(spans: list[list[bytes]]) -> bytes:
    bodies = [b"".join(delimited(0x4A, pair) for pair in pairs) for pairs in spans]
    scope = b"".join(delimited(0x12, body) for body in bodies)
    return delimited(0x0A, delimited(0x12, scope))


@given(SPANS, TEXTS)
@example([[delimited(0x0A, b"k") + delimited(0x12, delimited(0x0A, b"a", longer=True))]], "a")
@example([[delimited(0x0A, b"k") + delimited(0x12, b"\x0a\x01a") + delimited(0x0A, b"key")]], "a")
@example([[delimited(0x12, delimited(0x0A, b"a")) + delimited(0x0A, b"k")]], "a")
@example([[delimited(0x0A, b"key") + delimited(0x0A, b"k") + delimited(0x12, b"")]], "")
def test_what_reads_a_text_is_what_reads_it_to_protobuf(
    spans: list[list[bytes]], text: str
) -> None:
    payload = traces(spans)
    message = ExportTraceServiceRequest.FromString(payload)
    read = [
        [(pair.key, pair.value) for pair in span.attributes]
        for span in message.resource_spans[0].scope_spans[0].spans
    ]

    found = []
    for kernel in kernels():
        scanned = scan(Signal.TRACES, payload, kernel)
        spots = span_attribute_spots(scanned, KEYS)
        found.append(spots.tolist())
        for number, key in enumerate(KEYS):
            expected = [
                next((as_text(v.SerializeToString()) == text for k, v in pairs if k == key), False)
                for pairs in read
            ]
            assert read_as(scanned, spots[number], text).tolist() == expected

    assert found.count(found[0]) == len(found)


@given(st.lists(st.one_of(VALUES, st.binary(max_size=6)), min_size=1), TEXTS)
def test_the_scanners_say_the_same_of_any_bytes(values: list[bytes], text: str) -> None:
    payload = b"".join(values)
    ends = np.cumsum([len(value) for value in values])
    spots = np.column_stack((np.concatenate(([0], ends[:-1])), ends)).astype(np.int64)
    spots[0] = -1

    answers = []
    for kernel in kernels():
        answer = np.full(len(spots), 9, np.uint8)
        kernel.says(payload, spots, text.encode(), answer)
        answers.append(answer.tolist())

    assert answers.count(answers[0]) == len(answers)
    assert answers[0][0] == 0
