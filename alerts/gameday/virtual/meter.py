"""A meter in virtual time: what is measured in a stretch of steps stands in columns.

It takes the place of the SDK below `collectors.instrument.Instruments`, so that names,
labels, bounds and zero values are those of real agents. All times are the caller's.
"""

# ruff: noqa: ARG002 - the signatures are those of the OpenTelemetry API

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, NoOpMeter, UpDownCounter
from opentelemetry.metrics import _Gauge as Gauge  # the API has no public name for it
from opentelemetry.util.types import Attributes

from slo.catalog import metrics, prometheus_label

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name in Prometheus and its sorted labels."""


Numbers: TypeAlias = npt.NDArray[np.float64]
Steps: TypeAlias = npt.NDArray[np.intp]


@dataclass(slots=True)
class _Buckets:
    """A histogram of one label set: events of each bucket, and their sum in the last place.

    Attributes:
        before: What was counted before the stretch.
        within: What each step of the stretch adds, a row each.
        born: The step at which it was first seen; before that nobody sees it.
    """

    before: Numbers
    within: Numbers
    born: int


class Values:
    """Every series of one process over a stretch of steps; a new one has one step.

    What is counted one by one is counted at the step `now`; whole columns are added at once.
    """

    def __init__(self) -> None:
        """No series yet."""
        self.now = 0
        self.told: Key = ("", ())
        """The series that was counted last."""
        self.observed: Key = ("", ())
        """The histogram that was recorded last, and its attributes as they were given."""
        self._steps = 1
        self._before: dict[Key, float] = {}
        self._added: dict[Key, Numbers] = {}
        self._levels: dict[Key, Numbers] = {}
        self._buckets: dict[Key, _Buckets] = {}
        self._edges: dict[str, tuple[float, ...]] = {}
        self._parts: dict[Key, list[Key]] = {}
        self._keys: dict[Key, Key] = {}

    def begin(self, steps: int) -> None:
        """Begin a stretch of `steps` where the last one ended."""
        for key, added in self._added.items():
            self._before[key] += float(added.sum())
        for key, level in self._levels.items():
            self._before[key] = float(level[-1])
        self._added, self._levels = {}, {}
        for buckets in self._buckets.values():
            width = buckets.within.shape[1]
            buckets.before = buckets.before + buckets.within.sum(axis=0)
            buckets.within, buckets.born = np.zeros((steps, width)), 0
        self._steps, self.now = steps, 0

    def add(self, name: str, amount: float, attributes: Mapping[str, str]) -> None:
        """Add `amount` to the series `name` with the labels that `attributes` become."""
        key = self._key(name, attributes)
        self.told = key
        self._before.setdefault(key, 0.0)
        if amount:
            self._column(key)[self.now] += amount

    def set(self, name: str, value: float, attributes: Mapping[str, str]) -> None:
        """Make `value` the series' newest."""
        key = self._key(name, attributes)
        self.told = key
        before = self._before.setdefault(key, 0.0)
        level = self._levels.setdefault(key, np.full(self._steps, before))
        level[self.now :] = value

    def add_all(self, key: Key, amounts: Numbers) -> None:
        """Add to a known series what each step adds."""
        self._column(key)[:] += amounts

    def set_all(self, key: Key, levels: Numbers | float) -> None:
        """Make `levels` those of a known series at each step."""
        self._added.pop(key, None)
        self._levels[key] = np.full(self._steps, levels)

    def observe(
        self, name: str, value: float, attributes: Mapping[str, str], edges: tuple[float, ...]
    ) -> None:
        """Put `value` into the bucket of a histogram."""
        self._edges[name] = edges
        self.observed = (name, tuple(attributes.items()))
        self.observe_all(self.observed, np.array([self.now], dtype=np.intp), np.array([value]))

    def observe_all(self, given: Key, at: Steps, values: Numbers) -> None:
        """Put each of `values`, seen at the step beside it, into a bucket of a known histogram."""
        edges = self._edges[given[0]]
        width = len(edges) + 2
        buckets = self._buckets.get(given)
        if buckets is None:
            fresh = np.zeros((self._steps, width))
            buckets = self._buckets[given] = _Buckets(np.zeros(width), fresh, int(at[0]))
        place = at * width + np.searchsorted(edges, values)
        size = self._steps * width
        buckets.within += np.bincount(place, minlength=size).reshape(-1, width)
        buckets.within[:, -1] += np.bincount(at, values, self._steps)

    def restart(self) -> None:
        """Begin again at zero, as a new process does; histograms are not there yet."""
        self._before = dict.fromkeys(self._before, 0.0)
        self._added, self._levels, self._buckets = {}, {}, {}

    def items(self) -> Iterator[tuple[Key, float]]:
        """Every series and its newest value."""
        last = np.array([self._steps - 1], dtype=np.intp)
        for key, seen in self.seen(last):
            yield key, float(seen[-1]) if isinstance(seen, np.ndarray) else float(seen)

    def seen(self, steps: Steps) -> Iterator[tuple[Key, Numbers | float]]:
        """Every series and its values after each of `steps`; one number where it stands still.

        A series that is born in between has values for the last of the steps only.
        """
        for key, before in self._before.items():
            if key in self._added:
                yield key, before + np.cumsum(self._added[key])[steps]
            else:
                yield key, self._levels[key][steps] if key in self._levels else before
        for given, buckets in self._buckets.items():
            *keys, count, total = self._shown(*given)
            known = steps[np.searchsorted(steps, buckets.born) :]
            sums = buckets.before + np.cumsum(buckets.within, axis=0)[known]
            reached = np.cumsum(sums[:, :-1], axis=1)
            for number, key in enumerate(keys):
                yield key, reached[:, number]
            yield count, reached[:, -1]
            yield total, sums[:, -1]

    def _column(self, key: Key) -> Numbers:
        if key not in self._added:
            self._added[key] = np.zeros(self._steps)
        return self._added[key]

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
