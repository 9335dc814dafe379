"""Times as the command line writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def at(wall_ns: int) -> str:
    """A Unix time to the second, ``-`` for none."""
    if not wall_ns:
        return "-"
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(timespec="seconds")


def clock(wall_ns: int) -> str:
    """The time of day to the millisecond."""
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
