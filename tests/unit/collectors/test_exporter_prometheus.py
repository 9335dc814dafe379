"""The scrape endpoint shows what was applied: exact, bounded, the same after a restart."""

from __future__ import annotations

import asyncio
import gzip
import logging
import math
import subprocess
from pathlib import Path

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors.component import Batch, Context, Signal
from collectors.exporters.prometheus import PrometheusConfig, PrometheusView
from collectors.prom.samples import bound_text
from collectors.testing import MemoryMeter, settings
from collectors.testing.samples import text
from slo import servers

SECOND = 1_000_000_000
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def view(
    clock: Clock | None = None, meter: MemoryMeter | None = None, **raw: object
) -> PrometheusView:
    config = PrometheusConfig.model_validate({"endpoint": "127.0.0.1:0", **raw})
    return PrometheusView(
        config, settings(Path("/nowhere"), "prometheus", meter=meter), clock or Clock()
    )


def batch_of(*metrics: Metric, at: int = 1, attributes: dict[str, str] | None = None) -> Batch:
    values = {"service.name": "s"} if attributes is None else attributes
    request = ExportMetricsServiceRequest()
    resource = Resource(attributes=[text(key, value) for key, value in values.items()])
    scope = request.resource_metrics.add(resource=resource).scope_metrics.add(
        scope=InstrumentationScope(name="lib", version="2", attributes=[text("a.b", "c")])
    )
    scope.metrics.extend(metrics)
    return Batch(Signal.METRICS, request.SerializeToString(), 1, Context(), at * SECOND, 0)


def point(value: float, *, start: int = 1, time: int = 2, **labels: str) -> NumberDataPoint:
    made = NumberDataPoint(
        start_time_unix_nano=start * SECOND,
        time_unix_nano=time * SECOND,
        attributes=[text(key, item) for key, item in labels.items()],
    )
    if isinstance(value, int):
        made.as_int = value
    else:
        made.as_double = value
    return made


def counter(
    name: str, *points: NumberDataPoint, unit: str = "", temporality: int = CUMULATIVE
) -> Metric:
    data = Sum(data_points=points, is_monotonic=True, aggregation_temporality=temporality)  # type: ignore[arg-type] # an enum is an int
    return Metric(name=name, unit=unit, sum=data)


def gauge(name: str, *points: NumberDataPoint, unit: str = "") -> Metric:
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=points))


def samples(made: PrometheusView) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in parse_text(made.text()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_names_and_units_are_those_of_the_catalogue() -> None:
    made = view()
    made.apply(batch_of(counter("mas.agent.actions", point(3, outcome="ok"), unit="{action}")))
    made.apply(
        batch_of(gauge("memory.use", point(5), unit="By"), gauge("share", point(0.5), unit="1"))
    )

    assert samples(made) == {
        "mas_agent_actions_total{job=s,outcome=ok}": 3,
        "memory_use_bytes{job=s}": 5,
        "share_ratio{job=s}": 0.5,
    }


def test_a_resource_becomes_job_instance_target_info_and_what_is_promoted() -> None:
    made = view(
        resource_constant_labels={"included": ["service.version", "k8s.*"], "excluded": ["k8s.x"]}
    )
    attributes = {
        "service.name": "api",
        "service.namespace": "shop",
        "service.instance.id": "i-1",
        "service.version": "7",
        "k8s.pod": "p",
        "k8s.x": "y",
    }
    made.apply(batch_of(counter("a", point(1)), attributes=attributes))

    assert samples(made) == {
        "target_info{instance=i-1,job=shop/api,k8s_pod=p,k8s_x=y,service_version=7}": 1,
        "a_total{instance=i-1,job=shop/api,k8s_pod=p,service_version=7}": 1,
    }


def test_a_restarted_target_replaces_its_target_info() -> None:
    made = view()
    for version in ("1", "2"):
        made.apply(batch_of(attributes={"service.name": "api", "service.version": version}))

    assert samples(made) == {"target_info{job=api,service_version=2}": 1}


def test_a_points_own_label_wins_over_a_promoted_one_but_not_over_job() -> None:
    made = view(resource_constant_labels={"included": ["zone"]}, const_labels={"site": "x"})
    attributes = {"service.name": "api", "zone": "resource"}
    made.apply(batch_of(counter("a", point(1, zone="point", job="mine")), attributes=attributes))

    assert "a_total{job=api,site=x,zone=point}" in samples(made)


def test_scope_labels_are_there_when_asked_for() -> None:
    made = view(without_scope_info=False)
    made.apply(batch_of(counter("a", point(1))))

    assert samples(made) == {
        "a_total{job=s,otel_scope_a_b=c,otel_scope_name=lib,otel_scope_version=2}": 1
    }


def test_awkward_labels_survive_the_text_format() -> None:
    made = view()
    value = 'back\\slash "quote"\nline é'
    made.apply(batch_of(gauge("g", point(1, text=value))))
    many = KeyValue(
        key="list",
        value=AnyValue(
            array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(bool_value=True)])
        ),
    )
    joined = NumberDataPoint(
        as_int=1,
        attributes=[
            text("a.b", "2"),
            text("a_b", "3"),
            many,
            text("__name__", "evil"),
            text("", "empty"),
        ],
    )
    made.apply(batch_of(gauge("h", joined)))

    labels = [s.labels for f in parse_text(made.text()) for s in f.samples if s.name in "gh"]
    assert labels[0]["text"] == value
    assert labels[1]["a_b"] == "2;3"
    assert labels[1]["list"] == "[1,true]"
    assert labels[1]["key___name__"] == "evil"


