"""The daemon's own metrics: counted here, printed in Prometheus' text format.

A counter exists from the moment its labels are known, at zero: an alert on its rate must
not wait for the second event.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isnan

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from collectors.service.names import METRICS, RESERVED_PREFIXES, MetricKind, MetricSpec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


@dataclass(slots=True)
class _Histogram:
    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class _Family:
    spec: MetricSpec
    values: dict[Labels, float] = field(default_factory=dict[Labels, float])
    histograms: dict[Labels, _Histogram] = field(default_factory=dict[Labels, _Histogram])


class SelfMeter:
    """A `Meter` that any thread may count in.

    Names beginning with `otelcol_` or `fleetslo_` must stand in `METRICS`; others, of
    components by other people, come into being with the labels of their first use.
    """

    def __init__(self, metrics: Mapping[str, MetricSpec] = METRICS) -> None:
        self._lock = threading.Lock()
        self._families = {name: _Family(spec) for name, spec in metrics.items()}
        self._before: list[Callable[[], None]] = []
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Source(self))

    def before_collect(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each scrape: it sets what is looked at rather than counted."""
        self._before.append(refresh)

    def add(self, name: str, value: int, **labels: str) -> None:
        """See `Meter.add`. Adding 0 makes the counter appear."""
        with self._lock:
            family, key = self._find(name, MetricKind.COUNTER, labels)
            family.values[key] = family.values.get(key, 0) + value

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """See `Meter.set`; a counter may be set to what another counter says."""
        with self._lock:
            family, key = self._find(name, MetricKind.GAUGE, labels)
            if isnan(value):
                family.values.pop(key, None)
            else:
                family.values[key] = value

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        """See `Meter.observe`. A count of 0 makes the histogram appear."""
        with self._lock:
            family, key = self._find(name, MetricKind.HISTOGRAM, labels)
            edges = family.spec.edges
            histogram = family.histograms.get(key)
            if histogram is None:
                histogram = family.histograms[key] = _Histogram([0] * (len(edges) + 1))
            histogram.counts[bisect_left(edges, value)] += count
            histogram.total += value * count

    def value(self, name: str, **labels: str) -> float:
        """What a counter or gauge stands at; 0 if it never was."""
        with self._lock:
            family = self._families[name]
            return family.values.get(_key(family.spec, labels), 0)

    def collect(self) -> list[Metric]:
        """All metrics that have a sample."""
        for refresh in self._before:
            refresh()
        with self._lock:
            return [
                _metric(family)
                for _, family in sorted(self._families.items())
                if family.values or family.histograms
            ]

    def _find(
        self, name: str, kind: MetricKind, labels: Mapping[str, str]
    ) -> tuple[_Family, Labels]:
        family = self._families.get(name)
        if family is None:
            if name.startswith(RESERVED_PREFIXES):
                msg = f"metric {name} is not in collectors.service.names"
                raise ValueError(msg)
            spec = MetricSpec(name, kind, "Counted by a component.", tuple(sorted(labels)))
            family = self._families[name] = _Family(spec)
        return family, _key(family.spec, labels)


class _Source:
    """The meter as prometheus_client knows collectors."""

    def __init__(self, meter: SelfMeter) -> None:
        self._meter = meter

    def collect(self) -> Iterable[Metric]:
        return self._meter.collect()


def exposition(registry: CollectorRegistry) -> bytes:
    """All of `registry` in the text format, names as they are.

    prometheus_client's own printer appends `_total` to a counter's name in its HELP and
    TYPE lines; the Collector's names have none.
    """
    lines: list[str] = []
    for metric in registry.collect():
        lines.append(f"# HELP {metric.name} {_escape_help(metric.documentation)}")
        lines.append(f"# TYPE {metric.name} {metric.type}")
        lines += [
            f"{sample.name}{_braces(sample.labels)} {_number(sample.value)}"
            for sample in metric.samples
        ]
    return ("\n".join(lines) + "\n").encode()


def _key(spec: MetricSpec, labels: Mapping[str, str]) -> Labels:
    """The values of the labels in the order of `spec`; behind them name and value of others."""
    known = tuple([labels.get(name, "") for name in spec.labels])
    more = sorted(labels.keys() - frozenset(spec.labels))
    if more and not spec.open:
        msg = f"metric {spec.name} has the labels {spec.labels}, got {tuple(labels)}"
        raise ValueError(msg)
    return (*known, *(part for name in more for part in (name, labels[name])))


def _labels(spec: MetricSpec, key: Labels) -> dict[str, str]:
    own = len(spec.labels)
    known = dict(zip(spec.labels, key[:own], strict=True))
    return known | dict(zip(key[own::2], key[own + 1 :: 2], strict=True))


def _metric(family: _Family) -> Metric:
    spec = family.spec
    metric = Metric(spec.name, spec.help, spec.kind)
    metric.name = spec.name  # the constructor takes `_total` off a counter's name
    for key, value in sorted(family.values.items()):
        metric.add_sample(spec.name, _labels(spec, key), value)
    for key, histogram in sorted(family.histograms.items()):
        for name, extra, value in _buckets(spec, histogram):
            metric.add_sample(name, {**_labels(spec, key), **extra}, value)
    return metric


def _buckets(
    spec: MetricSpec, histogram: _Histogram
) -> Iterator[tuple[str, dict[str, str], float]]:
    running = 0
    for edge, count in zip((*spec.edges, inf), histogram.counts, strict=True):
        running += count
        yield f"{spec.name}_bucket", {"le": _number(edge)}, running
    yield f"{spec.name}_sum", {}, histogram.total
    yield f"{spec.name}_count", {}, running


def _number(value: float) -> str:
    """As the text format has it: the shortest digits that read back the same."""
    if value == inf:
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _braces(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_escape_label(value)}"' for name, value in labels.items() if value]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escape_label(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
