"""`spanmetrics` counts events and tells scopes under the names of the OpenTelemetry Collector."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.spanmetrics import FACTORY, SpanMetricsConfig
from collectors.connectors.spanmetrics.columns import EVENTS_AT_ONCE
from collectors.testing import settings
from collectors.testing.samples import text

ENABLED = {"enabled": True, "dimensions": [{"name": "exception.type"}]}
NAME, VERSION = "span.instrumentation.scope.name", "span.instrumentation.scope.version"


def make(**config: object) -> Processor:
    return FACTORY.create(SpanMetricsConfig.model_validate(config), settings(Path("unused")))


def failing(*types: str, took_ms: int = 5, number: int = 1) -> Span:
    """A span with an event for each exception."""
    return Span(
        name="work",
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        start_time_unix_nano=1,
        end_time_unix_nano=1 + took_ms * 1_000_000,
        events=[
            Span.Event(
                name="exception",
                time_unix_nano=40 + place,
                attributes=[text("exception.type", of)] if of else [],
            )
            for place, of in enumerate(types)
        ],
    )


def flush(
    connector: Processor, *spans: Span, scope: tuple[str, str] = ("", ""), host: str = "h1"
) -> list[Metric]:
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.extend([text("service.name", "shop"), text("host.name", host)])
    inner = of.scope_spans.add(spans=spans)
    inner.scope.name, inner.scope.version = scope
    payload = request.SerializeToString()
    connector.step(Batch(Signal.TRACES, payload, len(spans), Context(), 1, 1), lambda _: None)
    out: list[Batch] = []
    connector.tick(61_000_000_000, out.append)
    return [
        metric
        for batch in out
        for each in ExportMetricsServiceRequest.FromString(batch.payload).resource_metrics
        for metric in each.scope_metrics[0].metrics
    ]


def points(metrics: list[Metric], name: str) -> list[NumberDataPoint]:
    return [p for of in metrics if of.name.endswith(name) for p in of.sum.data_points]


def labels(point: NumberDataPoint) -> dict[str, str]:
    return {of.key: of.value.string_value for of in point.attributes}


def test_events_have_the_dimensions_of_their_span_and_their_own() -> None:
    connector = make(events=ENABLED)

    metrics = flush(connector, failing("Timeout", "Timeout", "OSError"), failing(""))

    found = points(metrics, ".events")
    assert [(labels(of).get("exception.type"), of.as_int) for of in found] == [
        ("Timeout", 2),
        ("OSError", 1),
        (None, 1),
    ]
    assert labels(found[0]) == {
        "service.name": "shop",
        "span.name": "work",
        "span.kind": "SPAN_KIND_UNSPECIFIED",
        "status.code": "STATUS_CODE_UNSET",
        "exception.type": "Timeout",
    }
    (metric,) = [of for of in metrics if of.name == "traces.span.metrics.events"]
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == 2


def test_without_events_no_metric_of_them_is_made() -> None:
    assert not points(flush(make(events=ENABLED), failing()), ".events")
    assert not points(flush(make(), failing("Timeout")), ".events")


def test_events_beyond_the_limit_are_in_the_overflow_series() -> None:
    connector = make(events=ENABLED, aggregation_cardinality_limit=2)

    found = points(flush(connector, failing(*"abcde")), ".events")

    assert [of.as_int for of in found] == [1, 1, 3]
    assert found[2].attributes[0].key == "otel.metric.overflow"


def test_more_events_than_are_read_at_once_are_all_counted() -> None:
    many = EVENTS_AT_ONCE + 3
    span = Span(events=[Span.Event(attributes=[text("exception.type", "Timeout")])] * many)

    (found,) = points(flush(make(events=ENABLED), span, failing()), ".events")

    assert found.as_int == many


def test_events_need_a_dimension_that_spans_do_not_have_already() -> None:
    with pytest.raises(ValidationError, match=r"must name an attribute of events"):
        make(events={"enabled": True})
    with pytest.raises(ValidationError, match=r"exception\.type is given twice"):
        make(events=ENABLED, dimensions=[{"name": "exception.type"}])
    make(events={"enabled": False})


def test_delta_events_begin_anew_after_each_flush() -> None:
    connector = make(events=ENABLED, aggregation_temporality="AGGREGATION_TEMPORALITY_DELTA")

    first = points(flush(connector, failing("Timeout", "Timeout")), ".events")
    second = points(flush(connector, failing("Timeout")), ".events")

    assert [of.as_int for of in (*first, *second)] == [2, 1]


def test_only_named_scopes_are_told_and_a_version_where_there_is_one() -> None:
    connector = make(include_instrumentation_scope=["http", "db"], events=ENABLED)

    flush(connector, failing("Timeout"), scope=("http", "1.2"))
    flush(connector, failing("Timeout"), scope=("db", ""))
    metrics = flush(connector, failing("Timeout"), scope=("other", "9"))

    told = [(NAME, "http"), (VERSION, "1.2")], [(NAME, "db")], []
    for name in (".calls", ".events"):
        found = [labels(point) for point in points(metrics, name)]
        assert [[of for of in each.items() if of[0] in (NAME, VERSION)] for each in found] == [
            *told
        ]
    with pytest.raises(ValidationError, match=r"scope\.name is given twice"):
        make(include_instrumentation_scope=["http"], dimensions=[{"name": NAME}])


def test_exemplars_of_calls_and_events_are_the_slowest_spans() -> None:
    connector = make(events=ENABLED, exemplars={"enabled": True, "max_per_data_point": 1})
    spans = [failing("Timeout", took_ms=of, number=of) for of in (3, 9, 6)]

    metrics = flush(connector, *spans)

    for name in (".calls", ".events"):
        (exemplar,) = points(metrics, name)[0].exemplars
        assert exemplar.as_double == 9.0
        assert exemplar.trace_id == (9).to_bytes(16, "big")
    assert points(metrics, ".events")[0].exemplars[0].time_unix_nano == 40


def test_without_resource_attributes_all_resources_share_their_series() -> None:
    connector = make(add_resource_attributes=False)

    flush(connector, failing(), host="h1")
    metrics = flush(connector, failing(), host="h2")

    assert [of.as_int for of in points(metrics, ".calls")] == [2]
    apart = make()
    flush(apart, failing(), host="h1")
    assert [of.as_int for of in points(flush(apart, failing(), host="h2"), ".calls")] == [1, 1]


def test_series_on_resources_are_not_continued_on_none() -> None:
    before = make()
    flush(before, failing())
    after = make(add_resource_attributes=False)
    after.restore(before.snapshot())

    assert [of.as_int for of in points(flush(after, failing()), ".calls")] == [1]


def test_what_the_collector_knows_and_this_does_not_need_is_taken() -> None:
    make(dimensions_cache_size=500, metric_timestamp_cache_size=10)
