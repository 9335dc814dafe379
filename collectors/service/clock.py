"""Two times: a steady one for waits, windows and buckets, a wall one for timestamps.

The steady time goes on where the logs left it and stands still while the daemon is down,
so that nothing that waited is overdue for having been away.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both times, in nanoseconds."""

    def steady_ns(self) -> int:
        """Never goes back, not even over a restart."""
        ...

    def wall_ns(self) -> int:
        """Unix time, as the machine believes it."""
        ...

    def resume(self, steady_ns: int) -> None:
        """Go on from `steady_ns`, if that is ahead."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._shift = -time.monotonic_ns()

    def steady_ns(self) -> int:
        """See `Clock.steady_ns`."""
        return time.monotonic_ns() + self._shift

    def wall_ns(self) -> int:
        """See `Clock.wall_ns`."""
        return time.time_ns()

    def resume(self, steady_ns: int) -> None:
        """See `Clock.resume`."""
        self._shift += max(0, steady_ns - self.steady_ns())
