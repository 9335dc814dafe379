"""How processors of metrics say what they did with points that are not simply the next one."""

from __future__ import annotations

from typing import Final

from collectors.component import Meter
from collectors.graph import ITEMS
from collectors.wire.kernel import Octets
from collectors.wire.points_kernel import LATE, RESET, TWICE

POINTS_TREATED: Final = "fleetslo_metric_points_treated_total"
"""Data points by processor and what was the matter with them."""

RECORDS_TREATED: Final = "fleetslo_log_records_treated_total"
"""Log records by processor and what was the matter with them."""

CARDINALITY_SERIES: Final = "fleetslo_cardinality_series"
"""Series by metric, of those that have the most."""

CARDINALITY_VALUES: Final = "fleetslo_cardinality_values"
"""Values by attribute, of those that have the most."""

_REASONS: Final = {RESET: "reset", LATE: "late", TWICE: "same_time"}


class Counts:
    """Counts what is dropped for the books, and why for whoever looks."""

    def __init__(self, meter: Meter, processor: str, name: str = POINTS_TREATED) -> None:
        self._meter = meter
        self._processor = processor
        self._name = name

    def of(self, verdict: Octets) -> None:
        """Count verdicts that are worth telling."""
        for code, reason in _REASONS.items():
            self.treated(reason, int((verdict == code).sum()))

    def treated(self, reason: str, points: int) -> None:
        """Say what was the matter with some points."""
        if points:
            self._meter.add(self._name, points, processor=self._processor, reason=reason)

    def book(self, outcome: str, points: int) -> None:
        """Book points as ``made``, ``aggregated`` or ``filtered``."""
        if points:
            self._meter.add(ITEMS, points, outcome=outcome)
