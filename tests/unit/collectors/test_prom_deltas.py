"""Deltas of histograms add up whatever a sender says of its buckets."""

from __future__ import annotations

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint

from collectors.prom.values import Histogram, histogram


@pytest.mark.parametrize("first", [[], [2]])
@pytest.mark.parametrize("second", [[], [3]])
def test_one_bucket_and_none_are_added(first: list[int], second: list[int]) -> None:
    one = histogram(HistogramDataPoint(count=2, sum=2.0, bucket_counts=first))
    two = histogram(HistogramDataPoint(count=3, sum=3.0, bucket_counts=second))
    assert isinstance(one, Histogram)
    assert isinstance(two, Histogram)

    both = one.plus(two)

    assert isinstance(both, Histogram)
    assert (both.count, both.sum) == (5, 5.0)
    assert both.counts == ((5,) if first and second else ())
