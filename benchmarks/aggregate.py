"""What aggregating metrics costs, at ten thousand series."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
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


def request(turn: int, *, delta: bool, histograms: bool = False) -> bytes:
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
            data = metric.histogram if histograms else metric.sum
            data.aggregation_temporality = 1 if delta else 2
            if not histograms:
                metric.sum.is_monotonic = True
            for label in range(SERIES // RESOURCES // METRICS):
                point = data.data_points.add(
                    start_time_unix_nano=START_NS + (turn * EVERY if delta else 0),
                    time_unix_nano=START_NS + (turn + 1) * EVERY,
                    attributes=[text(f"mas.attribute.{at}", f"value {label}") for at in range(5)],
                )
                if histograms:
                    point.count, point.sum = 15 * (turn + 1), 3.0 * turn
                    point.explicit_bounds.extend(range(15))
                    point.bucket_counts.extend([turn + 1] * 15 + [0])
                else:
                    point.as_int = (turn + 1) * 7 + label
    return message.SerializeToString()


def batches(make: Callable[[int], bytes]) -> list[Batch]:
    """Ten seconds apart."""
    return [
        Batch(Signal.METRICS, make(turn), SERIES, Context(), turn * EVERY, START_NS + turn * EVERY)
        for turn in range(ROUNDS + 1)
    ]


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


def main() -> None:
    around = settings(Path("unused"))
    totals = batches(lambda turn: request(turn, delta=False))
    deltas = batches(lambda turn: request(turn, delta=True))
    buckets = batches(lambda turn: request(turn, delta=False, histograms=True))
    changes = batches(lambda turn: request(turn, delta=True, histograms=True))
    points = SERIES * ROUNDS
    print(f"aggregate: {SERIES:,} series, {len(totals[0].payload) // SERIES} bytes a point")
    scanned = locate(Signal.METRICS, totals[0].payload, SERIES)
    before = time.process_time()
    for _ in range(ROUNDS):
        read(scanned)
    print(f"  read with identities: {(time.process_time() - before) / points * 1e9:.0f} ns a point")
    without = {"drop_resource": ["service.instance.id"]}
    steps = {
        "interval, 60s, totals": (INTERVAL, {}, totals),
        "interval, 60s, deltas": (INTERVAL, {}, deltas),
        "cumulativetodelta": (TO_DELTA, {}, totals),
        "deltatocumulative": (TO_CUMULATIVE, {}, deltas),
        "aggregate, 50 instances into one": (AGGREGATE, without, totals),
        "interval, histograms, totals": (INTERVAL, {}, buckets),
        "interval, histograms, deltas": (INTERVAL, {}, changes),
        "cumulativetodelta, histograms": (TO_DELTA, {}, buckets),
        "aggregate, histograms": (AGGREGATE, without, buckets),
    }
    tight = {"max_series": SERIES // METRICS // 10, "gauge_lookback": "1s"}
    steps["cardinality, all within the limits"] = CARDINALITY, {"max_values": 50}, totals
    steps["cardinality, nine of ten beyond"] = CARDINALITY, tight, totals
    for name, (factory, raw, given) in steps.items():
        processor = factory.create(factory.config.model_validate(raw), around)
        cost, out = spent(processor, given)
        each = cost / points
        print(f"  {name}: {each * 1e9:,.0f} ns, {1 / each:,.0f} points per CPU second, {out:,} out")


if __name__ == "__main__":
    main()
