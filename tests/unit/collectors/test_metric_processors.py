"""What the processors that aggregate metrics say of configurations, and what users rely on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.component import Batch, Context, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.processors.aggregate import FACTORY as AGGREGATE
from collectors.processors.aggregate import AggregateConfig
from collectors.processors.cumulativetodelta import FACTORY as TO_DELTA
from collectors.processors.cumulativetodelta import CumulativeToDeltaConfig
from collectors.processors.deltatocumulative import FACTORY as TO_CUMULATIVE
from collectors.processors.deltatocumulative import DeltaToCumulativeConfig
from collectors.processors.interval import FACTORY as INTERVAL
from collectors.processors.interval import IntervalConfig
from collectors.series.counts import POINTS_TREATED
from collectors.service.names import METRICS
from collectors.testing import MemoryMeter
from collectors.testing.samples import START_NS, text
from tests.metric_fleet import make, parsed, points_of, run

PAGE = (Path(__file__).parents[3] / "docs" / "fewer-metrics.md").read_text("utf-8")
SECOND = 1_000_000_000


def problems_of(processor: str) -> list[str]:
    config = (
        "receivers:\n  otlp: {protocols: {http: }}\nprocessors:\n"
        f"  {processor}\n"
        "exporters:\n  debug:\nservice:\n  pipelines:\n    metrics: "
        f"{{receivers: [otlp], processors: [{processor.partition(':')[0]}], exporters: [debug]}}\n"
    )
    around = Surroundings({}, lambda path: path)
    _, problems = load([Text("c.yaml", config)], around, Registry.installed())
    return [str(of) for of in problems]


@pytest.mark.parametrize(
    ("processor", "said"),
    [
        ("interval: {intervall: 5s}", "interval"),
        ("interval: {interval: 0s}", "interval must be above 0"),
        ("aggregate: {drop: [a], keep: [b]}", "drop and keep contradict each other"),
        ("aggregate: {gauges: sum}", "must drop something"),
        ("aggregate: {drop: [a], gauges: median}", "mean"),
        ("aggregate: {drop: [a], max_stale: 1s}", "max_stale must not be below gauge_lookback"),
        ("cumulativetodelta: {include: {metrics: [a]}}", "need each other"),
        ("cumulativetodelta: {include: {match_type: strict}}", "must name metrics or metric_types"),
        (
            "cumulativetodelta: {include: {metrics: ['('], match_type: regexp}}",
            "must be a regular expression",
        ),
        (
            "cumulativetodelta: {include: {metric_types: [sum]}, exclude: {metric_types: [sum]}}",
            "include and exclude are the same",
        ),
        ("cumulativetodelta: {initial_value: some}", "auto"),
        ("deltatocumulative: {max_streams: 0}", "max_streams must be at least 1"),
    ],
)
def test_a_wrong_configuration_is_told_at_its_place(processor: str, said: str) -> None:
    (problem,) = problems_of(processor)

    assert said in problem
    assert "line=4" in problem


def test_the_example_of_the_page_is_a_configuration_without_a_warning() -> None:
    example, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    _, problems = load(
        [Text("docs", example)], Surroundings({}, lambda path: path), Registry.installed()
    )

    assert problems == []


def test_every_key_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))

    for config in (
        AggregateConfig,
        CumulativeToDeltaConfig,
        DeltaToCumulativeConfig,
        IntervalConfig,
    ):
        assert set(config.model_fields) <= told, config
    assert POINTS_TREATED in METRICS
    assert POINTS_TREATED in PAGE


def batch(metric: Metric, second: int, tenant: str = "", instance: str = "1") -> Batch:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(text("service.instance.id", instance))
    resource.scope_metrics.add().metrics.append(metric)
    steady = second * SECOND
    count = sum(1 for _ in points_of(request))
    context = Context(tenant=tenant)
    return Batch(
        Signal.METRICS, request.SerializeToString(), count, context, steady, START_NS + steady
    )


def gauge(value: float, second: int, **labels: str) -> Metric:
    metric = Metric(name="depth")
    metric.gauge.data_points.add(
        as_double=value,
        time_unix_nano=START_NS + second * SECOND,
        attributes=[text(key, word) for key, word in labels.items()],
    )
    return metric


def total(value: int, second: int, began: int = 1, **labels: str) -> Metric:
    metric = Metric(name="events")
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2
    metric.sum.data_points.add(
        as_int=value,
        start_time_unix_nano=START_NS + began * SECOND,
        time_unix_nano=START_NS + second * SECOND,
        attributes=[text(key, word) for key, word in labels.items()],
    )
    return metric


def values(batches: list[Batch]) -> list[float]:
    return [
        point.as_double or point.as_int
        for request in parsed(batches)
        for _, _, point in points_of(request)
    ]


@pytest.mark.parametrize(
    ("gauges", "value"), [("mean", 4.0), ("sum", 12.0), ("min", 1.0), ("max", 8.0), ("count", 3)]
)
def test_gauges_that_fall_together_become_what_was_asked_for(gauges: str, value: float) -> None:
    aggregate = make(AGGREGATE, {"drop": ["queue"], "gauges": gauges})
    given = [batch(gauge(of, 1, queue=str(of)), 1) for of in (1.0, 3.0, 8.0)]

    assert values(run(aggregate, given)) == [value]


def test_a_gauge_that_is_silent_counts_no_more() -> None:
    aggregate = make(AGGREGATE, {"drop": ["queue"], "gauges": "sum", "gauge_lookback": "100s"})
    given = [
        batch(gauge(5, 1, queue="a"), 1),
        batch(gauge(7, 1, queue="b"), 1),
        batch(gauge(7, 200, queue="b"), 200),
    ]

    assert values(run(aggregate, given)) == [12, 7]


def test_tenants_are_never_mixed() -> None:
    aggregate = make(AGGREGATE, {"drop_resource": ["service.instance.id"]})
    given = [batch(total(0, 1), 1, tenant) for tenant in ("a", "b")]
    given += [batch(total(of, 2), 2, tenant) for of, tenant in ((10, "a"), (20, "b"))]

    out = run(aggregate, given)

    assert [(of.context.tenant, value) for of in out for value in values([of])] == [
        ("a", 10),
        ("b", 20),
    ]


def test_what_was_counted_before_the_first_look_is_no_increase() -> None:
    aggregate = make(AGGREGATE, {"drop_resource": ["service.instance.id"]})
    given = [
        batch(total(1_000_000, 5, began=1), 5, instance="old"),
        batch(total(1_000_007, 6, began=1), 6, instance="old"),
        batch(total(4, 9, began=8), 9, instance="new"),
        batch(total(3, 12, began=11), 12, instance="old"),
    ]

    assert values(run(aggregate, given)) == [7 + 4 + 3]


def test_of_two_senders_with_the_same_labels_the_one_that_began_last_counts() -> None:
    meter = MemoryMeter()
    to_delta = make(TO_DELTA, {"initial_value": "keep"}, meter)
    given = [
        batch(total(100, 5, began=1), 5),
        batch(total(3, 6, began=4), 6),
        batch(total(101, 7, began=1), 7),
        batch(total(5, 8, began=4), 8),
    ]

    assert values(run(to_delta, given)) == [100, 3, 2]
    assert meter.total(POINTS_TREATED, reason="late") == 1


def test_a_clock_that_was_set_back_before_a_restart_loses_nothing() -> None:
    given = [batch(total(100, 50, began=40), 50), batch(total(3, 55, began=20), 55)]

    assert values(run(make(TO_DELTA, {"initial_value": "keep"}), given)) == [100, 3]


def test_a_point_beyond_the_limit_goes_through_with_its_labels() -> None:
    meter = MemoryMeter()
    aggregate = make(AGGREGATE, {"drop": ["queue"], "max_streams": 2}, meter)
    given = [batch(gauge(of, 1, queue=str(of)), 1) for of in (1.0, 3.0, 8.0)]

    through, made = run(aggregate, given)

    assert through == given[2]
    assert values([made]) == [2.0]
    assert meter.total(POINTS_TREATED, reason="overflow") == 1


def test_an_interval_keeps_the_order_when_a_source_begins_again() -> None:
    interval = make(INTERVAL, {})
    given = [
        batch(total(10, 2), 2),
        batch(total(14, 3), 3),
        batch(total(2, 5, began=4), 5),
        batch(total(9, 4), 6),  # late
    ]

    assert values(run(interval, given)) == [14, 2]


def test_a_point_that_says_it_has_no_value_is_the_newest() -> None:
    gone = total(0, 4)
    gone.sum.data_points[0].ClearField("as_int")
    gone.sum.data_points[0].flags = 1

    (last,) = parsed(run(make(INTERVAL, {}), [batch(total(10, 2), 2), batch(gone, 4)]))

    ((_, _, point),) = points_of(last)
    assert point.flags == 1


def test_what_is_not_meant_is_not_touched() -> None:
    raw = {"exclude": {"metrics": ["events"], "match_type": "strict"}}
    given = [batch(total(10, 2), 2), batch(gauge(1, 3), 3)]

    assert run(make(TO_DELTA, raw), given) == given
    assert run(make(TO_CUMULATIVE, {}), given) == given


def test_a_series_that_was_silent_too_long_begins_again() -> None:
    deltas = [total(5, second) for second in (1, 2, 100)]
    for metric in deltas:
        metric.sum.aggregation_temporality = 1
    given = [batch(of, second) for of, second in zip(deltas, (1, 2, 100), strict=True)]

    assert values(run(make(TO_CUMULATIVE, {"max_stale": "50s"}), given)) == [5, 10, 5]


def test_doubles_are_added_without_rounding_in_between() -> None:
    aggregate = make(AGGREGATE, {"drop": ["queue"], "gauges": "sum"})
    given = [
        batch(gauge(of, 1, queue=str(place)), 1) for place, of in enumerate([1e16, 1.0, -1e16])
    ]

    assert values(run(aggregate, given)) == [1.0]
