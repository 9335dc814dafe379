"""The view behind the scrape endpoint, and data to show in it."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import (
    InstrumentationScope,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors.component import Batch, Context, Signal
from collectors.exporters.prometheus import PrometheusConfig, PrometheusView
from collectors.testing import MemoryMeter, settings
from collectors.testing.samples import text

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
