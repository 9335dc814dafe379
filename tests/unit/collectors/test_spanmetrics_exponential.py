"""`spanmetrics` with exponential histograms: as OTLP has them, and refused where none can be."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, Metric

from collectors.component import Batch, Context, Processor, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.connectors.spanmetrics import FACTORY, SpanMetricsConfig
from collectors.counting import OVERFLOWED, series_bytes
from collectors.graph import unpack
from collectors.prom.values import exponential
from collectors.testing import MemoryMeter, settings
from collectors.testing.samples import text

MILLI, SECOND = 1_000_000, 1_000_000_000
WALL = 1_700_000_000 * SECOND
CONFIG = """\
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:4317"}}}
connectors:
  spanmetrics:
    histogram:
      unit: s
      explicit: {buckets: [1s]}
      exponential: {max_size: 20}
exporters:
  debug:
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics]}
    metrics: {receivers: [spanmetrics], exporters: [debug]}
"""


def make(histogram: dict[str, object] | None = None, **config: object) -> Processor:
    config["histogram"] = {"exponential": {}, **(histogram or {})}
    return FACTORY.create(SpanMetricsConfig.model_validate(config), settings(Path("unused")))


def batch(took: Sequence[int], at_seconds: int = 1) -> Batch:
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.append(text("service.name", "shop"))
    scope = of.scope_spans.add()
    for number, of_span in enumerate(took, 1):
        scope.spans.add(
            name="work",
            trace_id=b"t" * 16,
            span_id=bytes([number] * 8),
            start_time_unix_nano=WALL,
            end_time_unix_nano=WALL + of_span,
        )
    wall = WALL + at_seconds * SECOND
    payload = request.SerializeToString()
    return Batch(Signal.TRACES, payload, len(took), Context(), at_seconds * SECOND, wall)


def step(connector: Processor, took: Sequence[int], at_seconds: int = 1) -> None:
    out: list[Batch] = []
    connector.step(batch(took, at_seconds), out.append)
    assert not out


def flush(connector: Processor) -> tuple[Metric, Metric]:
    due = connector.next_deadline()
    assert due is not None
    out: list[Batch] = []
    connector.tick(due, out.append)
    (made,) = out
    assert made.items == 2
    request = ExportMetricsServiceRequest.FromString(made.payload)
    calls, duration = request.resource_metrics[0].scope_metrics[0].metrics
    return calls, duration


def point(connector: Processor) -> ExponentialHistogramDataPoint:
    (found,) = flush(connector)[1].exponential_histogram.data_points
    return found


def test_the_point_says_what_otlp_says_of_an_exponential_histogram() -> None:
    connector = make(exemplars={"enabled": True, "max_per_data_point": 1})

    step(connector, [0, MILLI, 2 * MILLI, 3 * MILLI, 4 * MILLI, 1024 * MILLI])
    _, metric = flush(connector)

    assert (metric.name, metric.unit) == ("traces.span.metrics.duration", "ms")
    assert metric.exponential_histogram.aggregation_temporality == 2
    (found,) = metric.exponential_histogram.data_points
    keys = [item.key for item in found.attributes]
    assert keys == ["service.name", "span.name", "span.kind", "status.code"]
    assert (found.count, found.zero_count, found.zero_threshold) == (6, 1, 0)
    assert (found.sum, found.min, found.max) == (1034.0, 0.0, 1024.0)
    assert (found.start_time_unix_nano, found.time_unix_nano) == (WALL + SECOND, WALL + 61 * SECOND)
    # Ten doublings, and 160 buckets at the most: 8 to a doubling, since 1 ms ends the one before.
    assert (found.scale, found.positive.offset) == (3, -1)
    filled = {
        found.positive.offset + at: count
        for at, count in enumerate(found.positive.bucket_counts)
        if count
    }
    assert filled == {-1: 1, 7: 1, 12: 1, 15: 1, 79: 1}  # 3 ms: log2(3) * 8 = 12.68
    assert not found.negative.bucket_counts
    (exemplar,) = found.exemplars
    assert (exemplar.as_double, exemplar.span_id) == (1024.0, b"\x06" * 8)


def test_the_unit_moves_the_buckets_and_nothing_else() -> None:
    connector = make({"unit": "s", "exponential": {"max_size": 2}})

    step(connector, [SECOND // 2, SECOND, 2 * SECOND])
    _, metric = flush(connector)

    assert metric.unit == "s"
    (found,) = metric.exponential_histogram.data_points
    assert (found.scale, found.positive.offset) == (-1, -1)
    assert list(found.positive.bucket_counts) == [2, 1]  # (1/4, 1] and (1, 4]
    assert (found.sum, found.min, found.max) == (3.5, 0.5, 2.0)


def test_delta_begins_with_the_finest_scale_after_each_flush() -> None:
    connector = make(aggregation_temporality="AGGREGATION_TEMPORALITY_DELTA")

    step(connector, [1, 60 * SECOND])
    first = point(connector)
    step(connector, [MILLI], at_seconds=100)
    _, metric = flush(connector)

    assert metric.exponential_histogram.aggregation_temporality == 1
    (second,) = metric.exponential_histogram.data_points
    assert (first.count, second.count) == (2, 1)
    assert first.scale < second.scale == 20
    assert (second.positive.offset, list(second.positive.bucket_counts)) == (-1, [1])
    assert second.start_time_unix_nano == WALL + 100 * SECOND


def test_a_restart_in_between_is_not_seen() -> None:
    whole, before, after = make(), make(), make()

    step(whole, [0, MILLI, 5 * SECOND])
    step(before, [0, MILLI])
    after.restore(before.snapshot())
    step(after, [5 * SECOND])

    assert after.snapshot() == whole.snapshot()
    assert flush(after) == flush(whole)


def test_the_state_of_histograms_with_bounds_is_what_it_was() -> None:
    connector = make({"exponential": None, "explicit": {"buckets": ["2ms", "1s"]}})
    step(connector, [MILLI, 2 * SECOND])

    state = unpack(connector.snapshot())
    table = unpack(state["durations"])

    assert json.loads(state["words"])["durations"][1] == [2 * MILLI, SECOND]
    assert set(table) == {"words", "counts", "seen"}
    assert np.frombuffer(table["counts"], np.int64).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"exponential": None},
        {"exponential": {"max_size": 161}},
        {"unit": "s"},
        {"exponential": None, "explicit": {"buckets": [f"{bound}ms" for bound in range(1, 160)]}},
    ],
)
def test_other_buckets_begin_the_histogram_anew_both_ways(other: dict[str, object]) -> None:
    for first, then in ((None, other), (other, None)):
        before, after = make(first), make(then)
        step(before, [MILLI])

        after.restore(before.snapshot())
        step(after, [MILLI])
        calls, metric = flush(after)

        assert calls.sum.data_points[0].as_int == 2
        counts = [of.count for of in metric.histogram.data_points]
        counts += [of.count for of in metric.exponential_histogram.data_points]
        assert counts == [1]


def test_the_widest_that_can_be_is_shown_to_prometheus() -> None:
    connector = make({"exponential": {"max_size": 10_000}})

    step(connector, [1, 2**63 - WALL])
    found = point(connector)
    shown = exponential(found)

    assert len(found.positive.bucket_counts) <= 10_000
    assert shown is not None
    assert (shown.count, sum(shown.positive.values())) == (2, 2)


def problems(config: str) -> list[tuple[int, str]]:
    """Line and text of each."""
    _, found = load([Text("c", config)], Surroundings({}, lambda path: path), Registry.installed())
    return [(of.place.line, of.text) for of in found if of.place is not None]


def test_the_buckets_are_told_that_nobody_chose() -> None:
    def kinds(histogram: dict[str, object]) -> tuple[bool, bool]:
        of = SpanMetricsConfig.model_validate({"histogram": histogram}).histogram
        return of.explicit is not None, of.exponential is not None

    assert kinds({}) == kinds({"exponential": None}) == kinds({"explicit": {}}) == (True, False)
    assert kinds({"exponential": {}}) == (False, True)


def test_explicit_and_exponential_together_are_refused_where_they_stand() -> None:
    ((line, words),) = problems(CONFIG)

    assert line == 7
    assert words.startswith("histogram.explicit is given with exponential")
    assert problems(CONFIG.replace("      explicit: {buckets: [1s]}\n", "")) == []


@pytest.mark.parametrize("size", ["1", "0", "-5", "10001", "many", "2.5"])
def test_a_size_that_cannot_be_is_refused_where_it_stands(size: str) -> None:
    config = CONFIG.replace("      explicit: {buckets: [1s]}\n", "").replace("20}", f"{size}}}")

    ((line, words),) = problems(config)

    assert line == 7
    assert words.startswith("histogram.exponential.max_size must be")


def of_services(*services: str, at_seconds: int = 1) -> Batch:
    """A span of a millisecond from each service."""
    request = ExportTraceServiceRequest()
    for service in services:
        one = ExportTraceServiceRequest.FromString(batch([MILLI]).payload).resource_spans[0]
        one.resource.attributes[0].value.string_value = service
        request.resource_spans.append(one)
    payload, steady = request.SerializeToString(), at_seconds * SECOND
    return Batch(Signal.TRACES, payload, len(services), Context(), steady, WALL + steady)


def durations(connector: Processor) -> dict[tuple[str, bool], int]:
    """Count of each series by service, and whether it is an overflow series."""
    out: list[Batch] = []
    connector.tick(connector.next_deadline() or 0, out.append)
    return {
        (of.resource.attributes[0].value.string_value, is_overflow(point)): point.count
        for made in out
        for of in ExportMetricsServiceRequest.FromString(made.payload).resource_metrics
        for metric in of.scope_metrics[0].metrics
        for point in metric.exponential_histogram.data_points
    }


def is_overflow(point: ExponentialHistogramDataPoint) -> bool:
    return any(of.key == "otel.metric.overflow" for of in point.attributes)


def test_buckets_of_all_resources_have_one_bound_and_what_is_beyond_is_counted() -> None:
    histogram = {"exponential": {"max_size": 20, "max_bytes": 2 * series_bytes(20) + 1}}
    config = SpanMetricsConfig.model_validate({"histogram": histogram})
    meter = MemoryMeter()
    around = dataclasses.replace(settings(Path("unused")), meter=meter)
    whole, first, second = (FACTORY.create(config, around) for _ in range(3))
    batches = [of_services("a", "b", "c"), of_services("c", "a", "d", at_seconds=2)]
    for given in batches:
        whole.step(given, lambda _: None)

    assert meter.total(OVERFLOWED, metric="traces.span.metrics.duration") == 3
    first.step(batches[0], lambda _: None)
    second.restore(first.snapshot())
    second.step(batches[1], lambda _: None)
    assert second.snapshot() == whole.snapshot()
    assert durations(whole) == {
        ("a", False): 2, ("b", False): 1, ("c", True): 2, ("d", True): 1
    }  # fmt: skip


def test_a_series_that_goes_leaves_its_room_to_another() -> None:
    histogram = {"exponential": {"max_size": 20, "max_bytes": series_bytes(20)}}
    connector = make(histogram, series_expiration="30s")
    connector.step(of_services("a", at_seconds=1), lambda _: None)
    connector.step(of_services("b", at_seconds=50), lambda _: None)
    assert durations(connector) == {("b", True): 1}

    connector.step(of_services("c", at_seconds=100), lambda _: None)

    assert durations(connector) == {("c", False): 1}


def test_a_bound_below_one_series_is_refused_where_it_stands() -> None:
    config = CONFIG.replace("      explicit: {buckets: [1s]}\n", "")

    ((line, words),) = problems(config.replace("20}", "20, max_bytes: 199}"))

    assert line == 7
    assert "must hold one series, which takes 200 bytes, got 199" in words
