"""The connector: spans end here, metrics come out every `metrics_flush_interval`."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from collectors.component import Batch, ConnectorFactory, Emit, Settings, Signal
from collectors.connectors.spanmetrics.columns import Columns, Spans, group
from collectors.connectors.spanmetrics.config import DELTA, DimensionConfig, SpanMetricsConfig
from collectors.connectors.spanmetrics.metrics import (
    CALLS,
    DURATIONS,
    EVENTS,
    SpanMetric,
    span_metrics,
)
from collectors.counting import OVERFLOWED, Flushing, Groups, Resources, Writing
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, locate

SCOPE: Final = "spanmetricsconnector"
_NO_RESOURCE: Final = b""
_WORDS: Final = "words"


class SpanMetrics:
    """Counts calls, durations and events by resource and dimensions."""

    def __init__(self, config: SpanMetricsConfig, settings: Settings) -> None:
        self._config = config
        self._meter, self._name = settings.meter, settings.component_id
        self._metrics = span_metrics(config)
        every = [of for metric in self._metrics.values() for of in metric.dimensions]
        self._attributes = sorted({of.name for of in every if isinstance(of, DimensionConfig)})
        self._resources = Resources(config.resource_metrics_key_attributes)
        self._flushing = Flushing(config.metrics_flush_interval, settings.meter)

    def step(self, batch: Batch, out: Emit) -> None:
        """Count the spans of `batch`."""
        del out
        self._flushing.takes(batch)
        scanned = locate(Signal.TRACES, batch.payload, batch.items)
        if not len(scanned.entries):
            return
        self._count(scanned, self._numbers(scanned, batch.steady_ns), batch)
        self._drop(self._resources.surplus(self._config.resource_metrics_cache_size))
        self._flushing.took(batch)

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put everything out that there is, whether it moved or not."""
        self._expire(steady_ns)
        writing = Writing(SCOPE, self._resources, self._flushing.wall_ns(steady_ns))
        for metric in self._metrics.values():
            writing.add(metric.family, metric.table.series())
            metric.table.forget_exemplars()
        self._flushing.put_out(writing.request, writing.points, steady_ns, out)
        if self._config.aggregation_temporality == DELTA:
            self.begin_again()
        is_empty = not any(len(metric.table) for metric in self._metrics.values())
        self._flushing.go_on(steady_ns, is_idle=is_empty)

    def next_deadline(self) -> int | None:
        """When the metrics go out next; None while there are none."""
        return self._flushing.due_ns

    def held_items(self) -> int:
        """Spans end here: none is held."""
        return 0

    def snapshot(self) -> bytes:
        """Every series, every resource, and the times."""
        words = {name: metric.meaning for name, metric in self._metrics.items()}
        tables = {name: metric.table.snapshot() for name, metric in self._metrics.items()}
        return pack(
            {
                _WORDS: json.dumps({**self._flushing.words(), **words}).encode(),
                "resources": self._resources.snapshot(),
                **tables,
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`; a metric whose dimensions or buckets are others begins anew."""
        parts = unpack(state)
        words = json.loads(parts[_WORDS])
        self._flushing.take(words)
        self._resources.restore(parts["resources"])
        for name, metric in self._metrics.items():
            if words.get(name) == metric.meaning:
                metric.table.restore(parts[name])

    def begin_again(self) -> None:
        """Forget all series: what was counted before cannot be proven any more."""
        for metric in self._metrics.values():
            metric.table.clear()

    def _count(self, scanned: Scan, resources: Longs, batch: Batch) -> None:
        spans = Spans(scanned, self._attributes, self._config.include_instrumentation_scope)
        calls, durations = self._metrics[CALLS], self._metrics.get(DURATIONS)
        groups = group(spans, calls.dimensions)
        self._add(calls, spans, groups, resources, batch)
        if durations is not None:
            if durations.dimensions != calls.dimensions:
                groups = group(spans, durations.dimensions)
            self._add(durations, spans, groups, resources, batch)
        if EVENTS in self._metrics:
            metric = self._metrics[EVENTS]
            for found in spans.events(self._attributes):
                self._add(metric, found, group(found, metric.dimensions), resources, batch)

    def _add(
        self, metric: SpanMetric, counted: Columns, groups: Groups, resources: Longs, batch: Batch
    ) -> None:
        times = batch.wall_ns, batch.steady_ns
        rows = metric.table.add(groups, resources, counted.durations, *times)
        beyond = metric.table.beyond(groups, rows)
        if beyond:
            self._meter.add(OVERFLOWED, beyond, connector=self._name, metric=metric.family.name)
        if self._config.exemplars.enabled:
            metric.show(counted, groups, rows, self._config.exemplars.max_per_data_point)

    def _numbers(self, scanned: Scan, steady_ns: int) -> Longs:
        """The number of the resource on which the metrics of each resource row stand."""
        if self._config.add_resource_attributes:
            return self._resources.numbers(scanned, steady_ns)
        number = self._resources.number(_NO_RESOURCE, steady_ns)
        return np.full(len(scanned.resources), number, np.int64)

    def _expire(self, steady_ns: int) -> None:
        if self._config.series_expiration:
            for metric in self._metrics.values():
                metric.table.expire(steady_ns - self._config.series_expiration)
        if self._config.metrics_expiration:
            self._drop(self._resources.silent(steady_ns - self._config.metrics_expiration))

    def _drop(self, resources: frozenset[int]) -> None:
        if resources:
            self._resources.drop(resources)
            for metric in self._metrics.values():
                metric.table.drop(resources)


FACTORY = ConnectorFactory(
    config=SpanMetricsConfig,
    create=SpanMetrics,
    routes=frozenset({(Signal.TRACES, Signal.METRICS)}),
)
