"""The decision log: what samplers decided and why, for those who ask later.

It is an explanation and not telemetry: it is bounded in bytes and age, nobody waits until it
is on the disk, and what a slow disk does not take in time is left out and counted.
"""

from __future__ import annotations

import threading

from collectors.component import Meter
from collectors.log import Entry, Kind, Log, LogFailed
from collectors.service import names
from collectors.service.clock import Clock

MOST_WAITING_BYTES = 8 << 20
"""Memory for decisions that are on their way to the disk."""

_GROUP_BYTES = 256 << 10


class DecisionLog:
    """Takes decisions of the graph's thread and writes them some time later."""

    def __init__(
        self, log: Log, clock: Clock, meter: Meter, *, most_bytes: int, max_age_seconds: float
    ) -> None:
        """Write to `log`.

        Args:
            log: Not synced; of this writer alone.
            clock: Tells the times of the records.
            meter: Told of what was left out.
            most_bytes: The log on disk.
            max_age_seconds: After how long decisions are let go; 0 is never.
        """
        self._log = log
        self._clock = clock
        self._meter = meter
        self._most_bytes = most_bytes
        self._max_age_ns = int(max_age_seconds * 1e9)
        self._gathered: list[Entry] = []
        self._gathered_bytes = 0
        self._lock = threading.Lock()
        self._waiting_bytes = 0

    def note(self, decision: bytes, pipeline: str = "") -> None:
        """Take one decision, made in `pipeline`; returns at once."""
        clock, words = self._clock, pipeline.encode()
        entry = Entry(Kind.DATA, None, 0, clock.steady_ns(), clock.wall_ns(), words, decision)
        self._gathered.append(entry)
        self._gathered_bytes += entry.size_bytes
        if self._gathered_bytes >= _GROUP_BYTES:
            self.press()

    def press(self) -> None:
        """Hand over what was gathered; returns at once."""
        if not self._gathered:
            return
        entries, size = self._gathered, self._gathered_bytes
        self._gathered, self._gathered_bytes = [], 0
        with self._lock:
            has_room = self._waiting_bytes + size <= MOST_WAITING_BYTES
            self._waiting_bytes += size if has_room else 0
        if not has_room:
            self._left_out(len(entries))
            return

        def done(durable: int, _failure: LogFailed | None) -> None:
            with self._lock:
                self._waiting_bytes -= size
            self._left_out(len(entries) - durable)

        try:
            self._log.submit(entries, done)
        except LogFailed:
            self._left_out(len(entries))

    def trim(self) -> int:
        """Delete what is too much or too old; returns the bytes freed."""
        log = self._log
        freed, excess = 0, log.size_bytes - self._most_bytes
        for segment in log.segments():
            if excess - freed <= 0:
                break
            freed += log.trim(segment.end, self._clock.wall_ns())
        if self._max_age_ns:
            freed += log.trim(log.end, self._clock.wall_ns() - self._max_age_ns)
        return freed

    def _left_out(self, count: int) -> None:
        if count:
            self._meter.add(names.DECISIONS_LEFT_OUT, count)
