"""`spanmetrics` keeps the Collector's names, and its own promises about bounds and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.spanmetrics import FACTORY, SpanMetricsConfig
from collectors.connectors.spanmetrics.connector import SpanMetrics
from collectors.testing import settings
from collectors.testing.samples import text

SECOND = 1_000_000_000
MILLI = 1_000_000
WALL = 1_700_000_000 * SECOND


def make(**config: object) -> Processor:
    return FACTORY.create(SpanMetricsConfig.model_validate(config), settings(Path("unused")))


def span(name: str = "work", took_ns: int = MILLI, **more: object) -> Span:
    fields = {"kind": Span.SPAN_KIND_SERVER, "trace_id": b"t" * 16, "span_id": b"s" * 8, **more}
    return Span(name=name, start_time_unix_nano=WALL, end_time_unix_nano=WALL + took_ns, **fields)


def batch(
    spans: Sequence[Span], resource: dict[str, str] | None = None, at_seconds: int = 1
) -> Batch:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in ({"service.name": "shop"} if resource is None else resource).items():
        resource_spans.resource.attributes.append(text(key, value))
    resource_spans.scope_spans.add(spans=spans)
    payload = request.SerializeToString()
    wall = WALL + at_seconds * SECOND
    return Batch(Signal.TRACES, payload, len(spans), Context(), at_seconds * SECOND, wall)


def no_output(_: Batch) -> None:
    raise AssertionError


def flush(connector: Processor) -> ExportMetricsServiceRequest:
    due = connector.next_deadline()
    assert due is not None
    out: list[Batch] = []
    connector.tick(due, out.append)
    (batch,) = out or [Batch(Signal.METRICS, b"", 0, Context(), 0, 0)]
    request = ExportMetricsServiceRequest.FromString(batch.payload)
    points = sum(
        len(metric.sum.data_points) + len(metric.histogram.data_points)
        for metric in metrics_of(request)
    )
    assert batch.items == points
    return request


def metrics_of(request: ExportMetricsServiceRequest) -> list[Metric]:
    return [metric for of in request.resource_metrics for metric in of.scope_metrics[0].metrics]


def calls(request: ExportMetricsServiceRequest) -> dict[tuple[str, ...], int]:
    return {
        tuple(item.value.string_value for item in point.attributes): point.as_int
        for metric in metrics_of(request)
        for point in metric.sum.data_points
    }


def duration(request: ExportMetricsServiceRequest) -> HistogramDataPoint:
    (point,) = [p for metric in metrics_of(request) for p in metric.histogram.data_points]
    return point


def test_names_units_and_dimensions_are_the_collectors() -> None:
    connector = make()
    failed = span(status=Status(code=2), took_ns=3 * MILLI)

    connector.step(batch([span(), span(), failed]), no_output)
    request = flush(connector)

    counter, histogram = metrics_of(request)
    assert (counter.name, counter.sum.is_monotonic) == ("traces.span.metrics.calls", True)
    assert (histogram.name, histogram.unit) == ("traces.span.metrics.duration", "ms")
    assert counter.sum.aggregation_temporality == 2
    assert histogram.histogram.aggregation_temporality == 2
    point = counter.sum.data_points[0]
    keys = [item.key for item in point.attributes]
    assert keys == ["service.name", "span.name", "span.kind", "status.code"]
    assert calls(request) == {
        ("shop", "work", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET"): 2,
        ("shop", "work", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR"): 1,
    }
    assert (point.start_time_unix_nano, point.time_unix_nano) == (
        WALL + SECOND,
        WALL + 61 * SECOND,
    )
    (resource,) = request.resource_metrics
    assert [item.value.string_value for item in resource.resource.attributes] == ["shop"]


def test_a_span_as_long_as_a_bound_is_in_the_bucket_below() -> None:
    connector = make(
        namespace="",
        histogram={"unit": "s", "explicit": {"buckets": ["100ms", "2s"]}},
    )
    lengths = [0, 100 * MILLI, 100 * MILLI + 1, 2 * SECOND, 2 * SECOND + 1]

    connector.step(batch([span(took_ns=took) for took in lengths]), no_output)

    point = duration(flush(connector))
    assert list(point.explicit_bounds) == [0.1, 2.0]
    assert list(point.bucket_counts) == [2, 2, 1]
    assert point.sum == sum(lengths) / SECOND


def test_dimensions_come_from_the_span_then_the_resource_then_the_default() -> None:
    names = [{"name": "k"}, {"name": "r"}, {"name": "d", "default": "none"}, {"name": "gone"}]
    connector = make(
        dimensions=names,
        exclude_dimensions=["service.name", "span.kind", "status.code"],
        histogram={"disable": True},
    )
    own = span(attributes=[text("k", "span")])

    connector.step(batch([own, span()], {"k": "resource", "r": "resource"}), no_output)

    assert calls(flush(connector)) == {
        ("work", "span", "resource", "none"): 1,
        ("work", "resource", "resource", "none"): 1,
    }


def test_what_has_no_service_name_is_counted_all_the_same() -> None:
    connector = make(histogram={"disable": True})

    connector.step(batch([span(kind=77)], {}), no_output)

    assert calls(flush(connector)) == {
        ("unknown_service", "work", "SPAN_KIND_UNSPECIFIED", "STATUS_CODE_UNSET"): 1
    }


def test_beyond_the_limit_everything_is_counted_in_one_series() -> None:
    connector = make(aggregation_cardinality_limit=2, histogram={"disable": True})

    connector.step(batch([span(name) for name in "abcd"]), no_output)
    connector.step(batch([span(name) for name in "abe"], at_seconds=2), no_output)
    request = flush(connector)

    (metric,) = metrics_of(request)
    by_name = {
        point.attributes[1].value.string_value: point.as_int
        for point in metric.sum.data_points
        if len(point.attributes) > 1
    }
    (overflow,) = [point for point in metric.sum.data_points if len(point.attributes) == 1]
    assert by_name == {"a": 2, "b": 2}
    assert overflow.attributes[0].key == "otel.metric.overflow"
    assert overflow.attributes[0].value.bool_value
    assert overflow.as_int == 3


def test_resources_that_differ_in_order_or_in_other_attributes_are_one() -> None:
    connector = make(
        resource_metrics_key_attributes=["service.name", "zone"], histogram={"disable": True}
    )

    connector.step(batch([span()], {"service.name": "a", "zone": "x", "pid": "1"}), no_output)
    connector.step(batch([span()], {"pid": "2", "zone": "x", "service.name": "a"}), no_output)
    request = flush(connector)

    (resource,) = request.resource_metrics
    assert resource.resource.attributes[2].value.string_value == "1"
    assert list(calls(request).values()) == [2]


def test_the_resource_longest_without_a_span_is_let_go_first() -> None:
    connector = make(resource_metrics_cache_size=2, histogram={"disable": True})

    for at, service in enumerate(["a", "b", "a", "c"], 1):
        connector.step(batch([span()], {"service.name": service}, at_seconds=at), no_output)

    assert {key[0]: count for key, count in calls(flush(connector)).items()} == {"a": 2, "c": 1}


def test_delta_begins_anew_after_each_flush() -> None:
    connector = make(aggregation_temporality="AGGREGATION_TEMPORALITY_DELTA")
    connector.step(batch([span(), span()]), no_output)
    first = flush(connector)
    assert connector.next_deadline() is None

    connector.step(batch([span()], at_seconds=100), no_output)
    second = flush(connector)

    assert list(calls(first).values()) == [2]
    assert list(calls(second).values()) == [1]
    assert metrics_of(second)[0].sum.aggregation_temporality == 1
    assert duration(second).start_time_unix_nano == WALL + 100 * SECOND


@pytest.mark.parametrize("key", ["metrics_expiration", "series_expiration"])
def test_what_is_silent_too_long_expires_and_comes_back_with_a_new_beginning(key: str) -> None:
    connector = make(histogram={"disable": True}, **{key: "150s"})
    connector.step(batch([span()]), no_output)
    assert len(calls(flush(connector))) == 1
    assert len(calls(flush(connector))) == 1
    assert len(calls(flush(connector))) == 0
    assert connector.next_deadline() is None

    connector.step(batch([span()], at_seconds=500), no_output)

    (point,) = metrics_of(flush(connector))[0].sum.data_points
    assert (point.as_int, point.start_time_unix_nano) == (1, WALL + 500 * SECOND)


def test_exemplars_are_the_slowest_spans_since_the_last_flush() -> None:
    connector = make(exemplars={"enabled": True, "max_per_data_point": 2})
    spans = [span(took_ns=took * MILLI, span_id=bytes([took] * 8)) for took in (1, 9, 5)]
    untraced = span(took_ns=99 * MILLI, trace_id=b"")

    connector.step(batch([*spans, untraced]), no_output)
    connector.step(batch([span(took_ns=7 * MILLI, span_id=b"7" * 8)]), no_output)
    found = duration(flush(connector)).exemplars

    assert [(of.as_double, of.span_id) for of in found] == [(9.0, b"\x09" * 8), (7.0, b"7" * 8)]
    assert {of.trace_id for of in found} == {b"t" * 16}
    assert found[0].time_unix_nano == WALL + 9 * MILLI
    assert not duration(flush(connector)).exemplars


def test_when_the_past_cannot_be_proven_every_series_begins_anew() -> None:
    connector = FACTORY.create(SpanMetricsConfig(), settings(Path("unused")))
    assert isinstance(connector, SpanMetrics)
    connector.step(batch([span(), span()]), no_output)

    connector.begin_again()
    connector.step(batch([span()], at_seconds=9), no_output)
    request = flush(connector)

    assert list(calls(request).values()) == [1]
    assert duration(request).count == 1
    assert duration(request).start_time_unix_nano == WALL + 9 * SECOND


def test_other_buckets_begin_the_histogram_anew_and_leave_the_calls() -> None:
    before = make()
    before.step(batch([span()]), no_output)
    after = make(histogram={"explicit": {"buckets": ["1s"]}})

    after.restore(before.snapshot())
    after.step(batch([span()]), no_output)
    request = flush(after)

    assert list(calls(request).values()) == [2]
    assert duration(request).count == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"histogram": {"explicit": {"buckets": ["2s", "1s"]}}}, "must ascend"),
        ({"histogram": {"explicit": {"buckets": []}}}, "at least 1 item"),
        ({"dimensions": [{"name": "span.name"}]}, "is a dimension already"),
        ({"dimensions": [{"name": "k"}, {"name": "k"}]}, "dimension k is given twice"),
        ({"dimensions": [{"name": "k"}], "calls_dimensions": [{"name": "k"}]}, "k is given twice"),
        ({"metrics_flush_interval": "0s"}, "greater than 0"),
        ({"exclude_dimensions": ["k"]}, "span.kind"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(
    config: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        SpanMetricsConfig.model_validate(config)
