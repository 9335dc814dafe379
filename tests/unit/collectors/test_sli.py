"""`sli` begins at zero, never falls, and forgets nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from pydantic import ValidationError

from collectors.component import Batch, Processor, Signal
from collectors.processors.sli import CONNECTOR, FACTORY, SliConfig, SliConnectorConfig
from collectors.testing import MemoryMeter, settings
from collectors.testing.samples import batch
from slo.names import SLI_EVENTS

SECOND = 1_000_000_000


def steps(**bad: object) -> dict[str, object]:
    return {"spans": {"service": "sample", "bad": bad}}


def make(meter: MemoryMeter, **slos: object) -> Processor:
    config = SliConfig.model_validate({"slos": slos})
    return FACTORY.create(config, settings(Path("unused"), meter=meter))


def shown(meter: MemoryMeter, slo: str) -> tuple[float, float]:
    good = meter.level(SLI_EVENTS, slo_id=slo, outcome="good")
    return good, meter.level(SLI_EVENTS, slo_id=slo, outcome="bad")


def no_output(_: Batch) -> None:
    raise AssertionError


def test_every_declared_counter_stands_at_zero_before_the_first_span() -> None:
    meter = MemoryMeter()

    make(meter, one=steps(), two=steps(above="1s"))

    assert shown(meter, "one") == (0, 0)
    assert shown(meter, "two") == (0, 0)


def test_a_span_as_long_as_the_threshold_is_good_and_a_longer_one_bad() -> None:
    meter = MemoryMeter()
    counter = make(meter, exact=steps(above="1s"), shorter=steps(above="999999999ns"))

    counter.step(batch(Signal.TRACES, items=4), lambda _: None)

    assert shown(meter, "exact") == (4, 0)
    assert shown(meter, "shorter") == (0, 4)


def test_counters_go_on_after_a_restart_and_new_ones_begin_at_zero() -> None:
    before = make(MemoryMeter(), one=steps())
    before.step(batch(Signal.TRACES, items=3), lambda _: None)
    meter = MemoryMeter()
    after = make(meter, two=steps(), one=steps())

    after.restore(before.snapshot())

    assert shown(meter, "one") == (3, 0)
    assert shown(meter, "two") == (0, 0)


def test_an_slo_that_comes_back_goes_on_where_it_stood() -> None:
    first = make(MemoryMeter(), one=steps())
    first.step(batch(Signal.TRACES, items=3), lambda _: None)
    without = make(MemoryMeter(), two=steps())
    without.restore(first.snapshot())
    meter = MemoryMeter()
    again = make(meter, one=steps())

    again.restore(without.snapshot())

    assert shown(meter, "one") == (3, 0)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ({"service": "a", "bad": {"status": False}}, "no span can be bad"),
        (
            {"service": "a", "attributes": {"k": "v"}, "bad": {"attributes": {"k": "v"}}},
            "every event is bad: k must be 'v' to match",
        ),
        ({"bad": {}}, "Field required"),
        ({"service": ""}, "at least 1 character"),
    ],
)
def test_an_indicator_that_cannot_tell_good_from_bad_is_refused(
    spans: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        SliConfig.model_validate({"slos": {"one": {"spans": spans}}})


def test_numbers_and_flags_of_the_file_are_compared_as_text() -> None:
    spans = {"service": "a", "attributes": {"retries": 3, "cached": True}}

    config = SliConfig.model_validate({"slos": {"one": {"spans": spans}}})

    assert config.slos["one"].spans.attributes == {"retries": "3", "cached": "true"}


def points(item: Batch) -> dict[tuple[str, str], tuple[int, int, int]]:
    request = ExportMetricsServiceRequest.FromString(item.payload)
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit, metric.sum.is_monotonic) == (
        "fleetslo.sli.events",
        "{event}",
        True,
    )
    assert metric.sum.aggregation_temporality == 2
    assert item.items == len(metric.sum.data_points)
    return {
        (point.attributes[0].value.string_value, point.attributes[1].value.string_value): (
            point.as_int,
            point.start_time_unix_nano,
            point.time_unix_nano,
        )
        for point in metric.sum.data_points
    }


def test_the_connector_puts_out_cumulative_sums_that_outlive_the_process() -> None:
    config = SliConnectorConfig.model_validate(
        {"slos": {"one": steps(), "two": steps(above="1ns")}, "metrics_flush_interval": "10s"}
    )
    whole = settings(Path("unused"))
    first, out = CONNECTOR.create(config, whole), list[Batch]()
    spans = batch(Signal.TRACES, items=3)

    first.step(spans, no_output)
    due = first.next_deadline()
    assert due == spans.steady_ns + 10 * SECOND
    first.tick(due, out.append)
    second = CONNECTOR.create(config, whole)
    second.restore(first.snapshot())
    second.step(batch(Signal.TRACES, items=2, seed=1), no_output)
    later = second.next_deadline()
    assert later == due + 10 * SECOND
    second.tick(later, out.append)

    began = spans.wall_ns
    assert points(out[0]) == {
        ("one", "good"): (3, began, began + 10 * SECOND),
        ("one", "bad"): (0, began, began + 10 * SECOND),
        ("two", "good"): (0, began, began + 10 * SECOND),
        ("two", "bad"): (3, began, began + 10 * SECOND),
    }
    assert points(out[1])["one", "good"] == (5, began, began + 20 * SECOND)
    assert points(out[1])["two", "bad"] == (5, began, began + 20 * SECOND)
