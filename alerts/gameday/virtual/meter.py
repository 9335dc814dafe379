"""A meter in virtual time: what is measured stands still until somebody looks.

It takes the place of the SDK below `collectors.instrument.Instruments`, so that names,
labels, bounds and zero values are those of real agents. All times are the caller's.
"""

# ruff: noqa: ARG002 - the signatures are those of the OpenTelemetry API

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, NoOpMeter, UpDownCounter
from opentelemetry.metrics import _Gauge as Gauge  # the API has no public name for it
from opentelemetry.util.types import Attributes

from slo.catalog import metrics, prometheus_label

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name in Prometheus and its sorted labels."""


class Values:
    """The newest value of every series of one process."""

    def __init__(self) -> None:
        """No series yet."""
        self._values: dict[Key, float] = {}
        self._within: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
        self._edges: dict[str, tuple[float, ...]] = {}
        self._parts: dict[tuple[str, tuple[tuple[str, str], ...]], list[Key]] = {}
        self._keys: dict[tuple[str, tuple[tuple[str, str], ...]], Key] = {}

    def add(self, name: str, amount: float, attributes: Mapping[str, str]) -> None:
        """Add `amount` to the series `name` with the labels that `attributes` become."""
        key = self._key(name, attributes)
        self._values[key] = self._values.get(key, 0.0) + amount

    def set(self, name: str, value: float, attributes: Mapping[str, str]) -> None:
        """Make `value` the series' newest."""
        self._values[self._key(name, attributes)] = value

    def observe(
        self, name: str, value: float, attributes: Mapping[str, str], edges: tuple[float, ...]
    ) -> None:
        """Put `value` into the bucket of a histogram; the last place of each is the sum."""
        self._edges[name] = edges
        given = (name, tuple(attributes.items()))
        counts = self._within.setdefault(given, [0.0] * (len(edges) + 2))
        counts[bisect_left(edges, value)] += 1
        counts[-1] += value

    def restart(self) -> None:
        """Begin again at zero, as a new process does; histograms are not there yet."""
        self._values = dict.fromkeys(self._values, 0.0)
        self._within = {}

    def items(self) -> Iterator[tuple[Key, float]]:
        """Every series and its newest value."""
        yield from self._values.items()
        for given, counts in self._within.items():
            *buckets, count, total = self._shown(*given)
            reached = list(accumulate(counts[:-1]))
            yield from zip(buckets, reached, strict=True)
            yield count, reached[-1]
            yield total, counts[-1]

    def _shown(self, name: str, attributes: tuple[tuple[str, str], ...]) -> list[Key]:
        """The series of a histogram: its buckets, its count, its sum."""
        if (name, attributes) not in self._parts:
            labels = dict(attributes)
            edges = (_edge(edge) for edge in (*self._edges[name], math.inf))
            self._parts[name, attributes] = [
                *(self._key(f"{name}_bucket", {**labels, "le": edge}) for edge in edges),
                self._key(f"{name}_count", labels),
                self._key(f"{name}_sum", labels),
            ]
        return self._parts[name, attributes]

    def _key(self, name: str, attributes: Mapping[str, str]) -> Key:
        given = (name, tuple(attributes.items()))
        if given not in self._keys:
            labels = {prometheus_label(key): str(value) for key, value in attributes.items()}
            found = ((key, value) for key, value in labels.items() if value)
            self._keys[given] = (name, tuple(sorted(found)))
        return self._keys[given]


class VirtualMeter(NoOpMeter):
    """Makes instruments that write into `values`, under their names in Prometheus."""

    def __init__(self, values: Values) -> None:
        """Write into `values`."""
        super().__init__("virtual")
        self._into = values

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Counter:
        """A counter of the catalogue."""
        return _Counter(self._into, name)

    def create_up_down_counter(
        self, name: str, unit: str = "", description: str = ""
    ) -> UpDownCounter:
        """A level of the catalogue that is added to."""
        return _UpDownCounter(self._into, name)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Gauge:
        """A level of the catalogue that is set."""
        return _Level(self._into, name)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        """A histogram of the catalogue, with the catalogue's buckets."""
        return _Histogram(self._into, name)


class _Counter(Counter):
    def __init__(self, values: Values, name: str) -> None:
        self._values, self._name = values, metrics().metric(name).prometheus

    def add(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        self._values.add(self._name, amount, _texts(attributes))


class _UpDownCounter(UpDownCounter):
    def __init__(self, values: Values, name: str) -> None:
        self._values, self._name = values, metrics().metric(name).prometheus

    def add(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        self._values.add(self._name, amount, _texts(attributes))


class _Level(Gauge):
    def __init__(self, values: Values, name: str) -> None:
        self._values, self._name = values, metrics().metric(name).prometheus

    def set(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        self._values.set(self._name, amount, _texts(attributes))


class _Histogram(Histogram):
    def __init__(self, values: Values, name: str) -> None:
        metric = metrics().metric(name)
        self._values, self._name, self._buckets = values, metric.prometheus, metric.buckets

    def record(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        self._values.observe(self._name, amount, _texts(attributes), self._buckets)


def _edge(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else str(float(edge))


def _texts(attributes: Attributes) -> Mapping[str, str]:
    return {key: str(value) for key, value in (attributes or {}).items()}
