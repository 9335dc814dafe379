"""What comes out: counters and histograms that are seen at zero before they move, and levels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    NumberDataPoint,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Written

from collectors.counting import Groups, Key, Table, attributes_of, text_value
from collectors.counting import Series as Counted
from collectors.graph import pack, unpack
from collectors.net.fields import SECOND
from slo.catalog import Instrument, Metric

SCOPE: Final = "fleetslo.collector.agentdetectors"
MOST_AT_ONCE: Final = 10_000
"""Most that is counted in a series at one time: what came over the network shall not say more."""

_ONE: Final = np.zeros(1, np.int64)
_WORDS: Final = "words"


class Series:
    """All series of the metrics that are made; others are told to nobody."""

    def __init__(self, made: Sequence[Metric], resource: Mapping[str, str], limit: int) -> None:
        """Begin empty.

        Args:
            made: The metrics.
            resource: Attributes of the resource that they stand on.
            limit: Most series of a metric, 0 for no limit.
        """
        self._of = {metric.name: metric for metric in made}
        self._tables = {
            metric.name: Table(tuple(round(edge * SECOND) for edge in metric.buckets), limit, 0)
            for metric in made
            if metric.instrument in {Instrument.COUNTER, Instrument.HISTOGRAM}
        }
        self._levels: dict[str, dict[Key, int]] = {
            metric.name: {} for metric in made if metric.name not in self._tables
        }
        self._owed: defaultdict[tuple[str, Key], list[int]] = defaultdict(list)
        self._fresh: set[tuple[str, Key]] = set()
        self._resource = dict(sorted(resource.items()))
        self._limit = limit
        self.since_ns = 0
        self._began_ns = 0

    def begin(self, name: str, known: Mapping[str, tuple[str, ...]], steady_ns: int) -> None:
        """Let all series of a counter exist that `known` completes, at zero."""
        table = self._tables.get(name)
        if table is None:
            return
        for labels in self._of[name].zero_sets(known):
            self._begin(table, name, self._key(name, labels), steady_ns)

    def count(self, name: str, labels: Mapping[str, str], times: int, steady_ns: int) -> None:
        """Count; in a series that nobody has seen at zero from the next time on."""
        self._put(name, labels, [0] * min(times, MOST_AT_ONCE), steady_ns)

    def observe(
        self, name: str, labels: Mapping[str, str], values_ns: Sequence[int], steady_ns: int
    ) -> None:
        """Record durations; like `count`."""
        self._put(name, labels, [max(0, value) for value in values_ns], steady_ns)

    def pay(self, steady_ns: int) -> None:
        """Count what was not counted when its series began."""
        owed, self._owed = self._owed, defaultdict(list)
        for (name, key), values in owed.items():
            self._add(self._tables[name], key, values, steady_ns)

    def level(self, name: str, values: Iterable[tuple[Mapping[str, str], int]]) -> None:
        """Set all series of a level."""
        if name in self._levels:
            found = {self._key(name, labels): value for labels, value in values}
            most = self._limit or len(found)
            self._levels[name] = dict(list(found.items())[:most])

    def clear(self) -> None:
        """Begin every counter anew."""
        for table in self._tables.values():
            table.clear()
        self._owed.clear()

    def request(self, wall_ns: int) -> tuple[ExportMetricsServiceRequest, int]:
        """All series, and how many points they are."""
        self._began_ns = self._began_ns or wall_ns
        self._fresh = set()
        made = ExportMetricsServiceRequest()
        resource = made.resource_metrics.add()
        for key, value in self._resource.items():
            resource.resource.attributes.add(key=key).value.string_value = value
        scope = resource.scope_metrics.add()
        scope.scope.name = SCOPE
        points = 0
        for name, metric in self._of.items():
            found = self._points(name)
            if not found:
                continue
            of = scope.metrics.add(name=name, unit=metric.unit, description=metric.meaning)
            for counted in found:
                _write(of, metric, counted, wall_ns)
            points += len(found)
        return made, points

    def snapshot(self) -> bytes:
        """All state."""
        words = {
            "since": self.since_ns,
            "began": self._began_ns,
            "owed": [[name, _words(key), values] for (name, key), values in self._owed.items()],
            "levels": {
                name: [[_words(key), value] for key, value in of.items()]
                for name, of in self._levels.items()
            },
        }
        tables = {name: table.snapshot() for name, table in self._tables.items()}
        return pack({_WORDS: json.dumps(words).encode(), **tables})

    def restore(self, state: bytes) -> None:
        """Continue with every metric that is still made."""
        parts = unpack(state)
        words = json.loads(parts.pop(_WORDS))
        self.since_ns, self._began_ns = int(words["since"]), int(words["began"])
        for name, table in parts.items():
            if name in self._tables:
                self._tables[name].restore(table)
        self._owed = defaultdict(list)
        for name, key, values in words["owed"]:
            if name in self._tables:  # an earlier version told how often
                self._owed[name, _key(key)] = values if isinstance(values, list) else [0] * values
        for name, rows in words["levels"].items():
            if name in self._levels:
                self._levels[name] = {_key(key): int(value) for key, value in rows}

    def _begin(self, table: Table, name: str, key: Key, steady_ns: int) -> None:
        before = len(table)
        table.begin(0, key, self.since_ns, steady_ns)
        if len(table) > before:
            self._fresh.add((name, key))

    def _key(self, name: str, labels: Mapping[str, str]) -> Key:
        keys = [attribute.key for attribute in self._of[name].attributes]
        return tuple(text_value(labels[key]) if labels.get(key) else None for key in keys)

    def _put(self, name: str, labels: Mapping[str, str], values: list[int], steady_ns: int) -> None:
        table = self._tables.get(name)
        if table is None or not values:
            return
        key = self._key(name, labels)
        self._begin(table, name, key, steady_ns)
        if (name, key) in self._fresh:
            self._owed[name, key] += values
        else:
            self._add(table, key, values, steady_ns)

    def _points(self, name: str) -> list[Counted]:
        table = self._tables.get(name)
        if table is not None:
            return list(table.series())
        return [
            Counted(0, key, self._began_ns, value, (), 0, ())
            for key, value in self._levels[name].items()
        ]

    @staticmethod
    def _add(table: Table, key: Key, values: list[int], steady_ns: int) -> None:
        groups = Groups(np.zeros(len(values), np.int64), ((0, key),))
        table.add(groups, _ONE, np.array(values, np.uint64), 0, steady_ns)


def _write(of: Written, metric: Metric, counted: Counted, wall_ns: int) -> None:
    """Put a point to its metric."""
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    if metric.instrument is Instrument.HISTOGRAM:
        of.histogram.aggregation_temporality = cumulative
        point: HistogramDataPoint | NumberDataPoint = of.histogram.data_points.add(
            count=counted.calls,
            sum=counted.total_ns / SECOND,
            bucket_counts=counted.buckets,
            explicit_bounds=metric.buckets,
        )
    else:
        of.sum.aggregation_temporality = cumulative
        of.sum.is_monotonic = metric.instrument is Instrument.COUNTER
        point = of.sum.data_points.add(as_int=counted.calls)
    point.attributes.extend(attributes_of([each.key for each in metric.attributes], counted.key))
    point.start_time_unix_nano, point.time_unix_nano = counted.began_ns, wall_ns


def _words(key: Key) -> list[str | None]:
    return [None if part is None else part.decode("latin-1") for part in key]


def _key(words: list[str | None]) -> Key:
    return tuple(None if word is None else word.encode("latin-1") for word in words)
