"""Histograms and summaries of the scrape endpoint, whatever their bounds."""

from __future__ import annotations

import math
import time

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    Summary,
    SummaryDataPoint,
)

from collectors.prom.values import histogram
from collectors.testing import MemoryMeter
from tests.prometheus_view import DELTA, batch_of, exponential, samples, view


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


def test_more_buckets_or_quantiles_than_anybody_reads_are_left_out() -> None:
    meter = MemoryMeter()
    made = view(meter=meter)
    many = range(10_001)
    explicit = HistogramDataPoint(explicit_bounds=many, bucket_counts=[1] * 10_002)
    spread = ExponentialHistogramDataPoint(scale=20)
    spread.positive.bucket_counts.extend([1] * 10_001)
    quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=of / 10_001) for of in many]
    summary = SummaryDataPoint(quantile_values=quantiles)
    made.apply(batch_of(Metric(name="h", histogram=Histogram(data_points=[explicit]))))
    made.apply(
        batch_of(Metric(name="e", exponential_histogram=ExponentialHistogram(data_points=[spread])))
    )
    made.apply(batch_of(Metric(name="s", summary=Summary(data_points=[summary]))))

    assert samples(made) == {}
    assert meter.total("fleetslo_prometheus_points_left_out_total", reason="malformed") == 3


def test_each_of_many_exemplars_finds_its_bucket_without_looking_at_all() -> None:
    bounds = [float(number) for number in range(5_000)]
    exemplars = [
        Exemplar(as_double=number % 5_000 - 0.5, trace_id=bytes(15) + b"x")
        for number in range(50_000)
    ]
    found = HistogramDataPoint(
        explicit_bounds=bounds, bucket_counts=[10] * 5_001, count=50_010, exemplars=exemplars
    )

    begun = time.process_time()
    value = histogram(found)
    seconds = time.process_time() - begun

    assert value is not None
    assert {index: of.value for index, of in value.exemplars.items()} == {
        index: index - 0.5 for index in range(5_000)
    }
    assert seconds < 5  # a quarter of a milliard comparisons where each looks at all


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
