"""The connector: spans end here, metrics come out every `metrics_flush_interval`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from collectors.component import Batch, ConnectorFactory, Context, Emit, Settings, Signal
from collectors.connectors.spanmetrics.columns import Spans, group
from collectors.connectors.spanmetrics.config import (
    ALWAYS,
    DELTA,
    DimensionConfig,
    SpanMetricsConfig,
)
from collectors.connectors.spanmetrics.emit import Emitter, Family
from collectors.counting import Exemplar, Exponents, Groups, Resources, Table
from collectors.graph import ITEMS, pack, unpack
from collectors.wire.kernel import Longs
from collectors.wire.scan import locate

Dimension = DimensionConfig | str

_WORDS: Final = "words"


class SpanMetrics:
    """Counts calls and durations by resource and dimensions."""

    def __init__(self, config: SpanMetricsConfig, settings: Settings) -> None:
        self._meter = settings.meter
        self._config = config
        always = [name for name in ALWAYS if name not in config.exclude_dimensions]
        self._of_calls: list[Dimension] = [*always, *config.dimensions, *config.calls_dimensions]
        self._of_durations: list[Dimension] = [
            *always,
            *config.dimensions,
            *config.histogram.dimensions,
        ]
        every = (*config.dimensions, *config.calls_dimensions, *config.histogram.dimensions)
        self._attributes = sorted({of.name for of in every})
        limit, shown = config.aggregation_cardinality_limit, config.exemplars.max_per_data_point
        self._calls = Table((), limit, shown)
        self._durations = Table(config.histogram.buckets, limit, shown)
        self._resources = Resources(config.resource_metrics_key_attributes)
        self._emitter = Emitter(config)
        self._due_ns: int | None = None
        self._wall_less_steady_ns = 0

    def step(self, batch: Batch, out: Emit) -> None:
        """Count the spans of `batch`."""
        del out
        self._meter.add(ITEMS, batch.items, outcome="aggregated")
        scanned = locate(Signal.TRACES, batch.payload, batch.items)
        if not len(scanned.entries):
            return
        spans = Spans(scanned, self._attributes)
        groups = group(spans, self._of_calls)
        numbers = self._resources.numbers(scanned, batch.steady_ns)
        times = batch.wall_ns, batch.steady_ns
        self._calls.add(groups, numbers, spans.durations, *times)
        if not self._config.histogram.disable:
            if self._of_durations != self._of_calls:
                groups = group(spans, self._of_durations)
            rows = self._durations.add(groups, numbers, spans.durations, *times)
            if self._config.exemplars.enabled:
                self._show(spans, groups, rows)
        self._drop(self._resources.surplus(self._config.resource_metrics_cache_size))
        self._wall_less_steady_ns = batch.wall_ns - batch.steady_ns
        if self._due_ns is None:
            self._due_ns = batch.steady_ns + self._config.metrics_flush_interval

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put everything out that there is, whether it moved or not."""
        self._expire(steady_ns)
        wall_ns = self._wall_less_steady_ns + steady_ns
        calls = Family(tuple(self._calls.series()), _names(self._of_calls))
        durations = Family(tuple(self._durations.series()), _names(self._of_durations))
        points = len(calls.series) + len(durations.series)
        if points:
            request = self._emitter.request(calls, durations, self._resources, wall_ns)
            payload = request.SerializeToString()
            self._meter.add(ITEMS, points, outcome="made")
            out(Batch(Signal.METRICS, payload, points, Context(), steady_ns, wall_ns))
        self._durations.forget_exemplars()
        if self._config.aggregation_temporality == DELTA:
            self._calls.clear()
            self._durations.clear()
        is_empty = not len(self._calls) and not len(self._durations)
        self._due_ns = None if is_empty else steady_ns + self._config.metrics_flush_interval

    def next_deadline(self) -> int | None:
        """When the metrics go out next; None while there are none."""
        return self._due_ns

    def held_items(self) -> int:
        """Spans end here: none is held."""
        return 0

    def snapshot(self) -> bytes:
        """Every series, every resource, and the times."""
        words = {
            "due": self._due_ns,
            "wall": self._wall_less_steady_ns,
            "calls": _shape(self._of_calls),
            "durations": self._shape_of_durations(),
        }
        return pack(
            {
                _WORDS: json.dumps(words).encode(),
                "calls": self._calls.snapshot(),
                "durations": self._durations.snapshot(),
                "resources": self._resources.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`; a metric whose dimensions or buckets are others begins anew."""
        parts = unpack(state)
        words = json.loads(parts[_WORDS])
        self._due_ns = words["due"]
        self._wall_less_steady_ns = words["wall"]
        self._resources.restore(parts["resources"])
        if words["calls"] == _shape(self._of_calls):
            self._calls.restore(parts["calls"])
        if words["durations"] == self._shape_of_durations():
            self._durations.restore(parts["durations"])

    def begin_again(self) -> None:
        """Forget all series: what was counted before cannot be proven any more."""
        self._calls.clear()
        self._durations.clear()

    def _show(self, spans: Spans, groups: Groups, rows: Longs) -> None:
        """Offer the slowest traced spans of each group as exemplars."""
        traced = np.flatnonzero(spans.trace_ids.any(axis=1))
        if not len(traced):
            return
        of_span, durations = groups.of_span[traced], spans.durations[traced]
        order = traced[np.lexsort((np.iinfo(np.uint64).max - durations, of_span))]
        sorted_groups = groups.of_span[order]
        starts = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
        ends = [*starts[1:].tolist(), len(order)]
        for start, end in zip(starts.tolist(), ends, strict=True):
            most = start + self._config.exemplars.max_per_data_point
            chosen = order[start : min(end, most)].tolist()
            found = [_exemplar(spans, span) for span in chosen]
            self._durations.show(int(rows[sorted_groups[start]]), found)

    def _shape_of_durations(self) -> list[object]:
        """What a row of the histogram means, in words of JSON."""
        buckets = self._config.histogram.buckets
        if isinstance(buckets, Exponents):
            kind: object = {"max_size": buckets.max_size, "unit_ns": buckets.unit_ns}
        else:
            kind = list(buckets)
        return [_shape(self._of_durations), kind]

    def _expire(self, steady_ns: int) -> None:
        if self._config.series_expiration:
            before_ns = steady_ns - self._config.series_expiration
            self._calls.expire(before_ns)
            self._durations.expire(before_ns)
        if self._config.metrics_expiration:
            self._drop(self._resources.silent(steady_ns - self._config.metrics_expiration))

    def _drop(self, resources: frozenset[int]) -> None:
        if resources:
            self._resources.drop(resources)
            self._calls.drop(resources)
            self._durations.drop(resources)


def _exemplar(spans: Spans, span: int) -> Exemplar:
    return (
        int(spans.durations[span]),
        int(spans.ends[span]),
        spans.trace_ids[span].tobytes(),
        spans.span_ids[span].tobytes(),
    )


def _names(dimensions: Sequence[Dimension]) -> list[str]:
    return [of if isinstance(of, str) else of.name for of in dimensions]


def _shape(dimensions: Sequence[Dimension]) -> list[list[str | None]]:
    """What a key of these dimensions means, in words of JSON."""
    return [[of, None] if isinstance(of, str) else [of.name, of.default] for of in dimensions]


FACTORY = ConnectorFactory(
    config=SpanMetricsConfig,
    create=SpanMetrics,
    routes=frozenset({(Signal.TRACES, Signal.METRICS)}),
)
