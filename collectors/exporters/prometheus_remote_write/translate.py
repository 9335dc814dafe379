"""From an OTLP request to series with samples: what is sent, and what cannot be.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

from collectors.exporters.prometheus_remote_write.config import RemoteWriteConfig
from collectors.exporters.prometheus_remote_write.message import (
    STALE,
    Sample,
    labels,
    value_bytes,
)
from collectors.prom.kinds import Described, Kind, Point, describe, value_of
from collectors.prom.labels import TARGET_INFO, label_values, resource_labels, target
from collectors.prom.samples import samples
from slo.catalog.naming import prometheus_name

_NO_RECORDED_VALUE: Final = 1  # DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_MILLISECOND: Final = 1_000_000
_RESERVED: Final = {Kind.HISTOGRAM: "le", Kind.SUMMARY: "quantile"}


@dataclass(slots=True)
class Translated:
    """A request as Prometheus takes it.

    Attributes:
        series: Samples by encoded labels, in order of time.
        rejected: Data points that remote write has no room for, by reason.
    """

    series: dict[bytes, list[Sample]] = field(default_factory=dict[bytes, list[Sample]])
    rejected: Counter[str] = field(default_factory=Counter[str])

    def add(self, encoded: bytes, sample: Sample) -> None:
        """Put a sample behind those of its series."""
        self.series.setdefault(encoded, []).append(sample)

    def order(self) -> None:
        """Sort each series by time; of several samples of one time the last one counts."""
        for encoded, found in self.series.items():
            if len(found) > 1:
                self.series[encoded] = sorted(dict(found).items())


class Translator:
    """Translates with the names and labels that a configuration wants."""

    def __init__(self, config: RemoteWriteConfig) -> None:
        self._config = config
        self._prefix = f"{config.namespace}_" if config.namespace else ""

    def translate(self, payload: bytes) -> Translated:
        """What is in a serialized metrics request.

        Raises:
            DecodeError: It is none.
        """
        out = Translated()
        for resource_metrics in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            self._resource(resource_metrics, out)
        out.order()
        return out

    def _resource(self, resource_metrics: ResourceMetrics, out: Translated) -> None:
        config = self._config
        found = target(resource_metrics.resource, config.resource_constant_labels)
        strong = {**config.external_labels, **found.identity}
        newest = 0
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                newest = max(newest, self._metric(metric, found.promoted, strong, out))
        if config.target_info.enabled and found.info and newest:
            pairs = {**resource_labels(resource_metrics.resource), **strong}
            encoded = labels({**pairs, "__name__": TARGET_INFO})
            out.add(encoded, (newest, value_bytes(1.0)))

    def _metric(
        self, metric: Metric, weak: Mapping[str, str], strong: Mapping[str, str], out: Translated
    ) -> int:
        """Add the points of a metric; the time of the newest of them in milliseconds."""
        described = describe(metric)
        if described is None:
            return 0  # no data points: nothing that counts
        name = prometheus_name(metric.name, metric.unit, described.instrument)
        reason = _unsendable(metric.name, name, described)
        if reason:
            out.rejected[reason] += len(described.points)
            return 0
        newest = 0
        for point in described.points:
            own = label_values(point.attributes)
            reserved = _RESERVED.get(described.kind, "")
            if reserved in own:
                own[f"exported_{reserved}"] = own.pop(reserved)
            pairs = {**weak, **own, **strong}
            newest = max(newest, _point(self._prefix + name, point, pairs, out))
        return newest


def _unsendable(source: str, name: str, described: Described) -> str:
    """Why no point of a metric can be sent; empty if they can."""
    if not source or name in {"", "total", "ratio"}:
        return "no name"
    return "delta temporality" if described.delta else ""


def _point(name: str, point: Point, pairs: Mapping[str, str], out: Translated) -> int:
    time_ms = point.time_unix_nano // _MILLISECOND
    value = value_of(point)
    if value is None or not time_ms:
        out.rejected["no time" if not time_ms else "contradictory"] += 1
        return 0
    ends = bool(point.flags & _NO_RECORDED_VALUE)
    for series, extra, at, number in samples(name, value):
        found = {**pairs, extra: at} if extra else {**pairs}
        found["__name__"] = series
        out.add(labels(found), (time_ms, value_bytes(STALE if ends else number)))
    return time_ms
