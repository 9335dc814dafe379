"""Limits change no sum, and how requests are cut or interrupted changes no ruling."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
)

from collectors.component import Batch, Context, Processor, Signal
from collectors.graph import Ledger, PipelineMeter
from collectors.processors.cardinality import FACTORY
from collectors.processors.cumulativetodelta import FACTORY as TO_DELTA
from collectors.testing import MemoryMeter
from collectors.testing.samples import START_NS, text
from collectors.wire.points import digests
from collectors.wire.points_kernel import compiled_points, twin_points
from collectors.wire.scan import locate
from collectors.wire.split import split
from tests.metric_fleet import batch_of as report_of
from tests.metric_fleet import label, life, make, parsed, points_of, run

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
SECOND = 1_000_000_000
OVERFLOW = "otel.metric.overflow"
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=6, deadline=None)
BOUNDS = (1.0, 5.0)

RULES: dict[str, dict[str, object]] = {
    "series": {"max_series": 4, "interval": "25s"},
    "series, with protection": {"max_series": 3, "protect": ["outcome"]},
    "values": {"max_values": 3, "interval": "5s"},
    "values that go": {"attributes": {"user": 2}, "action": "drop_attribute", "max_series": 6},
    "several attributes that go": {
        "max_values": 2,
        "action": "drop_attribute",
        "metrics": {"cost": {"action": "overflow"}, "depth": {"max_series": 2}},
    },
    "short memory": {
        "max_series": 3,
        "max_values": 2,
        "max_stale": "20s",
        "gauge_lookback": "20s",
        "action": "drop_attribute",
    },
}


def fleet(seed: int, rounds: int = 8) -> tuple[list[Batch], Counter[tuple[str, str]]]:
    """Totals, doubles, histograms and gauges of many label sets, and what is true by outcome."""
    dice = random.Random(seed)
    truth: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str, str]] = Counter()
    buckets: dict[tuple[str, str, str], list[int]] = {}
    batches: list[Batch] = []
    for turn in range(rounds):
        for _ in range(dice.randrange(1, 7)):
            user, route = str(dice.randrange(12)), dice.choice("ab")
            labels = (user, route, dice.choice(("good", "bad")))
            more, place = dice.randrange(1, 9), dice.randrange(3)
            held[labels] += more
            buckets.setdefault(labels, [0, 0, 0])[place] += more
            truth["events", labels[2]] += more
            truth[f"duration {place}", labels[2]] += more
        batches.append(_report(held, buckets, turn))
    return batches, truth


def _report(
    held: Counter[tuple[str, str, str]], buckets: dict[tuple[str, str, str], list[int]], turn: int
) -> Batch:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(text("service.instance.id", "one"))
    scope = resource.scope_metrics.add()
    counts, costs = scope.metrics.add(name="events"), scope.metrics.add(name="cost")
    for metric in (counts, costs):
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, CUMULATIVE
    times, depth = scope.metrics.add(name="duration"), scope.metrics.add(name="depth")
    times.histogram.aggregation_temporality = CUMULATIVE
    steady = (turn + 1) * 10 * SECOND
    for (user, route, outcome), total in held.items():
        common = {
            "attributes": [text("user", user), text("route", route), text("outcome", outcome)],
            "start_time_unix_nano": START_NS + 1,
            "time_unix_nano": START_NS + steady,
        }
        counts.sum.data_points.add(**common, as_int=total)
        costs.sum.data_points.add(**common, as_double=total / 8)
        depth.gauge.data_points.add(**common, as_double=total % 5)
        counted = buckets[user, route, outcome]
        times.histogram.data_points.add(
            **common, count=total, sum=total / 4, bucket_counts=counted, explicit_bounds=BOUNDS
        )
    items = sum(1 for _ in points_of(request))
    wall = START_NS + (0 if turn == 0 else steady)
    return Batch(Signal.METRICS, request.SerializeToString(), items, Context(), steady, wall)


@FEW
@pytest.mark.parametrize("name", [of for of in RULES if of != "short memory"])
@given(SEEDS)
def test_sums_over_all_series_are_what_they_are_without_limits(name: str, seed: int) -> None:
    batches, truth = fleet(seed)

    newest = newest_of(run(make(FACTORY, RULES[name]), batches))

    protects = "protect" in RULES[name]
    found: Counter[tuple[str, str]] = Counter()
    for metric, outcome, counted in newest:
        by = outcome if protects else ""
        if metric.name == "events":
            found["events", by] += counted.as_int
        elif metric.name == "duration":
            for place, of in enumerate(counted.bucket_counts):  # type: ignore[attr-defined]
                found[f"duration {place}", by] += of
    wanted: Counter[tuple[str, str]] = Counter()
    for (what, outcome), count in truth.items():
        wanted[what, outcome if protects else ""] += count
    assert found == +wanted


def newest_of(batches: list[Batch]) -> list[tuple[Metric, str, NumberDataPoint]]:
    newest: dict[str, tuple[Metric, str, NumberDataPoint]] = {}
    for request in parsed(batches):
        for _, metric, point in points_of(request):
            labels = sorted(str(of) for of in point.attributes)
            newest[f"{metric.name} {labels}"] = metric, label(point, "outcome"), point
    return list(newest.values())


@FEW
@pytest.mark.parametrize("name", [of for of in RULES if of != "short memory"])
@given(SEEDS)
def test_no_metric_has_more_series_than_it_may(name: str, seed: int) -> None:
    rule = RULES[name]
    out = run(make(FACTORY, rule), fleet(seed)[0])

    series: dict[str, set[str]] = {}
    for metric, _, point in newest_of(out):
        if not _overflows(point):
            series.setdefault(metric.name, set()).add(str(point.attributes))
    most = rule.get("max_series", 10_000)
    assert all(len(of) <= most for of in series.values())  # type: ignore[operator]
    assert series


def _overflows(point: NumberDataPoint) -> bool:
    return any(of.key == OVERFLOW for of in point.attributes)


@FEW
@pytest.mark.parametrize("name", RULES)
@given(SEEDS)
def test_a_restart_anywhere_changes_no_byte(name: str, seed: int) -> None:
    batches, _ = fleet(seed)
    whole = run(make(FACTORY, RULES[name]), batches)
    cut = random.Random(seed).randrange(len(batches) + 1)
    first, second = make(FACTORY, RULES[name]), make(FACTORY, RULES[name])

    before = run(first, batches[:cut], ends=False)
    second.restore(first.snapshot())

    assert before + run(second, batches[cut:]) == whole


@FEW
@pytest.mark.parametrize("name", RULES)
@given(SEEDS)
def test_requests_that_are_cut_are_ruled_alike(name: str, seed: int) -> None:
    dice, (batches, _) = random.Random(seed), fleet(seed)
    changed = [part for of in batches for part in _cut(of, dice)]

    whole, parts = (run(make(FACTORY, RULES[name]), of) for of in (batches, changed))

    assert points_told(parts) == points_told(whole)


def points_told(batches: list[Batch]) -> list[str]:
    return sorted(
        f"{metric.name}|{point}"
        for request in parsed(batches)
        for _, metric, point in points_of(request)
    )


def _cut(batch: Batch, dice: random.Random) -> list[Batch]:
    halves = split(Signal.METRICS, batch.payload) if dice.random() < 0.7 else None
    if halves is None:
        return [batch]
    parts = [
        dataclasses.replace(
            batch,
            payload=half,
            items=sum(1 for _ in points_of(ExportMetricsServiceRequest.FromString(half))),
        )
        for half in halves
    ]
    return [part for half in parts for part in _cut(half, dice)]


@FEW
@pytest.mark.parametrize("name", [*RULES, "little room", "deltas"])
@given(SEEDS)
def test_every_point_is_accounted_for_after_every_step(name: str, seed: int) -> None:
    ledger = Ledger()
    meter = PipelineMeter(ledger, MemoryMeter())
    rule = RULES.get(name, {"max_series": 2, "max_streams": 5})
    processor: Processor = make(FACTORY, rule, meter)
    batches = fleet(seed)[0]
    if name == "deltas":
        reports, _ = life(seed, lies=True)
        given_ = [report_of(of, turn) for turn, of in enumerate(reports)]
        batches = run(make(TO_DELTA, {"initial_value": "keep"}), given_)

    def out(batch: Batch) -> None:
        ledger.out += batch.items

    for batch in batches:
        deadline = processor.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            processor.tick(batch.steady_ns, out)
            assert ledger.imbalance(processor.held_items()) == 0
        ledger.entered += batch.items
        processor.step(batch, out)
        assert ledger.imbalance(processor.held_items()) == 0


@given(st.binary(max_size=60), st.data())
def test_both_readers_digest_alike(payload: bytes, data: st.DataObject) -> None:
    places = st.integers(0, len(payload))
    pairs = data.draw(st.lists(st.tuples(places, places, SEEDS), max_size=5))
    spots = np.array([sorted((one, two)) for one, two, _ in pairs], np.int64).reshape(-1, 2)
    salt = np.array([[seed, seed ^ 7] for *_, seed in pairs], np.uint64).reshape(-1, 2)
    scanned = locate(Signal.METRICS, payload, 0)

    twin = digests(scanned, spots, salt, twin_points())

    compiled = compiled_points()
    assert compiled is None or (digests(scanned, spots, salt, compiled) == twin).all()
    with pytest.raises(ValueError, match="inside"):
        digests(scanned, np.array([[0, len(payload) + 1]]), np.zeros((1, 2), np.uint64))
