"""The processor: asks about all items at once, copies what stays."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import ITEMS
from collectors.ottl import CONTEXTS, Conditions
from collectors.processors.filter.config import FilterConfig
from collectors.stateless import Stateless
from collectors.wire.keep import beside, delimited, keep
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, locate, points, scan

_FILTERED: Final = "filtered"


class Filter(Stateless):
    """Drops what a condition holds for, and counts it."""

    def __init__(self, config: FilterConfig, settings: Settings) -> None:
        self._meter = settings.meter
        self._entries = {
            Signal.TRACES: Conditions(config.traces.span, CONTEXTS["span"]),
            Signal.METRICS: Conditions(config.metrics.metric, CONTEXTS["metric"]),
            Signal.LOGS: Conditions(config.logs.log_record, CONTEXTS["log_record"]),
        }
        self._points = Conditions(config.metrics.datapoint, CONTEXTS["datapoint"])

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out what stays of `batch`."""
        conditions = self._entries[batch.signal]
        asks_points = batch.signal is Signal.METRICS and bool(self._points)
        if not conditions and not asks_points:
            out(batch)
            return
        scanned = locate(batch.signal, batch.payload, batch.items)
        stays = ~conditions(conditions.rows(scanned))
        edited: dict[int, bytes] = {}
        if asks_points:
            stays, edited = self._thin(scanned, stays)
        payload = keep(scanned, stays, edited)
        left = batch.items
        if payload is not batch.payload:
            is_metrics = batch.signal is Signal.METRICS  # of which one holds many points
            left = scan(batch.signal, payload).items if is_metrics else int(stays.sum())
            self._meter.add(ITEMS, batch.items - left, outcome=_FILTERED)
        if left or not batch.items:
            out(dataclasses.replace(batch, payload=payload, items=left))

    def _thin(
        self, scanned: Scan, stays: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], dict[int, bytes]]:
        """Take data points out of the metrics that stay; one without any left goes too."""
        rows = self._points.rows(scanned)
        goes = self._points(rows) & stays[rows.entry]
        edited: dict[int, bytes] = {}
        kept = stays.copy()
        concerned = np.unique(rows.entry[goes])
        # The points of a metric follow each other.
        first = np.searchsorted(rows.entry, concerned, "left").tolist()
        last = np.searchsorted(rows.entry, concerned, "right").tolist()
        data = points(scanned).data
        for metric, start, stop in zip(concerned.tolist(), first, last, strict=True):
            mine = rows.at[start:stop][goes[start:stop]]
            if len(mine) == stop - start:
                kept[metric] = False
            else:
                edited[metric] = _without(scanned, scanned.entries[metric], data[mine[0, 3]], mine)
        return kept, edited


def _without(scanned: Scan, metric: Longs, data: Longs, gone: Longs) -> bytes:
    """A metric less data points; whatever else stands in it is copied."""
    _, body, end, _ = metric.tolist()
    start, _, stop, _, field = data.tolist()
    tag = bytes([field << 3 | 2])  # of a message
    left = delimited(beside(scanned, data, gone), tag)
    return b"".join((scanned.payload[body:start], left, scanned.payload[stop:end]))


FACTORY = ProcessorFactory(
    config=FilterConfig,
    create=Filter,
    signals=frozenset(Signal),
    drops="what matches",
)
