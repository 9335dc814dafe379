"""What aggregating metrics costs, at ten thousand series."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from collectors.component import Batch, Context, Processor, Signal
from collectors.processors.aggregate import FACTORY as AGGREGATE
from collectors.processors.cardinality import FACTORY as CARDINALITY
from collectors.processors.cumulativetodelta import FACTORY as TO_DELTA
from collectors.processors.deltatocumulative import FACTORY as TO_CUMULATIVE
from collectors.processors.interval import FACTORY as INTERVAL
from collectors.testing import settings
from collectors.testing.samples import START_NS, text
from collectors.wire.points import read
from collectors.wire.scan import locate

SERIES = 10_000
RESOURCES, METRICS = 50, 20
ROUNDS = 12
SECOND = 1_000_000_000
EVERY = 10 * SECOND


Kind = Literal["sum", "histogram", "exponential_histogram"]

KINDS: Final[dict[Kind, str]] = {
    "sum": "numbers",
    "histogram": "histograms of 16 buckets",
    "exponential_histogram": "exponential histograms of 40 buckets",
}


def request(turn: int, kind: Kind, *, delta: bool) -> bytes:
    """One point of each series, with five attributes: fifty processes, twenty metrics."""
    message = ExportMetricsServiceRequest()
    for process in range(RESOURCES):
        resource = message.resource_metrics.add()
        resource.resource.attributes.extend(
            [text("service.name", "agent"), text("service.instance.id", f"agent-{process}")]
        )
        scope = resource.scope_metrics.add()
        scope.scope.name = "fleet"
        for number in range(METRICS):
            metric = scope.metrics.add(name=f"mas.metric.{number}", unit="1")
            data = getattr(metric, kind)
            data.aggregation_temporality = 1 if delta else 2
            if kind == "sum":
                data.is_monotonic = True
            for label in range(SERIES // RESOURCES // METRICS):
                point = data.data_points.add(
                    start_time_unix_nano=START_NS + (turn * EVERY if delta else 0),
                    time_unix_nano=START_NS + (turn + 1) * EVERY,
                    attributes=[text(f"mas.attribute.{at}", f"value {label}") for at in range(5)],
                )
                if kind == "sum":
                    point.as_int = (turn + 1) * 7 + label
                else:
                    count(point, turn + 1, label)
    return message.SerializeToString()


def count(
    point: HistogramDataPoint | ExponentialHistogramDataPoint, times: int, label: int
) -> None:
    """Sixteen buckets with bounds, or forty that are 9 % wide: durations of a decade and a half."""
    point.sum = 3.0 * times
    if isinstance(point, HistogramDataPoint):
        point.count = 15 * times
        point.explicit_bounds.extend(range(15))
        point.bucket_counts.extend([times] * 15 + [0])
    else:
        point.count, point.scale = 40 * times, 3
        point.positive.offset = label - 20
        point.positive.bucket_counts.extend([times] * 40)


def batches(kind: Kind, *, delta: bool) -> list[Batch]:
    """Ten seconds apart."""
    return [
        Batch(
            Signal.METRICS, request(turn, kind, delta=delta), SERIES, Context(), turn * EVERY,
            START_NS + turn * EVERY,
        )
        for turn in range(ROUNDS + 1)
    ]  # fmt: skip


def spent(processor: Processor, given: list[Batch]) -> tuple[float, int]:
    """CPU seconds for all but the first request, ticks included, and points put out."""
    out: list[Batch] = []
    processor.step(given[0], out.append)
    del out[:]
    before = time.process_time()
    for batch in given[1:]:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            processor.tick(batch.steady_ns, out.append)
        processor.step(batch, out.append)
    return time.process_time() - before, sum(batch.items for batch in out)


def work(kind: Kind) -> list[tuple[str, Processor, list[Batch]]]:
    """Every step that a kind of metrics goes through, as people use it."""
    totals, deltas = (batches(kind, delta=delta) for delta in (False, True))
    without = {"drop_resource": ["service.instance.id"]}
    tight = {"max_series": SERIES // METRICS // 10, "gauge_lookback": "1s"}
    steps = [
        ("interval, 60s, totals", INTERVAL, {}, totals),
        ("interval, 60s, deltas", INTERVAL, {}, deltas),
        ("cumulativetodelta", TO_DELTA, {}, totals),
        ("deltatocumulative", TO_CUMULATIVE, {}, deltas),
        ("aggregate, 50 instances into one, totals", AGGREGATE, without, totals),
        ("aggregate, deltas", AGGREGATE, without, deltas),
        ("cardinality, all within the limits", CARDINALITY, {"max_values": 50}, totals),
        ("cardinality, nine of ten beyond", CARDINALITY, tight, totals),
    ]
    around = settings(Path("unused"))
    return [
        (name, factory.create(factory.config.model_validate(raw), around), given)
        for name, factory, raw, given in steps
    ]


def main() -> None:
    points = SERIES * ROUNDS
    for kind, told in KINDS.items():
        payload = request(0, kind, delta=False)
        print(f"aggregate: {SERIES:,} series of {told}, {len(payload) // SERIES} bytes a point")
        scanned = locate(Signal.METRICS, payload, SERIES)
        before = time.process_time()
        for _ in range(ROUNDS):
            read(scanned)
        cost = (time.process_time() - before) / points
        print(f"  read with identities: {cost * 1e9:.0f} ns a point")
        for name, processor, given in work(kind):
            cost, out = spent(processor, given)
            rate = f"{cost / points * 1e9:,.0f} ns, {points / cost:,.0f} points per CPU second"
            print(f"  {name}: {rate}, {out:,} out")


if __name__ == "__main__":
    main()