def test_numbers_are_exact_and_special_ones_are_spelled() -> None:
    made = view()
    values = [2**63 - 1, 0.1, math.inf, -math.inf, 1e300]
    made.apply(batch_of(gauge("g", *(point(value, i=str(i)) for i, value in enumerate(values)))))

    assert 'g{i="0",job="s"} 9223372036854775807\n' in made.text()
    assert [samples(made)[f"g{{i={i},job=s}}"] for i in range(1, 5)] == values[1:]


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


def test_histograms_that_contradict_themselves_are_left_out() -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    wrong = [
        HistogramDataPoint(explicit_bounds=[1, 2], bucket_counts=[1], count=1),
        HistogramDataPoint(explicit_bounds=[2, 1], bucket_counts=[1, 1, 1], count=3),
    ]
    made.apply(batch_of(Metric(name="h", histogram=Histogram(data_points=wrong))))
    made.apply(batch_of(Metric(name="none")))

    assert samples(made) == {}
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="malformed") == 2
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="no_data") == 1


def exponential(
    scale: int, offset: int, counts: list[int], temporality: int = CUMULATIVE
) -> Metric:
    data = ExponentialHistogramDataPoint(
        scale=scale,
        count=sum(counts) + 2,
        sum=10,
        zero_count=1,
        positive=ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=counts),
        negative=ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[1]),
    )
    return Metric(
        name="e",
        exponential_histogram=ExponentialHistogram(
            data_points=[data],
            aggregation_temporality=temporality,  # type: ignore[arg-type] # an enum is an int
        ),
    )


def test_exponential_buckets_are_shown_by_their_upper_bounds() -> None:
    made = view()
    made.apply(batch_of(exponential(0, 0, [2, 0, 3])))

    assert samples(made) == {
        "e_bucket{job=s,le=-1}": 1,
        "e_bucket{job=s,le=0}": 2,
        "e_bucket{job=s,le=2}": 4,
        "e_bucket{job=s,le=4}": 4,
        "e_bucket{job=s,le=8}": 7,
        "e_bucket{job=s,le=+Inf}": 7,
        "e_sum{job=s}": 10,
        "e_count{job=s}": 7,
    }


def test_exponential_deltas_of_two_scales_are_added_at_the_coarser() -> None:
    made = view()
    made.apply(batch_of(exponential(1, 0, [1, 1, 1, 1], DELTA)))
    made.apply(batch_of(exponential(0, 0, [5, 5], DELTA)))

    found = samples(made)
    assert found["e_bucket{job=s,le=2}"] == 2 + 2 + 2 + 5
    assert found["e_bucket{job=s,le=4}"] == found["e_count{job=s}"] == 18


def test_exponential_deltas_far_apart_are_shown_in_few_buckets() -> None:
    made = view()
    made.apply(batch_of(exponential(2, 0, [1], DELTA)))
    made.apply(batch_of(exponential(2, 2_000_000_000, [1], DELTA)))

    found = samples(made)
    assert len(found) < 400
    assert found["e_bucket{job=s,le=+Inf}"] == found["e_count{job=s}"] == 6


def test_exponential_bounds_beyond_every_number_are_shown_once() -> None:
    made = view()
    made.apply(batch_of(exponential(2, 2_147_483_646, [1, 1])))

    shown = [line for line in made.text().splitlines() if 'le="+Inf"' in line]
    assert shown == ['e_bucket{job="s",le="+Inf"} 4']


def test_an_infinite_explicit_bound_is_the_last_bucket_itself() -> None:
    made = view()
    data = HistogramDataPoint(count=3, explicit_bounds=[1, math.inf], bucket_counts=[1, 1, 1])
    made.apply(batch_of(Metric(name="h", histogram=Histogram(data_points=[data]))))

    assert [line for line in made.text().splitlines() if "_bucket" in line] == [
        'h_bucket{job="s",le="1"} 1',
        'h_bucket{job="s",le="+Inf"} 3',
    ]


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


