"""What an agent has measured so far, as text that Prometheus scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    Sum,
)

from slo.catalog import Instrument, prometheus_label, prometheus_name

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(data: MetricsData | None) -> str:
    """Every series of `data` under its name in Prometheus, families together.

    Source: Prometheus, "Exposition formats", text-based format 0.0.4.
    """
    families = (
        line
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for line in _family(metric)
    )
    return "".join(f"{line}\n" for line in families)


def _family(metric: Metric) -> Iterator[str]:
    found = metric.data
    unit = metric.unit or ""
    if isinstance(found, Sum):
        kind = Instrument.COUNTER if found.is_monotonic else Instrument.UP_DOWN_COUNTER
        name = prometheus_name(metric.name, unit, kind)
        yield f"# TYPE {name} {'counter' if found.is_monotonic else 'gauge'}"
        yield from (_line(name, point.attributes, point.value) for point in found.data_points)
    elif isinstance(found, Gauge):
        name = prometheus_name(metric.name, unit, Instrument.GAUGE)
        yield f"# TYPE {name} gauge"
        yield from (_line(name, point.attributes, point.value) for point in found.data_points)
    elif isinstance(found, Histogram):
        name = prometheus_name(metric.name, unit, Instrument.HISTOGRAM)
        yield f"# TYPE {name} histogram"
        for point in found.data_points:
            yield from _histogram(name, point)


def _histogram(name: str, point: HistogramDataPoint) -> Iterator[str]:
    reached = 0
    for edge, count in zip((*point.explicit_bounds, math.inf), point.bucket_counts, strict=True):
        reached += count
        le = "+Inf" if math.isinf(edge) else str(float(edge))
        yield _line(f"{name}_bucket", {**(point.attributes or {}), "le": le}, reached)
    yield _line(f"{name}_count", point.attributes, point.count)
    yield _line(f"{name}_sum", point.attributes, point.sum)


def _line(name: str, attributes: Mapping[str, object] | None, value: float) -> str:
    labels = {prometheus_label(key): str(text) for key, text in (attributes or {}).items()}
    inside = ",".join(f'{key}="{_escaped(labels[key])}"' for key in sorted(labels) if labels[key])
    return f"{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
