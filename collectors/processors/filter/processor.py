"""The processor: asks about all items at once, copies what stays."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.component import Batch, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import ITEMS
from collectors.ottl import CONTEXTS, Conditions
from collectors.processors.filter.config import FilterConfig
from collectors.stateless import Stateless
from collectors.wire.keep import keep
from collectors.wire.scan import Scan, locate, scan
from collectors.wire.split import data_points

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
        for metric in np.unique(rows.entry[goes]).tolist():
            mine = goes[rows.entry == metric]
            if bool(mine.all()):
                kept[metric] = False
                continue
            _, body, end, _ = scanned.entries[metric].tolist()
            message = Metric.FromString(scanned.payload[body:end])
            listed = data_points(message)
            for index in reversed(np.flatnonzero(mine).tolist()):
                del listed[index : index + 1]
            edited[metric] = message.SerializeToString()
        return kept, edited


FACTORY = ProcessorFactory(
    config=FilterConfig,
    create=Filter,
    signals=frozenset(Signal),
    drops="what matches",
)