def test_summaries_are_shown_with_their_quantiles() -> None:
    made = view()
    quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=3)]
    data = SummaryDataPoint(count=4, sum=9, quantile_values=quantiles)
    made.apply(batch_of(Metric(name="s", unit="s", summary=Summary(data_points=[data]))))

    assert samples(made) == {
        "s_seconds{job=s,quantile=0.5}": 3,
        "s_seconds_sum{job=s}": 9,
        "s_seconds_count{job=s}": 4,
    }


def rich() -> list[Metric]:
    exemplar = Exemplar(
        trace_id=bytes(range(16)), span_id=bytes(range(8)), as_double=1.5, time_unix_nano=3 * SECOND
    )
    counted = point(4)
    counted.exemplars.append(exemplar)
    bounds = HistogramDataPoint(
        explicit_bounds=[1, 2.5, 1e6],
        bucket_counts=[1, 2, 0, 1],
        count=4,
        sum=9,
        exemplars=[exemplar],
        time_unix_nano=SECOND,
    )
    return [
        counter("c", counted, unit="s"),
        gauge("g", point(-1.5, k="v")),
        Metric(
            name="h",
            description='help with "quotes"\nand lines',
            unit="s",
            histogram=Histogram(data_points=[bounds], aggregation_temporality=CUMULATIVE),
        ),
        exponential(3, -5, [1] * 20),
    ]


def test_open_metrics_is_accepted_by_its_reference_parser_with_exemplars() -> None:
    made = view(resource_constant_labels={"included": ["*"]}, send_timestamps=True)
    made.apply(batch_of(*rich(), attributes={"service.name": "s", "host.name": "h"}))

    families = {family.name: family for family in parse_open(made.text(open_metrics=True))}

    bucket = next(s for s in families["h_seconds"].samples if s.labels.get("le") == "2.5")
    assert bucket.exemplar.labels["trace_id"] == bytes(range(16)).hex()
    assert families["c_seconds"].samples[0].exemplar.value == 1.5
    assert families["target"].type == "info"


@pytest.mark.servers
@pytest.mark.parametrize("open_metrics", [False])
def test_promtool_finds_nothing_to_say_about_the_text(open_metrics: bool) -> None:
    promtool = servers.find("promtool")
    if promtool is None:
        pytest.skip("promtool is not to be had; run `make servers`")
    made = view()
    described = [metric for metric in rich() if metric.name != "g"]
    for metric in described:
        metric.description = "words"
    made.apply(batch_of(*described))

    result = subprocess.run(
        [str(promtool), "check", "metrics"],
        input=made.text(open_metrics=open_metrics),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_restored_view_is_the_same_to_the_byte() -> None:
    first, second = view(without_scope_info=False), view(without_scope_info=False)
    first.apply(batch_of(*rich(), attributes={"service.name": "s", "host.name": "h"}))
    quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=math.nan)]
    first.apply(
        batch_of(
            Metric(
                name="q",
                summary=Summary(data_points=[SummaryDataPoint(count=1, quantile_values=quantiles)]),
            )
        )
    )

    second.restore(first.snapshot())

    assert second.text(open_metrics=True) == first.text(open_metrics=True)
    assert second.snapshot() == first.snapshot()


def test_a_damaged_request_leaves_the_view_as_it_was() -> None:
    made = view()
    made.apply(batch_of(*rich()))
    before = made.snapshot()

    with pytest.raises(Exception, match="parsing"):
        made.apply(Batch(Signal.METRICS, b"\x0a\xff\x01", 1, Context(), 99 * SECOND, 0))

    assert made.snapshot() == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.005, "0.005"),
        (1.0, "1"),
        (2.5, "2.5"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (1_234_567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2.0, "-2"),
        (math.inf, "+Inf"),
    ],
)
def test_bounds_are_spelled_as_go_spells_them(value: float, expected: str) -> None:
    # From Go 1.22, strconv.FormatFloat(value, 'g', -1, 64).
    assert bound_text(value, open_metrics=False) == expected


def test_a_scrape_waits_for_the_replay_and_speaks_what_is_asked() -> None:
    async def main() -> None:
        made = view(enable_open_metrics=True)
        made.apply(batch_of(*rich()))
        await made.start()
        url = f"http://127.0.0.1:{made.port}/metrics"
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                async with session.get(url) as response:
                    assert response.status == 503
                made.ready()
                async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
                    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                    assert await response.text() == made.text()
                accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
                headers = {"Accept": accept, "Accept-Encoding": "gzip"}
                async with session.get(url, headers=headers) as response:
                    assert response.headers["Content-Type"].startswith(
                        "application/openmetrics-text"
                    )
                    body = gzip.decompress(await response.read()).decode()
                    assert body == made.text(open_metrics=True)
                async with session.get(url.removesuffix("/metrics")) as response:
                    assert response.status == 404
                async with session.post(url) as response:
                    assert response.status == 405
        finally:
            await made.stop()

    asyncio.run(asyncio.wait_for(main(), 30))
