"""A fleet that counts, and the truth beside it: restarts, births, ends, points that come twice."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from collectors.component import (
    Batch,
    ConfigT,
    Context,
    Meter,
    Processor,
    ProcessorFactory,
    Signal,
)
from collectors.testing import settings
from collectors.testing.samples import START_NS, text

SECOND = 1_000_000_000
BOUNDS = (1.0, 5.0)
Key = tuple[str, str]
"""Instance and route."""


@dataclass
class Process:
    """One process of an agent: counters by route since it began."""

    instance: str
    began_ns: int
    whole: Counter[str] = field(default_factory=Counter[str])
    real: dict[str, float] = field(default_factory=dict[str, float])
    buckets: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def work(self, dice: random.Random, truth: Truth) -> None:
        for route in ("a", "b"):
            if not self.whole[route] or dice.random() < 0.7:
                more, cost = dice.randrange(1, 9), dice.choice((0.1, 0.2, 0.3, 1e-9))
                self.whole[route] += more
                self.real[route] = self.real.get(route, 0.0) + cost
                buckets = self.buckets.setdefault(route, [0, 0, 0])
                place = dice.randrange(3)
                buckets[place] += more
                truth.whole[self.instance, route] += more
                truth.buckets[self.instance, route, place] += more

    def report(self, request: ExportMetricsServiceRequest, now_ns: int) -> None:
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(
            [text("service.name", "agent"), text("service.instance.id", self.instance)]
        )
        scope = resource.scope_metrics.add()
        scope.scope.name = "fleet"
        counts = scope.metrics.add(name="events", unit="1", description="what happened")
        counts.sum.is_monotonic, counts.sum.aggregation_temporality = True, 2
        costs = scope.metrics.add(name="cost", unit="s")
        costs.sum.is_monotonic, costs.sum.aggregation_temporality = True, 2
        times = scope.metrics.add(name="duration")
        times.histogram.aggregation_temporality = 2
        depth = scope.metrics.add(name="depth")
        for route, total in self.whole.items():
            common = {
                "attributes": [text("route", route), text("kind", "x")],
                "start_time_unix_nano": self.began_ns,
                "time_unix_nano": now_ns,
            }
            counts.sum.data_points.add(**common, as_int=total)
            costs.sum.data_points.add(**common, as_double=self.real[route])
            depth.gauge.data_points.add(**common, as_int=total % 7)
            buckets = self.buckets[route]
            times.histogram.data_points.add(
                **common, count=sum(buckets), sum=total / 4, bucket_counts=buckets,
                explicit_bounds=BOUNDS,
            )  # fmt: skip


@dataclass
class Truth:
    """All that happened, whoever lived to tell."""

    whole: Counter[Key] = field(default_factory=Counter[Key])
    buckets: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])


def life(
    seed: int, rounds: int = 12, *, lies: bool = False
) -> tuple[list[ExportMetricsServiceRequest], Truth]:
    """Reports of a fleet, ten seconds apart, and what is true.

    With `lies`, some reports come again later. Every process reports before it ends, so that
    whoever adds up right has the whole truth.
    """
    dice, truth = random.Random(seed), Truth()
    reports: list[ExportMetricsServiceRequest] = []
    fleet = [Process(str(number), START_NS + 1) for number in range(3)]
    for turn in range(rounds):
        now_ns = START_NS + (turn + 1) * 10 * SECOND
        request = ExportMetricsServiceRequest()
        for place in range(len(fleet)):
            if turn and dice.random() < 0.2:
                fleet[place] = Process(fleet[place].instance, now_ns - 5 * SECOND)
            process = fleet[place]
            process.work(dice, truth)
            process.report(request, now_ns)
        if dice.random() < 0.2:
            fleet.append(Process(f"new {turn}", now_ns + 1))
        if len(fleet) > 2 and dice.random() < 0.2:
            fleet.pop(dice.randrange(len(fleet)))
        if lies and reports and dice.random() < 0.4:
            request.MergeFrom(dice.choice(reports))
        reports.append(request)
    return reports, truth


def batch_of(request: ExportMetricsServiceRequest, turn: int, tenant: str = "") -> Batch:
    """The report of a turn as the collector took it; the first one a little after its begin."""
    steady = (turn + 1) * 10 * SECOND
    return Batch(
        Signal.METRICS,
        request.SerializeToString(),
        sum(1 for _ in points_of(request)),
        Context(tenant=tenant, peer=f"127.0.0.1:{turn}"),
        steady,
        START_NS + (0 if turn == 0 else steady),
    )


def points_of(
    request: ExportMetricsServiceRequest,
) -> Iterator[tuple[str, Metric, NumberDataPoint]]:
    """Instance, metric and point of everything in a request."""
    for resource in request.resource_metrics:
        names = {of.key: of.value.string_value for of in resource.resource.attributes}
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    yield names.get("service.instance.id", ""), metric, point


def label(point: NumberDataPoint, key: str) -> str:
    """The value of an attribute; empty without."""
    return {of.key: of.value.string_value for of in point.attributes}.get(key, "")


def make(
    factory: ProcessorFactory[ConfigT], raw: dict[str, object], meter: Meter | None = None
) -> Processor:
    """A processor as the daemon makes it."""
    around = settings(Path("unused"))
    if meter is not None:
        around = dataclasses.replace(around, meter=meter)
    return factory.create(factory.config.model_validate(raw), around)


def run(processor: Processor, batches: Iterable[Batch], *, ends: bool = True) -> list[Batch]:
    """What comes out, ticks in between and at the end included."""
    out: list[Batch] = []
    for batch in batches:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            processor.tick(batch.steady_ns, out.append)
        processor.step(batch, out.append)
    while ends and (deadline := processor.next_deadline()) is not None:
        processor.tick(deadline, out.append)
    return out


def parsed(batches: Iterable[Batch]) -> list[ExportMetricsServiceRequest]:
    """Requests of batches, whose counts of items are right."""
    found: list[ExportMetricsServiceRequest] = []
    for batch in batches:
        request = ExportMetricsServiceRequest.FromString(batch.payload)
        assert batch.items == sum(1 for _ in points_of(request))
        found.append(request)
    return found


def everything(batches: Iterable[Batch]) -> list[str]:
    """All points that came out, whatever request they are in, in one order."""
    return sorted(
        f"{instance}|{metric.name}|{metric.unit}|{metric.WhichOneof('data')}|{point}"
        for request in parsed(batches)
        for instance, metric, point in points_of(request)
    )
