"""Conditions: nonsense is refused in one way, and sense is answered as by one span at a time."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Signal
from collectors.ottl import CONTEXTS, Condition, ConditionError
from collectors.wire.scan import scan

WORDS = st.sampled_from(
    [
        "name",
        "kind",
        'attributes["k"]',
        "true",
        "nil",
        "5",
        '"a"',
        "==",
        "<",
        "and",
        "or",
        "not",
        "(",
        ")",
        "-",
        "IsMatch",
        ",",
        "[",
        "]",
        "end_time_unix_nano",
        '"(["',
        "\\",
        "99e999",
    ]
)
VALUES = st.one_of(
    st.builds(lambda text: AnyValue(string_value=text), st.sampled_from(["a", "b", "5"])),
    st.builds(lambda flag: AnyValue(bool_value=flag), st.booleans()),
    st.builds(lambda number: AnyValue(int_value=number), st.sampled_from([0, 1, 5, 2**62])),
    st.builds(lambda number: AnyValue(double_value=number), st.floats()),
)
SPANS = st.builds(
    lambda name, kind, end, value: Span(
        name=name,
        kind=kind,
        end_time_unix_nano=end,
        attributes=[] if value is None else [KeyValue(key="k", value=value)],
    ),
    st.sampled_from(["", "a", "b"]),
    st.integers(0, 5),
    st.integers(0, 9),
    st.one_of(st.none(), VALUES),
)
OPERANDS = st.sampled_from(
    [
        "name",
        "kind",
        'attributes["k"]',
        "end_time_unix_nano",
        "end_time_unix_nano - kind",
        '"a"',
        "5",
        "2.5",
        "true",
        "nil",
        "SPAN_KIND_SERVER",
    ]
)
COMPARISONS = st.builds(
    lambda left, symbol, right: f"{left} {symbol} {right}",
    OPERANDS,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    OPERANDS,
)
SENSE = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(lambda one, two: f"({one}) and {two}", inner, inner),
        st.builds(lambda one, two: f"{one} or ({two})", inner, inner),
        st.builds(lambda one: f"not ({one})", inner),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    for context in CONTEXTS.values():
        with suppress(ConditionError):
            Condition(text, context)


def answers(text: str, spans: list[Span]) -> list[bool]:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add(spans=spans)
    context = CONTEXTS["span"]
    rows = context.rows(scan(Signal.TRACES, request.SerializeToString()))
    return list(np.asarray(Condition(text, context)(rows)).tolist())


@settings(deadline=None, max_examples=200)
@given(text=SENSE, spans=st.lists(SPANS, max_size=6))
def test_many_spans_are_answered_as_each_by_itself(text: str, spans: list[Span]) -> None:
    assert answers(text, spans) == [answers(text, [span])[0] for span in spans]


@settings(deadline=None, max_examples=200)
@given(left=OPERANDS, right=OPERANDS, spans=st.lists(SPANS, max_size=6))
def test_comparisons_agree_with_their_mirror_images(
    left: str, right: str, spans: list[Span]
) -> None:
    pairs = {"<": ">", "<=": ">=", "==": "==", "!=": "!="}
    for symbol, mirror in pairs.items():
        straight = answers(f"{left} {symbol} {right}", spans)
        assert straight == answers(f"{right} {mirror} {left}", spans)
    equal, unequal = (answers(f"{left} {symbol} {right}", spans) for symbol in ("==", "!="))
    assert unequal == [not answer for answer in equal]
