"""The worst offenders, as metrics of the daemon: a few names, and gone once they are not."""

from __future__ import annotations

import math
from collections.abc import Iterable

from collectors.component import Meter
from collectors.processors.cardinality.admission import Admission
from collectors.series.counts import CARDINALITY_SERIES, CARDINALITY_VALUES


class Report:
    """Tells of one sender's series, now and then; no part of the state."""

    def __init__(self, meter: Meter, processor: str, tenant: str, interval_ns: int) -> None:
        self._meter = meter
        self._labels = {"processor": processor, "tenant": tenant}
        self._interval_ns = interval_ns
        self._told_ns: int | None = None
        self._told: dict[str, set[str]] = {}

    def tell(self, admission: Admission, steady_ns: int) -> None:
        """Say which metrics and attributes take the most, if it is time to."""
        if self._told_ns is not None and steady_ns - self._told_ns < self._interval_ns:
            return
        self._told_ns = steady_ns
        self._name(CARDINALITY_SERIES, "metric", admission.most_series())
        self._name(CARDINALITY_VALUES, "attribute", admission.most_values())

    def _name(self, gauge: str, label: str, most: Iterable[tuple[str, int]]) -> None:
        named = dict(most)
        for name in self._told.get(gauge, set()) - named.keys():
            self._meter.set(gauge, math.nan, **self._labels, **{label: name})
        for name, count in named.items():
            self._meter.set(gauge, count, **self._labels, **{label: name})
        self._told[gauge] = set(named)
