"""`cardinality`: what is beyond the limits is added up, and nothing else changes."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from collectors.component import Batch, Context, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.graph import ITEMS
from collectors.processors.cardinality import FACTORY, CardinalityConfig
from collectors.prom.labels import label_values
from collectors.series.counts import CARDINALITY_SERIES, CARDINALITY_VALUES, POINTS_TREATED
from collectors.testing import MemoryMeter
from collectors.testing.samples import START_NS, text
from tests.metric_fleet import make, parsed, points_of, run

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
SECOND = 1_000_000_000
Raw = dict[str, object]
OVERFLOW = "otel.metric.overflow"
ALERTS = Path(__file__).parents[3] / "alerts" / "operational" / "alerts"
PAGE = Path(__file__).parents[3] / "docs" / "fewer-metrics.md"


def problems_of(processor: str) -> list[str]:
    config = (
        "receivers:\n  otlp: {protocols: {http: }}\nprocessors:\n"
        f"  {processor}\n"
        "exporters:\n  debug:\nservice:\n  pipelines:\n    metrics: "
        "{receivers: [otlp], processors: [cardinality], exporters: [debug]}\n"
    )
    around = Surroundings({}, lambda path: path)
    _, problems = load([Text("c.yaml", config)], around, Registry.installed())
    return [str(of) for of in problems]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("max_serie: 5", "max_series"),
        ("max_series: 0", "max_series must be at least 1"),
        ("attributes: {user: 3}, protect: [user]", "attributes.user limits an attribute that"),
        ("metrics: {m: {attributes: {a: 3}}}, protect: [a]", "metrics.m.attributes.a limits"),
        ("protect: [otel.metric.overflow]", "which marks series that stand for others"),
        ("max_series: 50, max_streams: 20", "max_series of 50 cannot be reached"),
        ("max_stale: 1s", "max_stale must not be below gauge_lookback"),
        ("action: drop_attribute", "needs a limit of values"),
        ("metrics: {m: {}}", "must say something"),
        ("metrics: {m: {max_series: 10, max_values: 20}}", "max_values of 20 cannot be reached"),
        ("metrics: {m: {max_series: 10, attributes: {a: 11}}}", "attributes.a of 11 cannot be"),
        ("metrics: {m: {action: drop_attribute}}", "needs a limit of values"),
        ("metrics: {m: {max_series: 30}}, max_streams: 20, max_series: 9", "cannot be reached"),
    ],
)
def test_limits_that_contradict_each_other_are_told_at_their_place(keys: str, said: str) -> None:
    (problem,) = problems_of(f"cardinality: {{{keys}}}")

    assert said in problem
    assert "line=4" in problem


def total(name: str, value: int, second: int, began: int = 1, **labels: str) -> Metric:
    metric = Metric(name=name)
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, CUMULATIVE
    metric.sum.data_points.add(
        as_int=value,
        start_time_unix_nano=START_NS + began,
        time_unix_nano=START_NS + second * SECOND,
        attributes=[text(key.replace("_", "."), of) for key, of in labels.items()],
    )
    return metric


def gauge(name: str, value: float, second: int, **labels: str) -> Metric:
    metric = Metric(name=name)
    metric.gauge.data_points.add(
        as_double=value,
        time_unix_nano=START_NS + second * SECOND,
        attributes=[text(key.replace("_", "."), of) for key, of in labels.items()],
    )
    return metric


def batch(*metrics: Metric, second: int, tenant: str = "") -> Batch:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(text("service.name", "agent"))
    resource.scope_metrics.add().metrics.extend(metrics)
    wall = START_NS + (0 if second <= 1 else second * SECOND)
    return Batch(
        Signal.METRICS, request.SerializeToString(), len(metrics), Context(tenant=tenant),
        second * SECOND, wall,
    )  # fmt: skip


def told(batches: list[Batch]) -> dict[str, float]:
    """The newest value of each series that came out, its labels as text."""
    found: dict[str, float] = {}
    for request in parsed(batches):
        for _, metric, point in points_of(request):
            labels = sorted(
                f"{of.key}={of.value.string_value or str(of.value.bool_value).lower()}"
                for of in point.attributes
            )
            value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            found[f"{metric.name}{{{','.join(labels)}}}"] = value
    return found


def test_what_is_within_the_limits_passes_byte_for_byte() -> None:
    given = [
        batch(*(total("m", turn, turn, user=str(of)) for of in range(3)), second=turn)
        for turn in (1, 2, 3)
    ]

    assert run(make(FACTORY, {"max_series": 3}), given) == given


def test_series_beyond_the_limit_are_one_that_says_so() -> None:
    given = [
        batch(*(total("m", 10 * turn + of, turn, user=str(of)) for of in range(5)), second=turn)
        for turn in (1, 2, 30)
    ]

    out = run(make(FACTORY, {"max_series": 2}), given)

    assert told(out) == {"m{user=0}": 300, "m{user=1}": 301, f"m{{{OVERFLOW}=true}}": 909}


def test_a_gauge_that_overflows_is_the_newest_of_those_that_it_stands_for() -> None:
    given = [batch(gauge("g", of, of, user=str(of)), second=of) for of in (1, 4, 3, 2)]

    out = run(make(FACTORY, {"max_series": 1}), given)

    assert told(out) == {"g{user=1}": 1, f"g{{{OVERFLOW}=true}}": 4}


def test_protected_attributes_stay_on_what_overflows() -> None:
    given = [
        batch(
            *(
                total("m", 7, 1, user=str(of), outcome="bad" if of % 2 else "good")
                for of in range(9)
            ),
            second=1,
        )
    ]

    out = run(make(FACTORY, {"max_series": 1, "protect": ["outcome"]}), given)

    assert told(out) == {
        "m{outcome=good,user=0}": 7,
        f"m{{{OVERFLOW}=true,outcome=good}}": 28,
        f"m{{{OVERFLOW}=true,outcome=bad}}": 28,
    }


def test_only_the_attribute_with_values_too_many_is_dropped() -> None:
    given = [
        batch(*(total("m", 1, 1, user=str(of), route=f"/{of % 2}") for of in range(9)), second=1)
    ]

    out = run(make(FACTORY, {"attributes": {"user": 2}, "action": "drop_attribute"}), given)

    assert told(out) == {
        "m{route=/0,user=0}": 1,
        "m{route=/1,user=1}": 1,
        f"m{{{OVERFLOW}=true,route=/0}}": 4,
        f"m{{{OVERFLOW}=true,route=/1}}": 3,
    }


def test_what_is_left_without_an_attribute_counts_as_series_too() -> None:
    given = [batch(*(total("m", 1, 1, user=str(of), run=str(of)) for of in range(20)), second=1)]
    raw: Raw = {
        "max_series": 5,
        "attributes": {"user": 2},
        "action": "drop_attribute",
    }

    series = told(run(make(FACTORY, raw), given))

    assert len(series) == 5 + 1  # and the one for all others
    assert sum(series.values()) == 20


def test_values_are_counted_over_all_metrics_but_for_those_with_limits_of_their_own() -> None:
    names = ("a", "b", "own")
    given = [
        batch(*(total(name, 1, 1, user=f"{name}{of}") for of in range(4)), second=1)
        for name in names
    ]
    raw: Raw = {"max_values": 5, "metrics": {"own": {"attributes": {"user": 1}}}}

    series = told(run(make(FACTORY, raw), given))

    passed = Counter(of.partition("{")[0] for of in series if OVERFLOW not in of)
    assert passed == {"a": 4, "b": 1, "own": 1}


def test_a_series_that_is_silent_makes_room() -> None:
    raw: Raw = {
        "max_series": 1,
        "max_values": 1,
        "max_stale": "60s",
        "gauge_lookback": "60s",
    }
    given = [
        batch(total("m", 5, 1, user="old"), second=1),
        batch(total("m", 5, 200, began=150 * SECOND, user="new"), second=200),
    ]

    assert told(run(make(FACTORY, raw), given)) == {"m{user=old}": 5, "m{user=new}": 5}


def test_the_first_event_of_each_id_counts_however_long_its_process_lives() -> None:
    raw: Raw = {"max_series": 1, "max_stale": "60s", "gauge_lookback": "60s", "interval": "5s"}
    given = [batch(total("m", 1, 1, user="first"), total("m", 1, 1, user="second"), second=1)]
    for turn in range(2, 40):
        known = [total("m", 1, turn * 10, user=of) for of in ("first", "second")]
        given.append(batch(*known, total("m", 1, turn * 10, user=str(turn)), second=turn * 10))

    series = told(run(make(FACTORY, raw), given))

    assert series == {"m{user=first}": 1, f"m{{{OVERFLOW}=true}}": 1 + 38}


def test_a_series_that_comes_again_is_not_counted_again() -> None:
    raw: Raw = {"max_series": 1, "max_stale": "60s", "gauge_lookback": "60s", "interval": "5s"}
    seconds = (1, 2, 150, 300, 330)
    given = [
        batch(total("m", 1, of, user="first"), total("m", 7, of, user="again"), second=of)
        for of in seconds
    ]
    alone = [batch(total("m", 1, of, user="first"), second=of) for of in range(10, 140, 10)]

    out = run(make(FACTORY, raw), [*given[:2], *alone, *given[2:]])

    counted = [
        point.as_int
        for request in parsed(out)
        for *_, point in points_of(request)
        if any(of.key == OVERFLOW for of in point.attributes)
    ]
    assert counted[0] == 7
    assert counted[-1] == 0  # the series that stands for others begins anew, and so does its start


def test_what_a_flood_of_keys_took_is_given_back() -> None:
    raw: Raw = {
        "max_values": 1,
        "action": "drop_attribute",
        "max_stale": "60s",
        "gauge_lookback": "60s",
    }
    flood = [
        total("m", 1, 1, **{f"k{of}": value}) for of in range(70) for value in ("first", "second")
    ]
    given = [
        batch(*flood, second=1),
        *(
            batch(total("m", 1, 200, 150 * SECOND, user=of, route="a"), second=200)
            for of in ("first", "second")
        ),
    ]

    series = told(run(make(FACTORY, raw), given))

    assert f"m{{{OVERFLOW}=true,route=a}}" in series
    assert series[f"m{{{OVERFLOW}=true}}"] == 70


def test_a_key_of_absurd_length_is_not_kept() -> None:
    given = [batch(total("m", 1, 1, **{"k" * 10_000: "v"}), second=1)]
    processor = make(FACTORY, {"max_values": 1, "action": "drop_attribute"})

    out = run(processor, given)

    assert told(out) == {f"m{{{OVERFLOW}=true}}": 1}
    assert len(processor.snapshot()) < 10_000


def test_a_tenant_takes_no_room_from_another() -> None:
    given = [
        batch(total("m", 1, 1, user=f"{tenant}{of}"), second=1, tenant=tenant)
        for tenant in ("x", "y")
        for of in range(2)
    ]

    out = run(make(FACTORY, {"max_series": 1}), given)

    assert {of for of in told(out) if OVERFLOW not in of} == {"m{user=x0}", "m{user=y0}"}
    assert {of.context.tenant for of in out} == {"x", "y"}


def test_an_overflow_series_of_an_sdk_has_no_second_writer() -> None:
    overflowing = total("m", 3, 1)
    overflowing.sum.data_points[0].attributes.add(key=OVERFLOW).value.bool_value = True
    given = [batch(overflowing, *(total("m", 1, 1, user=str(of)) for of in range(3)), second=1)]

    out = run(make(FACTORY, {"max_series": 1}), given)

    assert told(out) == {"m{user=0}": 1, f"m{{{OVERFLOW}=true}}": 5}


def test_what_nobody_can_add_up_is_dropped_beyond_the_limit_and_counted() -> None:
    metric = Metric(name="s")
    for of in range(3):
        metric.summary.data_points.add(count=1, attributes=[text("user", str(of))])
    meter = MemoryMeter()
    request = batch(metric, second=1)
    request = Batch(
        Signal.METRICS, request.payload, 3, request.context, request.steady_ns, request.wall_ns
    )

    out = run(make(FACTORY, {"max_series": 1}, meter), [request])

    assert [of.items for of in out] == [1]
    assert meter.total(ITEMS, outcome="filtered") == 2
    assert meter.total(POINTS_TREATED, reason="not_addable") == 2


def test_series_that_cannot_be_followed_are_dropped_and_counted() -> None:
    meter = MemoryMeter()
    given = [batch(*(total("m", 1, 1, user=str(of)) for of in range(9)), second=1)]

    out = run(make(FACTORY, {"max_series": 2, "max_streams": 4}, meter), given)

    assert told(out) == {"m{user=0}": 1, "m{user=1}": 1, f"m{{{OVERFLOW}=true}}": 2}
    assert meter.total(POINTS_TREATED, reason="overflow") == 5


def test_the_worst_offenders_are_named_and_forgotten() -> None:
    meter = MemoryMeter()
    raw: Raw = {
        "max_series": 2,
        "max_values": 9,
        "top": 1,
        "max_stale": "60s",
        "gauge_lookback": "1s",
    }
    processor = make(FACTORY, raw, meter)
    few, many = total("few", 1, 1, user="a"), [total("m", 1, 1, user=str(of)) for of in range(7)]

    run(processor, [batch(few, *many, second=1)])
    first = meter.level(CARDINALITY_SERIES, processor="under_test", tenant="", metric="m")
    run(processor, [batch(few, second=200)])

    assert first == 7
    assert math.isnan(
        meter.level(CARDINALITY_SERIES, processor="under_test", tenant="", metric="m")
    )
    assert meter.level(CARDINALITY_SERIES, processor="under_test", tenant="", metric="few") == 1
    assert meter.level(CARDINALITY_VALUES, processor="under_test", tenant="", attribute="user") == 8


def test_every_key_is_told() -> None:
    told_keys = set(re.findall(r"`([a-z_]+)`", PAGE.read_text("utf-8")))

    assert set(CardinalityConfig.model_fields) <= told_keys


def test_the_alert_of_the_catalogue_selects_what_overflows() -> None:
    expression = (ALERTS / "pipeline.yaml").read_text("utf-8").partition("CardinalityOverflow")[2]
    (selector,) = re.findall(r'__name__=~"([^"]+)",(\w+)="(\w+)"', expression)[:1]
    given = [batch(*(total("mas.agent.actions", 9, 1, user=str(of)) for of in range(3)), second=1)]

    out = run(make(FACTORY, {"max_series": 1}), given)

    name, label, value = selector
    shown = [label_values(point.attributes) for of in parsed(out) for *_, point in points_of(of)]
    assert {label: value} in shown
    assert re.fullmatch(name, "mas_agent_actions_total")
