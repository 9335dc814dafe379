"""Events of spans are counted as protobuf reads them, in whichever requests they come."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.spanmetrics import FACTORY, SpanMetricsConfig
from collectors.testing import settings as component_settings
from collectors.wire.kernel import compiled, twin
from collectors.wire.scan import locate
from collectors.wire.spans import event_attributes, event_times_ns, events, scope_texts

CONFIG = SpanMetricsConfig.model_validate(
    {
        "exclude_dimensions": ["span.kind", "status.code", "service.name"],
        "dimensions": [{"name": "k"}],
        "events": {"enabled": True, "dimensions": [{"name": "e", "default": "none"}]},
        "include_instrumentation_scope": ["told", "also told"],
        "exemplars": {"enabled": True, "max_per_data_point": 2},
    }
)
VALUES = st.sampled_from([AnyValue(string_value="a"), AnyValue(int_value=3)])
ATTRIBUTES = st.dictionaries(st.sampled_from("kex"), VALUES).map(
    lambda found: [KeyValue(key=key, value=value) for key, value in found.items()]
)
EVENTS = st.builds(
    lambda time, attributes: Span.Event(time_unix_nano=time, name="e", attributes=attributes),
    st.integers(0, 2**64 - 1),
    ATTRIBUTES,
)
SPANS = st.builds(
    lambda name, number, attributes, found: Span(
        name=name,
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        attributes=attributes,
        events=found,
    ),
    st.sampled_from(["a", "b"]),
    st.integers(0, 2**40),
    ATTRIBUTES,
    st.lists(EVENTS, max_size=4),
)
SCOPES = st.builds(
    lambda name, version: InstrumentationScope(name=name, version=version),
    st.sampled_from(["", "told", "also told", "untold"]),
    st.sampled_from(["", "1", "2"]),
)
GROUPS = st.builds(
    lambda attributes, scope, spans: ResourceSpans(
        resource=Resource(attributes=attributes),
        scope_spans=[ScopeSpans(scope=scope, spans=spans)],
    ),
    ATTRIBUTES,
    SCOPES,
    st.lists(SPANS, max_size=4),
)


def make() -> Processor:
    return FACTORY.create(CONFIG, component_settings(Path("unused")))


def batch_of(groups: list[ResourceSpans]) -> Batch:
    payload = ExportTraceServiceRequest(resource_spans=groups).SerializeToString()
    items = sum(len(scope.spans) for of in groups for scope in of.scope_spans)
    return Batch(Signal.TRACES, payload, items, Context(), 7, 7)


def text(value: AnyValue) -> str:
    return str(value.int_value) if value.WhichOneof("value") == "int_value" else value.string_value


def words(attributes: list[KeyValue]) -> dict[str, str]:
    return {of.key: text(of.value) for of in attributes}


def truth(groups: list[ResourceSpans]) -> Counter[frozenset[tuple[str, str]]]:
    """What the events of `groups` count to, by label set, read with protobuf."""
    found: Counter[frozenset[tuple[str, str]]] = Counter()
    for group in groups:
        above = words(list(group.resource.attributes))
        for scope in group.scope_spans:
            told = {}
            if scope.scope.name in CONFIG.include_instrumentation_scope:
                told["span.instrumentation.scope.name"] = scope.scope.name
                if scope.scope.version:
                    told["span.instrumentation.scope.version"] = scope.scope.version
            for span in scope.spans:
                for event in span.events:
                    said = {
                        "e": "none",
                        **above,
                        **words(list(event.attributes)),
                        **words(list(span.attributes)),
                    }
                    said = {key: value for key, value in said.items() if key in "ke"}
                    found[frozenset({"span.name": span.name, **told, **said}.items())] += 1
    return found


@settings(max_examples=100, deadline=None)
@given(groups=st.lists(GROUPS, max_size=6), cuts=st.lists(st.integers(0, 6), max_size=3))
def test_events_are_counted_by_what_span_event_and_resource_say(
    groups: list[ResourceSpans], cuts: list[int]
) -> None:
    connector = make()
    for start, end in pairwise(sorted({0, len(groups), *(min(of, len(groups)) for of in cuts)})):
        connector.step(batch_of(groups[start:end]), lambda _: None)
        restored = make()
        restored.restore(connector.snapshot())
        connector = restored

    out: list[Batch] = []
    due = connector.next_deadline()
    if due is not None:
        connector.tick(due, out.append)
    found: Counter[frozenset[tuple[str, str]]] = Counter()
    for batch in out:
        for resource in ExportMetricsServiceRequest.FromString(batch.payload).resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                if metric.name == "traces.span.metrics.events":
                    for point in metric.sum.data_points:
                        found[frozenset(words(list(point.attributes)).items())] += point.as_int
                        assert len(point.exemplars) <= 2
    assert found == truth(groups)


@settings(max_examples=100, deadline=None)
@given(groups=st.lists(GROUPS, max_size=6))
def test_the_compiled_kernel_and_its_twin_find_the_same_events_and_scopes(
    groups: list[ResourceSpans],
) -> None:
    batch = batch_of(groups)
    read = []
    for kernel in (compiled() or twin(), twin()):
        scanned = locate(Signal.TRACES, batch.payload, batch.items, kernel)
        found = events(scanned)
        attributes = event_attributes(scanned, found, ["k", "e"])
        read.append(
            (
                found.tolist(),
                event_times_ns(scanned, found).tolist(),
                [(coded.codes.tolist(), coded.values) for coded in attributes.values()],
                [(coded.codes.tolist(), coded.values) for coded in scope_texts(scanned)],
            )
        )

    assert read[0] == read[1]
    times = [e.time_unix_nano for g in groups for s in g.scope_spans[0].spans for e in s.events]
    assert read[0][1] == times
