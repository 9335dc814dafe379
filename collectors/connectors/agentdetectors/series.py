"""The metrics that come out: counters that are seen at zero before they move, and levels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from collectors.counting import Groups, Key, Table, attributes_of, text_value
from collectors.graph import pack, unpack
from slo.catalog import Instrument, Metric

SCOPE: Final = "fleetslo.collector.agentdetectors"
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
        self._counters = {
            metric.name: Table((), limit, 0)
            for metric in made
            if metric.instrument is Instrument.COUNTER
        }
        self._levels: dict[str, dict[Key, int]] = {
            metric.name: {} for metric in made if metric.name not in self._counters
        }
        self._owed: Counter[tuple[str, Key]] = Counter()
        self._fresh: set[tuple[str, Key]] = set()
        self._resource = dict(sorted(resource.items()))
        self._limit = limit
        self.since_ns = 0
        self._began_ns = 0

    def begin(self, name: str, known: Mapping[str, tuple[str, ...]], steady_ns: int) -> None:
        """Let all series of a counter exist that `known` completes, at zero."""
        table = self._counters.get(name)
        if table is None:
            return
        for labels in self._of[name].zero_sets(known):
            self._begin(table, name, self._key(name, labels), steady_ns)

    def count(self, name: str, labels: Mapping[str, str], times: int, steady_ns: int) -> None:
        """Count; in a series that nobody has seen at zero from the next time on."""
        table = self._counters.get(name)
        if table is None or not times:
            return
        key = self._key(name, labels)
        self._begin(table, name, key, steady_ns)
        if (name, key) in self._fresh:
            self._owed[name, key] += times
        else:
            self._add(table, key, times, steady_ns)

    def pay(self, steady_ns: int) -> None:
        """Count what was not counted when its series began."""
        owed, self._owed = self._owed, Counter()
        for (name, key), times in owed.items():
            self._add(self._counters[name], key, times, steady_ns)

    def level(self, name: str, values: Iterable[tuple[Mapping[str, str], int]]) -> None:
        """Set all series of a level."""
        if name in self._levels:
            found = {self._key(name, labels): value for labels, value in values}
            most = self._limit or len(found)
            self._levels[name] = dict(list(found.items())[:most])

    def clear(self) -> None:
        """Begin every counter anew."""
        for table in self._counters.values():
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
            of.sum.aggregation_temporality = (
                AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            )
            of.sum.is_monotonic = name in self._counters
            dimensions = [attribute.key for attribute in metric.attributes]
            for of_key, began_ns, total in found:
                of.sum.data_points.add(
                    attributes=attributes_of(dimensions, of_key),
                    start_time_unix_nano=began_ns,
                    time_unix_nano=wall_ns,
                    as_int=total,
                )
            points += len(found)
        return made, points

    def snapshot(self) -> bytes:
        """All state."""
        words = {
            "since": self.since_ns,
            "began": self._began_ns,
            "owed": [[name, _words(key), of] for (name, key), of in self._owed.items()],
            "levels": {
                name: [[_words(key), value] for key, value in of.items()]
                for name, of in self._levels.items()
            },
        }
        tables = {name: table.snapshot() for name, table in self._counters.items()}
        return pack({_WORDS: json.dumps(words).encode(), **tables})

    def restore(self, state: bytes) -> None:
        """Continue with every metric that is still made."""
        parts = unpack(state)
        words = json.loads(parts.pop(_WORDS))
        self.since_ns, self._began_ns = int(words["since"]), int(words["began"])
        for name, table in parts.items():
            if name in self._counters:
                self._counters[name].restore(table)
        self._owed = Counter(
            {(name, _key(key)): of for name, key, of in words["owed"] if name in self._counters}
        )
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

    def _points(self, name: str) -> list[tuple[Key, int, int]]:
        table = self._counters.get(name)
        if table is None:
            return [(key, self._began_ns, value) for key, value in self._levels[name].items()]
        return [(of.key, of.began_ns, of.calls) for of in table.series()]

    @staticmethod
    def _add(table: Table, key: Key, times: int, steady_ns: int) -> None:
        groups = Groups(np.zeros(times, np.int64), ((0, key),))
        table.add(groups, _ONE, np.zeros(times, np.uint64), 0, steady_ns)


def _words(key: Key) -> list[str | None]:
    return [None if part is None else part.decode("latin-1") for part in key]


def _key(words: list[str | None]) -> Key:
    return tuple(None if word is None else word.encode("latin-1") for word in words)
