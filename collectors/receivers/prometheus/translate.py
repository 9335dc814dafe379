"""From the text of a scrape to an OTLP request, and what is gone since the last one.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser
from prometheus_client.samples import Sample

from collectors.net.readings import CUMULATIVE, Scalar, pairs
from collectors.receivers.prometheus.relabel import Relabeller

SCOPE: Final = "fleetslo/prometheus"
_NO_RECORDED_VALUE: Final = 1
_SPECIAL: Final = {"histogram": "le", "gaugehistogram": "le", "summary": "quantile"}
_COUNTED: Final = frozenset({"counter", "histogram", "summary"})
_LATEST_SECONDS: Final = 2**63 / 1e9
_KEPT: Final = "scrape_samples_post_metric_relabeling"
_TARGET_INFO: Final = "target_info"

_PARSE_OPEN: Final[Callable[[str], Iterable[Family]]] = cast(
    "Callable[[str], Iterable[Family]]", open_parser.text_string_to_metric_families
)

Point = NumberDataPoint | HistogramDataPoint | SummaryDataPoint
Labels = tuple[tuple[str, str], ...]
Key = tuple[str, str, Labels]
"""A series: name, type, labels (`job` and `instance` among them)."""


class Family(Protocol):
    """What `prometheus_client` calls a metric."""

    name: str
    documentation: str
    type: str
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class Target:
    """Who is scraped.

    Attributes:
        labels: Put on every sample that does not have them.
        relabel: Changes and drops samples.
    """

    job: str
    instance: str
    scheme: str
    labels: Mapping[str, str]
    honor_labels: bool
    honor_timestamps: bool
    path: str = "/metrics"
    address: str = ""
    relabel: Relabeller = field(default_factory=lambda: Relabeller(()))


def families(text: str, *, is_open: bool) -> list[Family]:
    """Parse an answer.

    Raises:
        ValueError: It is not what its content type says.
    """
    parse = _PARSE_OPEN if is_open else parser.text_string_to_metric_families
    try:
        return list(parse(text))
    except (LookupError, TypeError, AttributeError) as error:  # of the parser, over what it reads
        msg = f"the answer cannot be read: {error!r}"
        raise ValueError(msg) from error


class Translator:
    """Translates the scrapes of one target, one after the other."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._before: dict[Key, str] = {}

    def translate(
        self, found: Iterable[Family], own: Mapping[str, float], time_ns: int
    ) -> tuple[ExportMetricsServiceRequest, int]:
        """A request with all that was found, and how many points it holds.

        What is told about the scrape is completed with how many samples were kept. Raising
        changes nothing.

        Args:
            found: Of this scrape; none where it failed.
            own: What is told about the scrape itself: `up` and its kin.
            time_ns: Unix time of the scrape.

        Raises:
            ValueError: A bucket without a bound, a count beyond 64 bits.
        """
        build = _Build(self._target, time_ns)
        for family in found:
            if family.name + "_info" == _TARGET_INFO or family.name == _TARGET_INFO:
                build.describe(family)
            else:
                build.add(family)
        for key in self._before.keys() - build.seen.keys():
            build.end(key, self._before[key])
        self._before = build.seen
        for name, value in own.items():
            build.gauge(name, value)
        if own:
            build.gauge(_KEPT, float(build.kept))
        return build.message, build.points


