"""Histograms of one request are worked upon together, and come out as if each had come alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from collectors.component import Batch
from collectors.processors.aggregate import FACTORY as AGGREGATE
from collectors.processors.cumulativetodelta import FACTORY as TO_DELTA
from collectors.processors.deltatocumulative import FACTORY as TO_CUMULATIVE
from collectors.processors.interval import FACTORY as INTERVAL
from collectors.testing import MemoryMeter
from collectors.testing.samples import START_NS, text
from tests.metric_fleet import batch_of, everything, make, run

SECOND = 1_000_000_000
DELTA, CUMULATIVE = 1, 2
STEPS = {
    "interval": (INTERVAL, {"interval": "25s"}, DELTA),
    "cumulativetodelta": (TO_DELTA, {"initial_value": "keep"}, CUMULATIVE),
    "deltatocumulative": (TO_CUMULATIVE, {}, DELTA),
    "aggregate of totals": (AGGREGATE, {"drop": ["kind"], "interval": "25s"}, CUMULATIVE),
    "aggregate of deltas": (AGGREGATE, {"drop": ["kind"], "interval": "25s"}, DELTA),
}
Point = HistogramDataPoint | ExponentialHistogramDataPoint


def fill(point: Point, dice: random.Random, turn: int, events: int) -> None:
    """Some events; now and then with other buckets, late, twice, or begun again."""
    late = dice.choice((0, 0, 0, 0, 5))
    point.time_unix_nano = START_NS + (turn * 10 - late) * SECOND + dice.choice((0, 1))
    begun = dice.choice((0, 0, 0, turn * 10 - 1))
    point.start_time_unix_nano = dice.choice((0, START_NS + begun * SECOND))
    point.attributes.append(text("kind", dice.choice(("a", "b"))))
    events = dice.choice((events, events, events, 1))
    point.count, point.sum, point.min, point.max = 2 * events, events / 4, 1.0, events
    point.flags = dice.choice((0, 0, 0, 0, 0, 1))
    if isinstance(point, HistogramDataPoint):
        point.explicit_bounds.extend(dice.choice(((1.0,), (1.0,), (1.0,), (2.0,))))
        point.bucket_counts.extend((events, events))
    else:
        point.scale = dice.choice((2, 2, 2, 1, 99))
        point.positive.offset = dice.choice((4, 4, 300))
        point.positive.bucket_counts.extend((events, 0, events))


def request(dice: random.Random, turn: int, temporality: int) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    for name in ("histogram", "exponential_histogram"):
        data = getattr(scope.metrics.add(name=name), name)
        data.aggregation_temporality = temporality
        for step in range(1 + dice.randrange(5)):  # a turn without any would not tick if cut
            fill(data.data_points.add(), dice, turn, 3 * turn + step)
    return message


def one_by_one(message: ExportMetricsServiceRequest) -> Iterator[ExportMetricsServiceRequest]:
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data") or ""
                for point in getattr(metric, kind).data_points:
                    alone = ExportMetricsServiceRequest()
                    into = alone.resource_metrics.add().scope_metrics.add().metrics.add()
                    into.CopyFrom(metric)
                    del getattr(into, kind).data_points[:]
                    getattr(into, kind).data_points.append(point)
                    yield alone


@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("name", STEPS)
@given(st.integers(0, 2**32))
def test_points_of_one_request_come_out_as_if_each_had_come_alone(name: str, seed: int) -> None:
    dice, (factory, raw, temporality) = random.Random(seed), STEPS[name]
    together, alone = list[Batch](), list[Batch]()
    for turn in range(1, 7):
        message = request(dice, turn, temporality)
        together.append(batch_of(message, turn))
        alone += [batch_of(part, turn) for part in one_by_one(message)]
    meters = MemoryMeter(), MemoryMeter()

    outs = [
        run(make(factory, raw, meter), batches)  # type: ignore[arg-type]  # each has its own words
        for meter, batches in zip(meters, (together, alone), strict=True)
    ]

    assert everything(outs[0]) == everything(outs[1])
    assert meters[0].counts == meters[1].counts


def test_a_total_of_other_buckets_begins_where_the_one_before_ends() -> None:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="h")
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for turn, bound in enumerate((1.0, 2.0, 2.0, 1.0), 1):
        point = metric.histogram.data_points.add(count=1, time_unix_nano=START_NS + 10 * turn)
        point.start_time_unix_nano = START_NS
        point.explicit_bounds.append(bound)
        point.bucket_counts.extend((1, 0))

    (out,) = run(make(TO_CUMULATIVE, {}), [batch_of(message, 1)])

    of = ExportMetricsServiceRequest.FromString(out.payload).resource_metrics[0].scope_metrics[0]
    points = of.metrics[0].histogram.data_points
    assert [point.count for point in points] == [1, 1, 2, 1]
    starts = [point.start_time_unix_nano - START_NS for point in points]
    assert starts == [0, 10, 10, 30]
