"""The columns count what a reader of every single span would count."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Batch, Context, Signal
from collectors.processors.sli import FACTORY, SliConfig
from collectors.testing import MemoryMeter
from collectors.testing import settings as component_settings
from slo.names import SLI_EVENTS

TEXTS = st.sampled_from(["a", "b", "5", "true", "0.5", "", "x" * 200, "ä"])
VALUES = st.one_of(
    st.builds(lambda text: AnyValue(string_value=text), TEXTS),
    st.builds(lambda flag: AnyValue(bool_value=flag), st.booleans()),
    st.builds(lambda number: AnyValue(int_value=number), st.sampled_from([5, -1, 0])),
    st.builds(lambda number: AnyValue(double_value=number), st.sampled_from([0.5, 5.0, math.inf])),
    st.just(AnyValue()),
)
ATTRIBUTES = st.lists(
    st.builds(lambda key, value: KeyValue(key=key, value=value), st.sampled_from("kl"), VALUES),
    max_size=3,
)
SPANS = st.builds(
    lambda name, start, end, code, attributes: Span(
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        status=Status(code=code),
        attributes=attributes,
    ),
    TEXTS,
    st.integers(0, 20),
    st.integers(0, 20),
    st.sampled_from([0, 1, 2]),
    ATTRIBUTES,
)
REQUESTS = st.lists(st.tuples(VALUES, st.lists(SPANS, max_size=6)), max_size=4)
MATCHES = st.dictionaries(st.sampled_from("kl"), TEXTS, max_size=2)


@st.composite
def indicators(draw: st.DrawFn) -> dict[str, object]:
    attributes, bad = draw(MATCHES), draw(MATCHES)
    bad = {key: text for key, text in bad.items() if attributes.get(key) != text}
    spans: dict[str, object] = {
        "service": draw(st.sampled_from(["a", "5", "ä"])),
        "attributes": attributes,
        "bad": {
            "status": draw(st.booleans()) or not bad,
            "attributes": bad,
            "above": f"{draw(st.integers(0, 20))}ns",
        },
    }
    if draw(st.booleans()):
        spans["span_name"] = draw(TEXTS.filter(bool))
    return {"spans": spans}


def text_of(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            number = value.double_value
            return str(int(number)) if number.is_integer() else repr(number)
        case _:
            return value.string_value


def first(attributes: object, key: str) -> str | None:
    for item in attributes:  # type: ignore[attr-defined]
        if item.key == key:
            return text_of(item.value)
    return None


def truth(slo: dict[str, object], request: ExportTraceServiceRequest) -> list[int]:
    spans, counts = slo["spans"], [0, 0]
    for resource in request.resource_spans:
        if first(resource.resource.attributes, "service.name") != spans["service"]:
            continue
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            if span.name != spans.get("span_name", span.name):
                continue
            if any(first(span.attributes, k) != v for k, v in spans["attributes"].items()):
                continue
            bad, taken = spans["bad"], span.end_time_unix_nano - span.start_time_unix_nano
            above = int(bad["above"].removesuffix("ns"))
            is_bad = (
                (bad["status"] and span.status.code == 2)
                or (above and taken > above)
                or any(first(span.attributes, k) == v for k, v in bad["attributes"].items())
            )
            counts[bool(is_bad)] += 1
    return counts


@settings(max_examples=150, deadline=None)
@given(slos=st.lists(indicators(), min_size=1, max_size=4), groups=REQUESTS)
def test_columns_count_what_a_reader_of_every_span_counts(
    slos: list[dict[str, object]], groups: list[tuple[AnyValue, list[Span]]]
) -> None:
    request = ExportTraceServiceRequest()
    for service, spans in groups:
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name", value=service)
        resource.scope_spans.add(spans=spans)
    meter = MemoryMeter()
    config = SliConfig.model_validate({"slos": {str(at): slo for at, slo in enumerate(slos)}})
    counter = FACTORY.create(config, component_settings(Path("unused"), meter=meter))
    payload = request.SerializeToString()
    items = sum(len(spans) for _, spans in groups)

    out: list[Batch] = []
    counter.step(Batch(Signal.TRACES, payload, items, Context(), 1, 1), out.append)

    assert [batch.payload for batch in out] == [payload]
    for at, slo in enumerate(slos):
        counted = [
            meter.level(SLI_EVENTS, slo_id=str(at), outcome=outcome) for outcome in ("good", "bad")
        ]
        assert counted == truth(slo, request)


@settings(max_examples=60, deadline=None)
@given(
    slos=st.lists(indicators(), min_size=1, max_size=3),
    groups=REQUESTS,
    lot=st.randoms(use_true_random=False),
)
def test_cutting_merging_reordering_and_restarting_change_no_count(
    slos: list[dict[str, object]], groups: list[tuple[AnyValue, list[Span]]], lot: Random
) -> None:
    parts: list[ExportTraceServiceRequest] = []
    for service, spans in groups:
        for span in spans:
            part = ExportTraceServiceRequest()
            resource = part.resource_spans.add()
            resource.resource.attributes.add(key="service.name", value=service)
            resource.scope_spans.add(spans=[span])
            parts.append(part)
    config = SliConfig.model_validate({"slos": {str(at): slo for at, slo in enumerate(slos)}})
    whole = FACTORY.create(config, component_settings(Path("unused")))
    whole.step(merged(parts), lambda _: None)

    lot.shuffle(parts)
    counter = FACTORY.create(config, component_settings(Path("unused")))
    while parts:
        size = lot.randint(1, len(parts))
        counter.step(merged(parts[:size]), lambda _: None)
        del parts[:size]
        restarted = FACTORY.create(config, component_settings(Path("unused")))
        restarted.restore(counter.snapshot())
        counter = restarted

    assert counter.snapshot() == whole.snapshot()


def merged(parts: list[ExportTraceServiceRequest]) -> Batch:
    payload = b"".join(part.SerializeToString() for part in parts)
    return Batch(Signal.TRACES, payload, len(parts), Context(), 1, 1)
