"""The metrics that come out: what each counts, by which dimensions, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collectors.connectors.spanmetrics.columns import Columns
from collectors.connectors.spanmetrics.config import (
    DELTA,
    UNITS_NS,
    DimensionConfig,
    SpanMetricsConfig,
)
from collectors.counting import CUMULATIVE, Exemplar, Exponents, Family, Groups, Shape, Table
from collectors.counting import DELTA as DELTA_IN_OTLP
from collectors.wire.kernel import Longs

Dimension = DimensionConfig | str

CALLS, DURATIONS, EVENTS = "calls", "durations", "events"


@dataclass(frozen=True, slots=True)
class SpanMetric:
    """One metric, and its series.

    Attributes:
        meaning: What a row of its table is, in words of JSON; another one begins anew.
    """

    dimensions: tuple[Dimension, ...]
    family: Family
    table: Table
    meaning: list[object]

    def show(self, counted: Columns, groups: Groups, rows: Longs, most: int) -> None:
        """Offer the slowest spans of each group that have a trace as exemplars."""
        traced = np.flatnonzero(counted.trace_ids.any(axis=1))
        if not len(traced):
            return
        of, durations = groups.of_span[traced], counted.durations[traced]
        order = traced[np.lexsort((np.iinfo(np.uint64).max - durations, of))]
        sorted_groups = groups.of_span[order]
        starts = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
        ends = [*starts[1:].tolist(), len(order)]
        for start, end in zip(starts.tolist(), ends, strict=True):
            chosen = order[start : min(end, start + most)].tolist()
            found = [_exemplar(counted, row) for row in chosen]
            self.table.show(int(rows[sorted_groups[start]]), found)


def span_metrics(config: SpanMetricsConfig) -> dict[str, SpanMetric]:
    """Those that are made, in the order in which they are put out."""
    everywhere: tuple[Dimension, ...] = (*config.always, *config.dimensions)
    made = {CALLS: _counter(config, "calls", (*everywhere, *config.calls_dimensions))}
    if not config.histogram.disable:
        made[DURATIONS] = _durations(config, (*everywhere, *config.histogram.dimensions))
    if config.events.enabled:
        made[EVENTS] = _counter(config, "events", (*everywhere, *config.events.dimensions))
    return made


def _counter(config: SpanMetricsConfig, name: str, dimensions: Sequence[Dimension]) -> SpanMetric:
    family = _family(config, name, Shape.CALLS, dimensions)
    return SpanMetric(tuple(dimensions), family, _table(config, ()), _meaning(config, dimensions))


def _durations(config: SpanMetricsConfig, dimensions: Sequence[Dimension]) -> SpanMetric:
    family = _family(config, "duration", Shape.HISTOGRAM, dimensions)
    buckets = config.histogram.buckets
    if isinstance(buckets, Exponents):
        kind: object = {"max_size": buckets.max_size, "unit_ns": buckets.unit_ns}
    else:
        kind = list(buckets)
    meaning: list[object] = [_meaning(config, dimensions), kind]
    return SpanMetric(tuple(dimensions), family, _table(config, buckets), meaning)


def _family(
    config: SpanMetricsConfig, name: str, shape: Shape, dimensions: Sequence[Dimension]
) -> Family:
    prefix = f"{config.namespace}." if config.namespace else ""
    unit_ns, buckets = UNITS_NS[config.histogram.unit], config.histogram.buckets
    is_delta = config.aggregation_temporality == DELTA
    return Family(
        name=prefix + name,
        unit=config.histogram.unit if shape is Shape.HISTOGRAM else "",
        shape=shape,
        temporality=DELTA_IN_OTLP if is_delta else CUMULATIVE,
        dimensions=tuple(of if isinstance(of, str) else of.name for of in dimensions),
        scale=unit_ns,
        bounds=() if isinstance(buckets, Exponents) else tuple(of / unit_ns for of in buckets),
    )


def _table(config: SpanMetricsConfig, buckets: tuple[int, ...] | Exponents) -> Table:
    limit = config.aggregation_cardinality_limit
    return Table(buckets, limit, config.exemplars.max_per_data_point)


def _meaning(config: SpanMetricsConfig, dimensions: Sequence[Dimension]) -> list[object]:
    """What a key of these dimensions means, and what it stands on."""
    words = [[of, None] if isinstance(of, str) else [of.name, of.default] for of in dimensions]
    return [*words, *([] if config.add_resource_attributes else ["no resource"])]


def _exemplar(counted: Columns, row: int) -> Exemplar:
    return (
        int(counted.durations[row]),
        int(counted.times[row]),
        counted.trace_ids[row].tobytes(),
        counted.span_ids[row].tobytes(),
    )
