"""What a receiver counts: requests that were not taken, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collectors.component import Meter, Signal

ITEMS: Final = {
    Signal.TRACES: "spans",
    Signal.METRICS: "metric_points",
    Signal.LOGS: "log_records",
}
"""How the Collector's own metrics call the items of a signal."""


@dataclass(frozen=True, slots=True)
class ReceiverCounts:
    """Counters of one receiver on one transport (``grpc`` or ``http``)."""

    meter: Meter
    component_id: str
    transport: str

    def refused(self, signal: Signal, items: int) -> None:
        """The sender was told to come again."""
        self._not_taken(signal, items)
        self.meter.add("fleetslo_items_total", items, signal=signal, outcome="refused")

    def rejected(self, signal: Signal, reason: str, items: int = 0) -> None:
        """The sender was told never to send this again; `items` where they could be counted."""
        self.meter.add(
            "fleetslo_receiver_rejected_requests_total",
            1,
            receiver=self.component_id,
            transport=self.transport,
            signal=signal,
            reason=reason,
        )
        if items:
            self._not_taken(signal, items)
            self.meter.add("fleetslo_items_total", items, signal=signal, outcome="rejected")

    def _not_taken(self, signal: Signal, items: int) -> None:
        """The Collector's name for both: items that did not get into a pipeline."""
        self.meter.add(
            f"otelcol_receiver_refused_{ITEMS[signal]}",
            items,
            receiver=self.component_id,
            transport=self.transport,
        )
