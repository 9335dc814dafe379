"""Metrics that are aggregated tell the truth, however they are cut, ordered, and interrupted."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import Batch, Processor, Signal
from collectors.graph import Ledger, PipelineMeter
from collectors.processors.aggregate import FACTORY as AGGREGATE
from collectors.processors.cumulativetodelta import FACTORY as TO_DELTA
from collectors.processors.deltatocumulative import FACTORY as TO_CUMULATIVE
from collectors.processors.interval import FACTORY as INTERVAL
from collectors.testing import MemoryMeter
from collectors.wire.split import split
from tests.metric_fleet import (
    Truth,
    batch_of,
    everything,
    label,
    life,
    make,
    parsed,
    points_of,
    run,
)

SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=12, deadline=None)
Maker = Callable[[], Processor]

MAKERS: dict[str, Maker] = {
    "interval": lambda: make(INTERVAL, {"interval": "25s"}),
    "cumulativetodelta": lambda: make(TO_DELTA, {}),
    "deltatocumulative": lambda: make(TO_CUMULATIVE, {}),
    "aggregate": lambda: make(
        AGGREGATE,
        {"drop": ["kind"], "drop_resource": ["service.instance.id"], "interval": "25s"},
    ),
    "aggregate that forgets": lambda: make(
        AGGREGATE,
        {"keep": [], "interval": "15s", "max_stale": "20s", "gauge_lookback": "20s"},
    ),
}


def batches_of(name: str, seed: int, *, lies: bool = True) -> list[Batch]:
    reports, _ = life(seed, lies=lies)
    batches = [batch_of(of, turn) for turn, of in enumerate(reports)]
    if name in ("deltatocumulative", "interval of deltas"):
        return run(make(TO_DELTA, {"initial_value": "keep"}), batches)
    return batches


@FEW
@pytest.mark.parametrize("name", MAKERS)
@given(SEEDS)
def test_a_restart_anywhere_changes_no_byte(name: str, seed: int) -> None:
    batches = batches_of(name, seed)
    whole = run(MAKERS[name](), batches)
    cut = random.Random(seed).randrange(len(batches) + 1)
    first, second = MAKERS[name](), MAKERS[name]()

    before = run(first, batches[:cut], ends=False)
    second.restore(first.snapshot())

    assert before + run(second, batches[cut:]) == whole


@FEW
@pytest.mark.parametrize("name", MAKERS)
@given(SEEDS)
def test_requests_that_are_cut_or_shuffled_give_the_same_points(name: str, seed: int) -> None:
    dice, batches = random.Random(seed), batches_of(name, seed, lies=False)
    changed = [part for of in batches for part in cut(shuffled(of, dice), dice)]

    assert everything(run(MAKERS[name](), changed)) == everything(run(MAKERS[name](), batches))


def shuffled(batch: Batch, dice: random.Random) -> Batch:
    request = ExportMetricsServiceRequest.FromString(batch.payload)
    resources = list(request.resource_metrics)
    dice.shuffle(resources)
    del request.resource_metrics[:]
    request.resource_metrics.extend(resources)
    return dataclasses.replace(batch, payload=request.SerializeToString())


def cut(batch: Batch, dice: random.Random) -> list[Batch]:
    halves = split(Signal.METRICS, batch.payload) if dice.random() < 0.7 else None
    if halves is None:
        return [batch]
    parts = [dataclasses.replace(batch, payload=half, items=count(half)) for half in halves]
    return [part for half in parts for part in cut(half, dice)]


def count(payload: bytes) -> int:
    return sum(1 for _ in points_of(ExportMetricsServiceRequest.FromString(payload)))


@FEW
@pytest.mark.parametrize("name", MAKERS)
@given(SEEDS)
def test_every_point_is_accounted_for_after_every_step(name: str, seed: int) -> None:
    makers = {
        "interval": (INTERVAL, {"interval": "25s", "max_streams": 5}),
        "cumulativetodelta": (TO_DELTA, {"max_streams": 5}),
        "deltatocumulative": (TO_CUMULATIVE, {"max_streams": 5}),
    }
    ledger = Ledger()
    meter = PipelineMeter(ledger, MemoryMeter())
    factory, raw = makers.get(name, (AGGREGATE, {"keep": ["route"], "max_streams": 9}))
    processor = make(factory, raw, meter)  # type: ignore[arg-type]  # a factory and its own words

    def out(batch: Batch) -> None:
        ledger.out += batch.items

    for batch in batches_of(name, seed):
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            processor.tick(batch.steady_ns, out)
            assert ledger.imbalance(processor.held_items()) == 0
        ledger.entered += batch.items
        processor.step(batch, out)
        assert ledger.imbalance(processor.held_items()) == 0


def summed(batches: list[Batch]) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str, int]]]:
    """Whole numbers and buckets of deltas, added up."""
    whole, buckets = Counter[tuple[str, str]](), Counter[tuple[str, str, int]]()
    for request in parsed(batches):
        for instance, metric, point in points_of(request):
            route = label(point, "route")
            if metric.name == "events":
                assert metric.sum.aggregation_temporality == 1
                assert point.as_int >= 0
                whole[instance, route] += point.as_int
            elif metric.name == "duration":
                assert metric.histogram.aggregation_temporality == 1
                for place, of in enumerate(point.bucket_counts):  # type: ignore[attr-defined]
                    buckets[instance, route, place] += of
    return whole, buckets


@FEW
@given(SEEDS)
def test_deltas_add_up_to_what_happened(seed: int) -> None:
    reports, truth = life(seed, lies=True)
    batches = [batch_of(of, turn) for turn, of in enumerate(reports)]

    for initial in ("auto", "keep"):
        whole, buckets = summed(run(make(TO_DELTA, {"initial_value": initial}), batches))
        assert whole == truth.whole
        assert buckets == +truth.buckets or {k: v for k, v in buckets.items() if v} == dict(
            truth.buckets
        )


@FEW
@given(SEEDS)
def test_deltas_of_an_interval_add_up_to_what_happened(seed: int) -> None:
    reports, truth = life(seed)
    deltas = run(
        make(TO_DELTA, {"initial_value": "keep"}),
        [batch_of(of, turn) for turn, of in enumerate(reports)],
    )

    merged = run(make(INTERVAL, {"interval": "35s"}), deltas)

    whole, buckets = summed(merged)
    assert whole == truth.whole
    assert +buckets == +truth.buckets
    assert sum(of.items for of in merged) < sum(of.items for of in deltas)


@FEW
@given(SEEDS)
def test_totals_made_of_deltas_end_at_what_happened(seed: int) -> None:
    reports, truth = life(seed, lies=True)
    deltas = run(
        make(TO_DELTA, {"initial_value": "keep"}),
        [batch_of(of, turn) for turn, of in enumerate(reports)],
    )

    totals = run(make(TO_CUMULATIVE, {}), deltas)

    last: dict[tuple[str, str], int] = {}
    for request in parsed(totals):
        for instance, metric, point in points_of(request):
            if metric.name == "events":
                key = instance, label(point, "route")
                assert metric.sum.aggregation_temporality == 2
                assert point.as_int >= last.get(key, 0)
                last[key] = point.as_int
    assert last == truth.whole


@FEW
@given(SEEDS)
def test_an_interval_loses_nothing_that_was_counted_before_a_restart(seed: int) -> None:
    reports, truth = life(seed, lies=True)
    batches = [batch_of(of, turn) for turn, of in enumerate(reports)]

    kept = run(make(INTERVAL, {"interval": "35s"}), batches)

    assert increase(kept) == truth.whole
    assert sum(of.items for of in kept) < sum(of.items for of in batches)


def increase(batches: list[Batch]) -> Counter[tuple[str, str]]:
    """What a backend makes of totals: a total that falls began again, by value or by start."""
    before: dict[tuple[str, str], tuple[int, int, int]] = {}
    found = Counter[tuple[str, str]]()
    for request in parsed(batches):
        for instance, metric, point in points_of(request):
            if metric.name != "events":
                continue
            key = instance, label(point, "route")
            start, time, value = before.get(key, (0, 0, 0))
            assert point.time_unix_nano > time, "points of a series are put out in their order"
            began_again = point.start_time_unix_nano > start or point.as_int < value
            found[key] += point.as_int - (0 if began_again else value)
            before[key] = point.start_time_unix_nano, point.time_unix_nano, point.as_int
    return found


def by_route(truth: Truth) -> Counter[str]:
    found = Counter[str]()
    for (_, route), value in truth.whole.items():
        found[route] += value
    return found


@FEW
@pytest.mark.parametrize("max_stale", ["1h", "20s"])
@given(SEEDS)
def test_a_sum_over_instances_never_falls_and_ends_at_what_happened(
    max_stale: str, seed: int
) -> None:
    reports, truth = life(seed, lies=max_stale == "1h")
    raw: dict[str, object] = {
        "drop": ["kind"],
        "drop_resource": ["service.instance.id"],
        "interval": "15s",
        "max_stale": max_stale,
        "gauge_lookback": "20s",
    }
    out = run(make(AGGREGATE, raw), [batch_of(of, turn) for turn, of in enumerate(reports)])

    values: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    costs: defaultdict[str, list[float]] = defaultdict(list)
    buckets: dict[str, list[int]] = {}
    for request in parsed(out):
        for instance, metric, point in points_of(request):
            route = label(point, "route")
            assert not instance
            assert not label(point, "kind")
            if metric.name == "events":
                values[route].append((point.time_unix_nano, point.as_int))
            elif metric.name == "cost":
                costs[route].append(point.as_double)
            elif metric.name == "duration":
                buckets[route] = list(point.bucket_counts)  # type: ignore[attr-defined]
    for listed in values.values():
        assert listed == sorted(set(listed))
        assert [of for _, of in listed] == sorted(of for _, of in listed)
    for real in costs.values():
        assert real == sorted(real)
    assert {route: listed[-1][1] for route, listed in values.items()} == by_route(truth)
    for route, found in buckets.items():
        assert found == [
            sum(of for (_, at, here), of in truth.buckets.items() if (at, here) == (route, place))
            for place in range(3)
        ]
