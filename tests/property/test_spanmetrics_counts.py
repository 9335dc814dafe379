"""However spans are cut into requests, and wherever the process ends, the metrics are the same."""

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
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.spanmetrics import FACTORY, SpanMetricsConfig
from collectors.testing import settings as component_settings

BOUNDS_NS = (5, 10, 20)
CONFIG = SpanMetricsConfig.model_validate(
    {
        "histogram": {
            "unit": "s",
            "explicit": {"buckets": [f"{bound}ns" for bound in BOUNDS_NS]},
            "dimensions": [{"name": "l"}],
        },
        "dimensions": [{"name": "k", "default": "none"}],
        "exemplars": {"enabled": True, "max_per_data_point": 2},
        "aggregation_cardinality_limit": 6,
    }
)
VALUES = st.sampled_from([AnyValue(string_value="a"), AnyValue(int_value=3), AnyValue()])
SPANS = st.tuples(
    st.sampled_from(["one", "two"]),  # service
    st.builds(
        lambda name, start, end, kind, code, attributes, number: Span(
            name=name,
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=start,
            end_time_unix_nano=end,
            kind=kind,
            status=Status(code=code),
            attributes=[KeyValue(key=key, value=value) for key, value in attributes.items()],
        ),
        st.sampled_from(["a", "b"]),
        st.integers(0, 25),
        st.one_of(st.integers(0, 25), st.just(2**63)),
        st.integers(0, 5),
        st.integers(0, 2),
        st.dictionaries(st.sampled_from("kl"), VALUES),
        st.integers(0, 2**40),
    ),
)


def make() -> Processor:
    return FACTORY.create(CONFIG, component_settings(Path("unused")))


def batch_of(spans: list[tuple[str, Span]]) -> Batch:
    request = ExportTraceServiceRequest()
    for service, span in spans:
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        resource.scope_spans.add(spans=[span])
    return Batch(Signal.TRACES, request.SerializeToString(), len(spans), Context(), 7, 7)


def flushed(connector: Processor) -> list[bytes]:
    out: list[Batch] = []
    due = connector.next_deadline()
    if due is not None:
        connector.tick(due, out.append)
    return [batch.payload for batch in out]


@settings(max_examples=100, deadline=None)
@given(spans=st.lists(SPANS, max_size=25), cuts=st.lists(st.integers(0, 25), max_size=4))
def test_cutting_and_restarting_leave_no_trace(
    spans: list[tuple[str, Span]], cuts: list[int]
) -> None:
    whole = make()
    whole.step(batch_of(spans), lambda _: None)
    parts = make()
    edges = sorted({0, len(spans), *(min(cut, len(spans)) for cut in cuts)})
    for start, end in pairwise(edges):
        parts.step(batch_of(spans[start:end]), lambda _: None)
        restored = make()
        restored.restore(parts.snapshot())
        parts = restored

    assert parts.snapshot() == whole.snapshot()
    assert flushed(parts) == flushed(whole)


def text(value: AnyValue) -> str:
    return str(value.int_value) if value.WhichOneof("value") == "int_value" else value.string_value


@settings(max_examples=100, deadline=None)
@given(spans=st.lists(SPANS, max_size=25))
def test_every_span_is_counted_once_and_in_its_bucket(spans: list[tuple[str, Span]]) -> None:
    connector = make()
    connector.step(batch_of(spans), lambda _: None)

    calls: Counter[str] = Counter()
    series: Counter[tuple[str, ...]] = Counter()
    buckets = [0] * (len(BOUNDS_NS) + 1)
    total = 0.0
    overflown = 0
    for payload in flushed(connector):
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            service = resource.resource.attributes[0].value.string_value
            for metric in resource.scope_metrics[0].metrics:
                for point in metric.sum.data_points:
                    calls[service] += point.as_int
                    found = {item.key: text(item.value) for item in point.attributes}
                    if "otel.metric.overflow" in found:
                        overflown += point.as_int
                    else:
                        series[tuple(found.values())] += point.as_int
                assert len(metric.sum.data_points) <= 7
                for point in metric.histogram.data_points:
                    assert sum(point.bucket_counts) == point.count
                    total += point.sum
                    buckets = [a + b for a, b in zip(buckets, point.bucket_counts, strict=True)]
    assert calls == Counter(service for service, _ in spans)
    took = [max(0, s.end_time_unix_nano - s.start_time_unix_nano) for _, s in spans]
    edges = [-1, *BOUNDS_NS, 2**64]
    assert buckets == [sum(low < of <= high for of in took) for low, high in pairwise(edges)]
    assert abs(total * 1e9 - sum(took)) <= 1e-9 * sum(took)
    truth = Counter(dimensions(service, span) for service, span in spans)
    assert sum(series.values()) + overflown == len(spans)
    assert all(truth[key] == count for key, count in series.items())


KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]


def dimensions(service: str, span: Span) -> tuple[str, ...]:
    of_key = [text(item.value) for item in span.attributes if item.key == "k"]
    return (
        service,
        span.name,
        f"SPAN_KIND_{KINDS[span.kind]}",
        f"STATUS_CODE_{['UNSET', 'OK', 'ERROR'][span.status.code]}",
        *(of_key or ["none"]),
    )
