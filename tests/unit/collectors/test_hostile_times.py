"""What a sender can make distinct or many costs time as its number, not as its square."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Batch, Context, Signal
from collectors.ottl.columns import Distinct, Numbers, compare, difference
from collectors.processors.filter.config import FilterConfig
from collectors.processors.filter.processor import Filter
from collectors.processors.probabilistic_sampler.config import Mode, SamplerConfig
from collectors.processors.probabilistic_sampler.deciding import Arriving, Decider
from collectors.testing import settings
from collectors.testing.samples import START_NS
from collectors.wire.keep import keep
from collectors.wire.scan import scan

FEW, TIMES = 4_000, 12
"""So many more take 144 times as long where every pair is looked at; sorting takes 15 times."""

MOST = 25


def thinned_metrics(count: int) -> Callable[[], object]:
    return _filtered([2] * count)


def thinned_points(count: int) -> Callable[[], object]:
    return _filtered([10 * count])


def _filtered(points: list[int]) -> Callable[[], object]:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for number, count in enumerate(points):
        gauge = scope.metrics.add(name=f"m{number}").gauge
        for point in range(count):
            pair = KeyValue(key="odd", value=AnyValue(bool_value=point % 2 == 1))
            gauge.data_points.add(attributes=[pair], as_int=point)
    made = Filter(
        FilterConfig.model_validate({"metrics": {"datapoint": ['attributes["odd"] == true']}}),
        settings(Path("unused")),
    )
    payload = request.SerializeToString()
    batch = Batch(Signal.METRICS, payload, sum(points), Context(), 1, START_NS)
    return lambda: made.step(batch, lambda _: None)


def told_thresholds(count: int) -> Callable[[], object]:
    count *= 2
    made = Decider(SamplerConfig(sampling_percentage=10), Mode.PROPORTIONAL)
    none, each = np.zeros(count, np.bool_), np.ones(count, np.bool_)
    arriving = Arriving(
        np.full(count, 2**56 - 1, np.uint64), np.arange(1, count + 1, dtype=np.uint64), each, none
    )
    return lambda: made.decide(arriving, None, None)


def values_and_numbers(count: int) -> Callable[[], object]:
    values = Distinct(np.arange(count), (*(number + 0.5 for number in range(count)), None))
    return lambda: compare(values, "<", Numbers(np.arange(count)[::-1].copy()))


@pytest.mark.parametrize(
    "made", [thinned_metrics, thinned_points, told_thresholds, values_and_numbers]
)
def test_the_time_grows_as_the_number(made: Callable[[int], Callable[[], object]]) -> None:
    few, many = _seconds(made(FEW)), _seconds(made(FEW * TIMES))

    assert many < MOST * few


def test_copying_out_of_many_scopes_takes_about_as_long_as_looking_at_them() -> None:
    request = ExportTraceServiceRequest()
    for _ in range(10_000):
        request.resource_spans.add().scope_spans.add(spans=[Span(name="kept"), Span()])
    payload = request.SerializeToString()
    scanned = scan(Signal.TRACES, payload)
    wanted = np.arange(len(scanned.entries)) % 2 == 0

    few = _seconds(lambda: scan(Signal.TRACES, payload))
    assert _seconds(lambda: keep(scanned, wanted)) < 20 * few


def test_a_number_beside_a_literal_is_not_compared_row_by_row() -> None:
    rows = 200_000
    kinds = Numbers(np.arange(rows) % 5)
    server = Distinct(np.zeros(rows, np.int64), (2, None))

    taken = _seconds(lambda: compare(kinds, "==", server))
    assert taken < 0.2 * _seconds(lambda: [kind == server for kind in kinds.values.tolist()])
    assert int(compare(kinds, "==", server).sum()) == rows // 5


def test_numbers_less_attributes_are_taken_once_for_each_pair() -> None:
    left = Numbers(np.array([5, 5, 7, 7]))
    right = Distinct(np.array([0, 0, 1, -1]), (2, 0.5, None))

    found = difference(left, right)

    assert isinstance(found, Distinct)
    assert [found.values[code] for code in found.codes.tolist()] == [3, 3, 6.5, None]
    assert len(found.values) == 4


def _seconds(do: Callable[[], object]) -> float:
    """The least CPU time of two."""
    taken: list[float] = []
    for _ in range(2):
        began = time.process_time()
        do()
        taken.append(time.process_time() - began)
    return min(taken)
