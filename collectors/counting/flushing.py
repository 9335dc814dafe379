"""When a connector that counts puts out its metrics next, and the books of it.

What comes in ends in the connector: it is `aggregated`. What goes out was not there before:
it is `made`. The first batch sets the clock, a tick sets it again.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import Batch, Context, Emit, Meter, Signal
from collectors.graph import ITEMS


class Flushing:
    """The times of one connector.

    Attributes:
        due_ns: Steady time at which the metrics go out next; None while nothing is due.
    """

    def __init__(self, interval_ns: int, meter: Meter) -> None:
        """Nothing is due before the first batch came."""
        self._interval_ns = interval_ns
        self._meter = meter
        self._wall_less_steady_ns = 0
        self.due_ns: int | None = None

    def takes(self, batch: Batch) -> None:
        """Book what came, before anything is done with it."""
        self._meter.add(ITEMS, batch.items, outcome="aggregated")

    def took(self, batch: Batch) -> bool:
        """Know what time it is; whether nothing was due before, and a period begins with it."""
        self._wall_less_steady_ns = batch.wall_ns - batch.steady_ns
        if self.due_ns is not None:
            return False
        self.due_ns = batch.steady_ns + self._interval_ns
        return True

    def wall_ns(self, steady_ns: int) -> int:
        """Unix time, going by the last batch."""
        return self._wall_less_steady_ns + steady_ns

    def put_out(
        self, request: ExportMetricsServiceRequest, points: int, steady_ns: int, out: Emit
    ) -> None:
        """Book and put out `points` data points; nothing where there is none."""
        if points:
            self._meter.add(ITEMS, points, outcome="made")
            payload, wall_ns = request.SerializeToString(), self.wall_ns(steady_ns)
            out(Batch(Signal.METRICS, payload, points, Context(), steady_ns, wall_ns))

    def go_on(self, steady_ns: int, *, is_idle: bool) -> None:
        """Be due again after an interval, or with the next batch where there is nothing to tell."""
        self.due_ns = None if is_idle else steady_ns + self._interval_ns

    def words(self) -> dict[str, int | None]:
        """All state, in words of JSON."""
        return {"due": self.due_ns, "wall": self._wall_less_steady_ns}

    def take(self, words: Mapping[str, int | None]) -> None:
        """Continue from `words`, among which there may be others."""
        self.due_ns, self._wall_less_steady_ns = words["due"], words["wall"] or 0