class _Build:
    """One request while it is put together."""

    def __init__(self, target: Target, time_ns: int) -> None:
        self._target = target
        self._time_ns = time_ns
        self._scopes: dict[tuple[str, str], tuple[Resource, ScopeMetrics]] = {}
        self._metrics: dict[tuple[str, str, str, str], Metric] = {}
        self.message = ExportMetricsServiceRequest()
        self.seen: dict[Key, str] = {}
        self.points = 0
        self.kept = 0

    def describe(self, family: Family) -> None:
        """Take `target_info` as attributes of the resource that it is about."""
        for sample in family.samples:
            self.kept += 1
            labels = self._labels(sample.labels)
            resource, _ = self._scope(labels)
            known = {item.key for item in resource.attributes}
            details: dict[str, Scalar] = {
                key: value
                for key, value in labels.items()
                if key not in {"job", "instance"} and key not in known
            }
            resource.attributes.extend(pairs(details))

    def add(self, family: Family) -> None:
        """Add every point of a family."""
        for (name, kind, labels), every in self._grouped(family).items():
            samples = [sample for sample in every if not _is_created(kind, sample)]
            if not samples:
                continue
            point = self._point(name, kind, family.documentation, dict(labels))
            _fill(point, samples)
            point.start_time_unix_nano = _start_ns(kind, every)
            stated = samples[0].timestamp
            seconds = -1.0 if stated is None else float(stated)
            if self._target.honor_timestamps and 0 <= seconds < _LATEST_SECONDS:
                point.time_unix_nano = int(seconds * 1e9)
            if stated is None or not self._target.honor_timestamps:
                self.seen[name, kind, labels] = family.documentation

    def _grouped(self, family: Family) -> dict[Key, list[Sample]]:
        """The samples of each point, relabelled, in the order of the answer."""
        special = _SPECIAL.get(family.type, "")
        groups: dict[Key, list[Sample]] = {}
        for sample in family.samples:
            full = self._labels(sample.labels)
            if self._target.relabel:
                changed = self._target.relabel.apply({**full, "__name__": sample.name})
                if changed is None:
                    continue
                full = changed
            self.kept += 1
            name, kind = _renamed(family, sample, full.pop("__name__", sample.name))
            of_point = tuple(sorted((k, v) for k, v in full.items() if k != special))
            groups.setdefault((name, kind, of_point), []).append(sample)
        return groups

    def end(self, key: Key, documentation: str) -> None:
        """Say of a series that was there before that it has no value any more."""
        name, kind, labels = key
        self._point(name, kind, documentation, dict(labels)).flags = _NO_RECORDED_VALUE

    def gauge(self, name: str, value: float) -> None:
        """Add a number about the scrape itself."""
        point = self._point(name, "gauge", "", self._labels({}))
        if isinstance(point, NumberDataPoint):
            point.as_double = value

    def _labels(self, own: Mapping[str, str]) -> dict[str, str]:
        """The labels of a sample with those of its target."""
        target = self._target
        around = {"job": target.job, "instance": target.instance, **target.labels}
        if target.honor_labels:
            return {**around, **own}
        moved = {f"exported_{key}" if key in around else key: own[key] for key in own}
        return {**moved, **around}

    def _scope(self, labels: Mapping[str, str]) -> tuple[Resource, ScopeMetrics]:
        """The resource that `job` and `instance` name, and where its metrics go."""
        target = self._target
        identity = labels.get("job", target.job), labels.get("instance", target.instance)
        if identity not in self._scopes:
            host, _, port = identity[1].rpartition(":")
            attributes: dict[str, Scalar] = {
                "service.name": identity[0],
                "service.instance.id": identity[1],
                "server.address": host or identity[1],
                "url.scheme": self._target.scheme,
            }
            if port.isdigit():
                attributes["server.port"] = port
            group = self.message.resource_metrics.add()
            group.resource.attributes.extend(pairs(attributes))
            scope = group.scope_metrics.add(scope=InstrumentationScope(name=SCOPE))
            self._scopes[identity] = group.resource, scope
        return self._scopes[identity]

    def _point(self, name: str, kind: str, documentation: str, labels: Mapping[str, str]) -> Point:
        """A new point of the metric `name`, with its time and labels."""
        where = labels.get("job", ""), labels.get("instance", ""), name, kind
        metric = self._metrics.get(where)
        if metric is None:
            _, scope = self._scope(labels)
            metric = self._metrics[where] = scope.metrics.add(name=name, description=documentation)
        point = _new_point(metric, kind)
        point.time_unix_nano = self._time_ns
        own: dict[str, Scalar] = {
            key: value for key, value in labels.items() if key not in {"job", "instance"}
        }
        point.attributes.extend(pairs(own))
        self.points += 1
        return point


def _renamed(family: Family, sample: Sample, name: str) -> tuple[str, str]:
    """Name and type of the metric of a sample that is called `name`, perhaps by relabelling.

    The metric of a counter or gauge is called as its sample is, `_total` and `_info` included.
    A part of a histogram that is renamed without its ending is a number by itself.
    """
    if family.type not in _SPECIAL:
        if _is_created(family.type, sample):
            name = f"{name.removesuffix('_created')}_total"
        return name, family.type
    ending = sample.name.removeprefix(family.name)
    if name.endswith(ending):
        return name.removesuffix(ending), family.type
    return name, "gauge"


def _new_point(metric: Metric, kind: str) -> Point:
    if kind == "counter":
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = CUMULATIVE
        return metric.sum.data_points.add()
    if kind == "histogram":
        metric.histogram.aggregation_temporality = CUMULATIVE
        return metric.histogram.data_points.add()
    if kind == "summary":
        return metric.summary.data_points.add()
    return metric.gauge.data_points.add()


def _is_created(kind: str, sample: Sample) -> bool:
    """Whether a sample tells when the others began. In the older format it is a gauge."""
    return kind in _COUNTED and sample.name.endswith("_created")


def _start_ns(kind: str, samples: list[Sample]) -> int:
    """Unix time from which on a point counts; 0 where the target does not tell."""
    found = [sample.value for sample in samples if _is_created(kind, sample)]
    return int(found[0] * 1e9) if found and 0 < found[0] < _LATEST_SECONDS else 0


def _fill(point: Point, samples: list[Sample]) -> None:
    """Put the values of `samples` into `point`."""
    if isinstance(point, HistogramDataPoint):
        _fill_histogram(point, samples)
    elif isinstance(point, SummaryDataPoint):
        for sample in samples:
            if "quantile" in sample.labels:
                point.quantile_values.add(quantile=_number(sample, "quantile"), value=sample.value)
            elif sample.name.endswith("_sum"):
                point.sum = sample.value
            elif sample.name.endswith("_count"):
                point.count = _whole(sample.value)
    else:
        point.as_double = samples[0].value


def _fill_histogram(point: HistogramDataPoint, samples: list[Sample]) -> None:
    buckets = sorted(
        (_number(sample, "le"), _whole(sample.value))
        for sample in samples
        if sample.name.endswith("_bucket")
    )
    passed = 0
    for bound, at_most in buckets:
        point.bucket_counts.append(max(at_most - passed, 0))
        passed = max(at_most, passed)
        if not math.isinf(bound):
            point.explicit_bounds.append(bound)
    point.count = passed
    for sample in samples:
        if sample.name.endswith("_sum"):
            point.sum = sample.value
        elif sample.name.endswith("_count"):
            point.count = _whole(sample.value)


def _number(sample: Sample, label: str) -> float:
    """The number that `label` says."""
    try:
        return float(sample.labels[label])
    except (KeyError, ValueError) as error:
        msg = f"{sample.name} must have a number as {label}, got {sample.labels.get(label)!r}"
        raise ValueError(msg) from error


def _whole(value: float) -> int:
    return int(value) if math.isfinite(value) and value > 0 else 0
