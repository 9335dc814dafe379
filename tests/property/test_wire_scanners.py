"""The compiled scanner, its twin in Python and protobuf's own parser agree on any bytes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Signal
from collectors.wire import Malformed, request_type
from collectors.wire.keep import keep
from collectors.wire.kernel import Kernel, compiled, twin
from collectors.wire.scan import (
    Scan,
    attributes,
    identifiers,
    numbers,
    points,
    scan,
    slices,
    texts,
)

KEYS = ("k0", "k1", "agent")


def kernels() -> list[Kernel]:
    found = compiled()
    return [twin()] if found is None else [found, twin()]


def fill_attributes(target: object, dice: random.Random) -> None:
    for _ in range(dice.randrange(4)):
        pair = target.add(key=dice.choice((*KEYS, "ключ", "")))
        match dice.randrange(6):
            case 0:
                pair.value.string_value = dice.choice(("", "a", "béta", "長い"))
            case 1:
                pair.value.int_value = dice.choice((0, -1, 2**62))
            case 2:
                pair.value.double_value = dice.random()
            case 3:
                pair.value.array_value.values.add().bool_value = True
            case 4:
                pair.value.kvlist_value.values.add(key="in").value.bytes_value = b"\xff\x00"
            case _:
                pass


def traces(dice: random.Random) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for _ in range(dice.randrange(3)):
        resource = message.resource_spans.add(schema_url=dice.choice(("", "u")))
        fill_attributes(resource.resource.attributes, dice)
        for _ in range(dice.randrange(3)):
            scope = resource.scope_spans.add(schema_url=dice.choice(("", "later")))
            scope.scope.name = dice.choice(("", "lib"))
            for _ in range(dice.randrange(5)):
                span = scope.spans.add(
                    trace_id=dice.randbytes(dice.choice((0, 8, 16))),
                    span_id=dice.randbytes(8),
                    name=dice.choice(("chat", "invoke_agent", "")),
                    kind=dice.randrange(6),
                    start_time_unix_nano=dice.randrange(2**64),
                    end_time_unix_nano=dice.randrange(2**64),
                    flags=dice.randrange(2**32),
                )
                fill_attributes(span.attributes, dice)
                span.status.code = dice.randrange(3)
                fill_attributes(span.events.add(name="e").attributes, dice)
                span.links.add(trace_id=dice.randbytes(16))
    return message


def logs(dice: random.Random) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    for _ in range(dice.randrange(3)):
        scope = message.resource_logs.add().scope_logs.add()
        for _ in range(dice.randrange(4)):
            record = scope.log_records.add(
                time_unix_nano=dice.randrange(2**64), severity_text="WARN"
            )
            record.body.string_value = "text"
            fill_attributes(record.attributes, dice)
    return message


def metrics(dice: random.Random) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    for _ in range(dice.randrange(3)):
        scope = message.resource_metrics.add().scope_metrics.add()
        for _ in range(dice.randrange(5)):
            metric = scope.metrics.add(name="mas.agent.actions", unit="{action}")
            kind = dice.choice(("gauge", "sum", "histogram", "exponential_histogram", "summary"))
            data = getattr(metric, kind)
            data.SetInParent()
            for _ in range(dice.randrange(3)):
                point = data.data_points.add(time_unix_nano=dice.randrange(2**64))
                fill_attributes(point.attributes, dice)
                if kind == "histogram":
                    point.bucket_counts.extend((1, 2, 3))
                    point.explicit_bounds.extend((0.5, 1.0))
                    point.exemplars.add(as_double=1.0)
                elif kind == "exponential_histogram":
                    point.positive.bucket_counts.extend((0, 300, 2**40))
                elif kind == "summary":
                    point.quantile_values.add(quantile=0.5, value=2.0)
    return message


MAKERS = {Signal.TRACES: traces, Signal.LOGS: logs, Signal.METRICS: metrics}
REQUESTS = st.builds(
    lambda signal, seed: (signal, MAKERS[signal](random.Random(seed))),
    st.sampled_from(list(MAKERS)),
    st.integers(0, 2**32),
)


def outcome(signal: Signal, payload: bytes, kernel: Kernel) -> object:
    try:
        found = scan(signal, payload, kernel)
    except Malformed as malformed:
        return str(malformed)
    return (
        found.items,
        found.resources.tolist(),
        found.scopes.tolist(),
        found.entries.tolist(),
    )


def accepts(signal: Signal, payload: bytes) -> bool:
    try:
        request_type(signal)().ParseFromString(payload)
    except DecodeError:
        return False
    return True


def rebuilt(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


@given(REQUESTS)
def test_what_protobuf_wrote_is_sound_and_counted_as_protobuf_counts_it(
    request_: tuple[Signal, Message],
) -> None:
    signal, message = request_
    payload = message.SerializeToString()

    for kernel in kernels():
        found = scan(signal, payload, kernel)
        entries = [
            entry.SerializeToString()
            for _, resource in message.ListFields()
            for resource in resource
            for scope in getattr(resource, f"scope_{plural(signal)}")
            for entry in getattr(scope, entry_name(signal))
        ]
        assert [payload[body:end] for _, body, end, _ in found.entries.tolist()] == entries
        if signal is Signal.METRICS:
            assert found.items == len(points(found).at)
        else:
            assert found.items == len(entries)


def plural(signal: Signal) -> str:
    return "spans" if signal is Signal.TRACES else signal.value


def entry_name(signal: Signal) -> str:
    return {"traces": "spans", "logs": "log_records", "metrics": "metrics"}[signal.value]


@settings(max_examples=400)
@given(REQUESTS, st.data())
def test_damaged_bytes_are_judged_alike_by_all_three(
    request_: tuple[Signal, Message], data: st.DataObject
) -> None:
    signal, message = request_
    payload = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(0, 3))):
        if payload:
            at = data.draw(st.integers(0, len(payload) - 1))
            payload[at] = data.draw(st.integers(0, 255))
    damaged = bytes(payload[: data.draw(st.integers(0, len(payload)))])

    judged = [outcome(signal, damaged, kernel) for kernel in kernels()]

    assert judged.count(judged[0]) == len(judged)
    assert isinstance(judged[0], tuple) == accepts(signal, damaged)


@settings(max_examples=400)
@given(st.sampled_from(list(MAKERS)), st.binary(max_size=200))
@example(Signal.TRACES, b"\x0b\x0c")
@example(Signal.TRACES, b"\x0b" * 200)
@example(Signal.TRACES, b"\x08" + b"\xff" * 9 + b"\x7f")
@example(Signal.LOGS, b"\x0a\x80\x80\x80\x80\x80\x80\x80\x00")
def test_random_bytes_are_judged_alike_by_both_scanners_and_never_more_kindly_than_by_protobuf(
    signal: Signal, payload: bytes
) -> None:
    judged = [outcome(signal, payload, kernel) for kernel in kernels()]

    assert judged.count(judged[0]) == len(judged)
    if isinstance(judged[0], tuple):
        assert accepts(signal, payload)


@pytest.mark.parametrize("levels", [1, 40, 90, 200])
def test_nesting_is_bounded_as_in_protobuf(levels: int) -> None:
    value = b""
    for _ in range(levels):
        inner = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(inner)) + inner
    record = b"\x2a" + varint(len(value)) + value
    for tag in (b"\x12", b"\x12", b"\x0a"):
        record = tag + varint(len(record)) + record

    verdicts = {isinstance(outcome(Signal.LOGS, record, kernel), tuple) for kernel in kernels()}

    assert len(verdicts) == 1
    assert verdicts.pop() <= accepts(Signal.LOGS, record)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@given(st.integers(0, 2**32))
def test_the_columns_of_spans_hold_what_protobuf_reads(seed: int) -> None:
    message = traces(random.Random(seed))
    spans = [
        span
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]

    for kernel in kernels():
        found = scan(Signal.TRACES, message.SerializeToString(), kernel)
        start, end, kind, flags = numbers(found, found.entries, (7, 8, 6, 16)).tolist()
        trace_id, name, status = slices(found, found.entries, (1, 5, 15))
        ids = identifiers(found, trace_id, 16)
        assert start == [span.start_time_unix_nano for span in spans]
        assert end == [span.end_time_unix_nano for span in spans]
        assert kind == [span.kind for span in spans]
        assert flags == [span.flags for span in spans]
        assert [bytes(row) for row in ids] == [
            span.trace_id if len(span.trace_id) == 16 else bytes(16) for span in spans
        ]
        coded = texts(found, name)
        assert [coded.values[code].decode() for code in coded.codes] == [s.name for s in spans]
        rows = np.column_stack((status, status[:, 1], status[:, 0]))[:, [0, 0, 1, 1]]
        codes = numbers(found, np.ascontiguousarray(rows), (3,))[0].tolist()
        assert codes == [span.status.code for span in spans]
        assert_attributes(found, spans)


def assert_attributes(found: Scan, spans: list[object]) -> None:
    fields = np.full(len(spans), 9, np.int16)
    for key, coded in attributes(found, found.entries, fields, KEYS).items():
        for span, code in zip(spans, coded.codes.tolist(), strict=True):
            matching = [pair.value for pair in span.attributes if pair.key == key]
            if code < 0:
                assert not matching
            else:
                assert coded.values[code] == matching[0].SerializeToString()


@given(REQUESTS, st.integers(0, 2**32))
def test_survivors_are_copied_and_nothing_else_changes(
    request_: tuple[Signal, Message], seed: int
) -> None:
    signal, message = request_
    payload = message.SerializeToString()
    expected = request_type(signal)()
    expected.ParseFromString(payload)

    for kernel in kernels():
        found = scan(signal, payload, kernel)
        dice = random.Random(seed)
        wanted = np.array([dice.random() < 0.5 for _ in range(len(found.entries))], bool)
        kept = request_type(signal)()
        kept.ParseFromString(keep(found, wanted))
        if bool(wanted.all()):
            assert keep(found, wanted) == payload
            continue
        assert rebuilt(kept) == rebuilt(thinned(signal, payload, wanted.tolist()))


def thinned(signal: Signal, payload: bytes, wanted: list[bool]) -> Message:
    message = request_type(signal)()
    message.ParseFromString(payload)
    verdict = iter(wanted)
    for resources in [getattr(message, f"resource_{plural(signal)}")]:
        for resource in resources:
            scopes = getattr(resource, f"scope_{plural(signal)}")
            for scope in scopes:
                entries = getattr(scope, entry_name(signal))
                survivors = [entry for entry in entries if next(verdict)]
                del entries[:]
                entries.extend(survivors)
            full = [scope for scope in scopes if getattr(scope, entry_name(signal))]
            del scopes[:]
            scopes.extend(full)
        full = [each for each in resources if getattr(each, f"scope_{plural(signal)}")]
        del resources[:]
        resources.extend(full)
    return message


def test_a_metric_with_two_kinds_of_data_is_malformed() -> None:
    one, other = ExportMetricsServiceRequest(), ExportMetricsServiceRequest()
    metric = one.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=1)
    other.resource_metrics.add().scope_metrics.add().metrics.add().sum.data_points.add(as_int=2)
    both = metric.SerializeToString() + (
        other.resource_metrics[0].scope_metrics[0].metrics[0].SerializeToString()
    )
    payload = both
    for tag in (b"\x12", b"\x12", b"\x0a"):
        payload = tag + varint(len(payload)) + payload

    with pytest.raises(Malformed, match="more than once"):
        points(scan(Signal.METRICS, payload))
