"""Instruments made from the catalogue: its names, units, buckets and attributes, no others.

Metric names, attribute keys and values are a developer's words: a wrong one is raised at
its first use. What an agent meets at run time never raises: past its bound an open
attribute is folded into ``_other``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import Counter, Histogram, Meter, UpDownCounter
from opentelemetry.metrics import _Gauge as Gauge  # the API has no public name for it
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from slo.catalog import Attribute, Instrument, Metric, Source, metrics

OTHER: Final = "_other"
"""What the values of an open attribute past its bound are called."""

_COUNTED: Final = (Instrument.COUNTER, Instrument.UP_DOWN_COUNTER)

_Key = tuple[str, tuple[tuple[str, str], ...]]


def views() -> list[View]:
    """One view for each metric: its buckets, and its attributes and no others."""
    return [
        View(
            instrument_name=metric.name,
            attribute_keys={attribute.key for attribute in metric.attributes},
            aggregation=ExplicitBucketHistogramAggregation(metric.buckets)
            if metric.buckets
            else None,
        )
        for metric in metrics().metrics
    ]


class Instruments:
    """Records what is measured under the catalogue's names. Safe in threads."""

    def __init__(self, meter: Meter, constants: Mapping[str, str]) -> None:
        """Record through `meter`; `constants` are added where a metric has the attribute."""
        self._meter = meter
        self._constants = dict(constants)
        self._lock = threading.Lock()
        self._counters: dict[str, Counter | UpDownCounter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._levels: dict[_Key, float] = {}
        self._seen: dict[str, set[str]] = {}
        self._metrics = {metric.name: metric for metric in metrics().metrics}
        self._declared = {
            metric.name: {attribute.key: attribute for attribute in metric.attributes}
            for metric in metrics().metrics
        }

    def add(self, name: str, value: float, attributes: Mapping[str, str]) -> None:
        """Add `value` to a counter; 0 or more unless it counts up and down.

        Raises:
            KeyError: The catalogue has no such metric, or the metric no such attribute.
            ValueError: The attribute cannot have this value, or the metric is no counter.
        """
        metric = self._metrics[name]
        self._counter(metric).add(value, self._labels(metric, attributes))

    def record(self, name: str, value: float, attributes: Mapping[str, str]) -> None:
        """Record one observation in a histogram.

        Raises:
            KeyError: As `add`.
            ValueError: As `add`, or the metric is no histogram.
        """
        metric = self._metrics[name]
        self._histogram(metric).record(value, self._labels(metric, attributes))

    def set(self, name: str, value: float, attributes: Mapping[str, str]) -> None:
        """Set the level of a gauge, or of a counter that goes up and down.

        Raises:
            KeyError: As `add`.
            ValueError: As `add`, or the metric has no level.
        """
        metric = self._metrics[name]
        labels = self._labels(metric, attributes)
        if metric.instrument is Instrument.GAUGE:
            self._gauge(metric).set(value, labels)
            return
        if metric.instrument is not Instrument.UP_DOWN_COUNTER:
            msg = f"{metric.name} has no level, it is a {metric.instrument.value}"
            raise ValueError(msg)
        key = (metric.name, tuple(sorted(labels.items())))
        counter = self._counter(metric)
        with self._lock:
            counter.add(value - self._levels.get(key, 0.0), labels)
            self._levels[key] = value

    def start_at_zero(self, source: Source, known: Mapping[str, tuple[str, ...]]) -> None:
        """Let every series that `source` may count exist from the start.

        Histograms cannot: OpenTelemetry has no observation of nothing.
        """
        for metric in self._metrics.values():
            if metric.source is source and metric.instrument in _COUNTED:
                self.start_metric_at_zero(metric.name, known)

    def start_metric_at_zero(self, name: str, known: Mapping[str, tuple[str, ...]]) -> None:
        """Let the series of one counter exist; see `Metric.zero_sets` for `known`.

        Raises:
            KeyError: The catalogue has no such metric.
            ValueError: The metric is no counter.
        """
        metric = self._metrics[name]
        if metric.name.startswith("process."):
            return  # read from the operating system, never added to
        constants = {key: (value,) for key, value in self._constants.items()}
        counter = self._counter(metric)
        for labels in metric.zero_sets({**constants, **known}):
            # The SDK tells a member of an enumeration from the text it equals, and would
            # keep two series.
            counter.add(0, {key: str(value) for key, value in labels.items()})

    def _counter(self, metric: Metric) -> Counter | UpDownCounter:
        """The instrument of `metric`, made once.

        Raises:
            ValueError: The metric is no counter.
        """
        if metric.name in self._counters:
            return self._counters[metric.name]
        if metric.instrument not in _COUNTED:
            msg = f"{metric.name} is no counter, it is a {metric.instrument.value}"
            raise ValueError(msg)
        create = (
            self._meter.create_counter
            if metric.instrument is Instrument.COUNTER
            else self._meter.create_up_down_counter
        )
        with self._lock:
            if metric.name not in self._counters:
                self._counters[metric.name] = create(metric.name, metric.unit, metric.meaning)
            return self._counters[metric.name]

    def _histogram(self, metric: Metric) -> Histogram:
        """The instrument of `metric`, made once.

        Raises:
            ValueError: The metric is no histogram.
        """
        if metric.name in self._histograms:
            return self._histograms[metric.name]
        if metric.instrument is not Instrument.HISTOGRAM:
            msg = f"{metric.name} is no histogram, it is a {metric.instrument.value}"
            raise ValueError(msg)
        with self._lock:
            if metric.name not in self._histograms:
                self._histograms[metric.name] = self._meter.create_histogram(
                    metric.name, metric.unit, metric.meaning
                )
            return self._histograms[metric.name]

    def _gauge(self, metric: Metric) -> Gauge:
        """The instrument of `metric`, made once."""
        with self._lock:
            if metric.name not in self._gauges:
                self._gauges[metric.name] = self._meter.create_gauge(
                    metric.name, metric.unit, metric.meaning
                )
            return self._gauges[metric.name]

    def _labels(self, metric: Metric, attributes: Mapping[str, str]) -> dict[str, str]:
        """The constants that apply, and `attributes`, checked and bounded.

        Raises:
            KeyError: The metric has no such attribute.
            ValueError: The attribute cannot have this value.
        """
        declared = self._declared[metric.name]
        labels = {key: value for key, value in self._constants.items() if key in declared}
        for key, value in attributes.items():
            if key not in declared:
                msg = f"{metric.name} has no attribute {key}, only {sorted(declared)}"
                raise KeyError(msg)
            labels[key] = self._bounded(declared[key], str(value))
        return labels

    def _bounded(self, attribute: Attribute, value: str) -> str:
        """`value`, or `OTHER` once an open attribute has had all the values it may have.

        Raises:
            ValueError: A closed attribute cannot have this value.
        """
        if attribute.values:
            if value not in attribute.values:
                msg = f"{attribute.key} cannot be {value!r}, only {list(attribute.values)}"
                raise ValueError(msg)
            return value
        with self._lock:
            seen = self._seen.setdefault(attribute.key, set())
            if value not in seen and len(seen) >= attribute.bound:
                return OTHER
            seen.add(value)
        return value
