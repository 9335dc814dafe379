"""Series of the scrape endpoint: added up, begun anew, expired, bounded."""

from __future__ import annotations

import logging
import math

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Histogram,
    HistogramDataPoint,
    Metric,
)

from collectors.exporters.prometheus import PrometheusConfig
from collectors.exporters.prometheus.state import LeftOut, State
from collectors.testing import MemoryMeter
from tests.prometheus_view import (
    CUMULATIVE,
    DELTA,
    SECOND,
    Clock,
    batch_of,
    counter,
    gauge,
    point,
    samples,
    view,
)


def test_deltas_are_added_up_whatever_kind_they_are() -> None:
    made = view()
    explicit = HistogramDataPoint(
        explicit_bounds=[1, 2], bucket_counts=[1, 0, 2], count=3, sum=7, time_unix_nano=SECOND
    )
    for start in (1, 2, 3):
        made.apply(
            batch_of(
                counter("c", point(5, start=start, time=start + 1), temporality=DELTA),
                Metric(
                    name="h",
                    histogram=Histogram(data_points=[explicit], aggregation_temporality=DELTA),
                ),
            )
        )

    found = samples(made)
    assert found["c_total{job=s}"] == 15
    assert found["h_bucket{job=s,le=2}"] == 3
    assert found["h_bucket{job=s,le=+Inf}"] == found["h_count{job=s}"] == 9
    assert found["h_sum{job=s}"] == 21


def test_a_late_point_changes_nothing_and_a_restart_begins_anew() -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    made.apply(batch_of(counter("c", point(10, start=5, time=10))))
    made.apply(batch_of(counter("c", point(9, start=5, time=9))))
    made.apply(batch_of(counter("c", point(99, start=4, time=5))))
    assert samples(made) == {"c_total{job=s}": 10}

    made.apply(batch_of(counter("c", point(2, start=11, time=12))))

    assert samples(made) == {"c_total{job=s}": 2}
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="out_of_order") == 2


def test_a_second_sender_of_the_same_labels_is_told_from_a_late_point(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    made.apply(batch_of(counter("c", point(10, start=50, time=60))))
    with caplog.at_level(logging.WARNING):
        for time in (61, 71, 81):
            made.apply(batch_of(counter("c", point(500, start=5, time=time))))
            made.apply(batch_of(counter("c", point(11, start=50, time=time + 1))))

    assert samples(made) == {"c_total{job=s}": 11}
    left_out = "fleetslo_prometheus_points_left_out_total"
    assert meter.total(left_out, reason="second_writer") == 3
    assert meter.total(left_out, reason="out_of_order") == 0
    (line,) = (record.getMessage() for record in caplog.records)
    assert "two senders share these labels" in line
    assert "set service.instance.id" in line
    assert "c_total{" in line


def test_a_series_goes_when_no_point_came_for_the_expiration() -> None:
    clock = Clock()
    made = view(clock, metric_expiration="5s")
    made.apply(batch_of(counter("old", point(1)), at=1))
    made.apply(batch_of(counter("new", point(1)), at=5))
    assert set(samples(made)) == {"old_total{job=s}", "new_total{job=s}"}

    made.apply(batch_of(counter("new", point(2, time=3)), at=6))
    assert set(samples(made)) == {"new_total{job=s}"}

    clock.now_ns = 5 * SECOND
    assert samples(made) == {}, "it expires though nothing comes in any more"


def test_a_point_without_a_recorded_value_ends_its_series() -> None:
    made = view()
    made.apply(batch_of(gauge("g", point(1))))
    ended = point(0, time=3)
    ended.flags = 1
    made.apply(batch_of(gauge("g", ended)))

    assert samples(made) == {}


def test_series_beyond_the_limit_are_left_out_and_counted() -> None:
    meter = MemoryMeter()
    made = view(meter=meter, max_series=2)
    made.apply(batch_of(gauge("g", *(point(1, i=str(i)) for i in range(5)))))
    made.apply(batch_of(gauge("g", point(7, i="0", time=3))))

    assert samples(made) == {"g{i=0,job=s}": 7, "g{i=1,job=s}": 1}
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="overflow") == 3


def test_two_metrics_cannot_have_one_name() -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    bounds = HistogramDataPoint(explicit_bounds=[1], bucket_counts=[1, 0], count=1, sum=1)
    made.apply(
        batch_of(
            gauge("a.b", point(1)),
            gauge("a_b", point(2)),
            gauge("h_count", point(3)),
            Metric(
                name="h",
                histogram=Histogram(data_points=[bounds], aggregation_temporality=CUMULATIVE),
            ),
            gauge("target_info", point(4)),
        )
    )

    assert samples(made) == {"a_b{job=s}": 1, "h_count{job=s}": 3}
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="collision") == 3


def test_a_name_is_free_again_when_its_series_have_expired() -> None:
    made = view(metric_expiration="5s")
    made.apply(batch_of(gauge("x.y", point(1)), at=1))
    made.apply(batch_of(gauge("x_y", point(2)), at=7))
    made.apply(batch_of(gauge("x_y", point(2, time=3)), at=8))

    assert samples(made) == {"x_y{job=s}": 2}


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
def test_what_cannot_have_been_counted_stays_out_of_a_counter(
    wrong: float, temporality: int
) -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    made.apply(batch_of(counter("c", point(5, time=2), temporality=temporality)))
    made.apply(batch_of(counter("c", point(wrong, time=3), temporality=temporality)))

    assert samples(made) == {"c_total{job=s}": 5}


def test_nothing_grows_without_end_whatever_names_and_targets_are_sent() -> None:
    state = State(PrometheusConfig(max_series=10, metric_expiration=0))
    for number in range(100):
        impossible = counter(f"impossible {number}", point(-1))
        attributes = {"service.name": f"s{number}", "service.version": "1"}
        metrics = (impossible, gauge(f"g{number}", point(number)))
        state.apply(batch_of(*metrics, attributes=attributes))

    assert state.series_count == len(state.families) == len(state.infos) == 10
    assert state.left_out[LeftOut.OVERFLOW] == 90
    assert state.left_out[LeftOut.MALFORMED] == 100
    again = {"service.name": "s3", "service.version": "2"}
    state.apply(batch_of(gauge("g3", point(5)), attributes=again))
    assert 'service_version="2"' in next(i.text for i in state.infos.values() if '"s3"' in i.text)


def test_words_without_end_are_not_shown_and_counted() -> None:
    state = State(PrometheusConfig())
    long = "x" * 70_000
    described = gauge("described", point(1))
    described.description = long
    labelled = gauge("labelled", point(1, long=long))
    for metric in (gauge(long, point(1)), described, labelled):
        state.apply(batch_of(metric))
    sender = {"service.name": "s", "service.version": long}
    state.apply(batch_of(gauge("of", point(1)), attributes=sender))

    assert [*state.families] == ["of"]
    assert not state.infos
    assert state.left_out[LeftOut.TOO_LONG] == 3
