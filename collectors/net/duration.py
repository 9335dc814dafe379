"""Go durations, as the OpenTelemetry Collector's YAML writes them: ``1m30s``, ``200ms``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_UNITS_NS: Final = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ns": 1,
}
_TERM: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns)")
_LONGEST_NS: Final = 2**63 - 1  # int64 nanoseconds, 292 years


def parse(text: str) -> int:
    """Nanoseconds that `text` stands for.

    Raises:
        ValueError: Not a Go duration, negative, or beyond 292 years.

    Source:
        Go, package time, ParseDuration.
    """
    stripped = text.strip()
    if stripped == "0":
        return 0
    total, position = Decimal(0), 0
    while match := _TERM.match(stripped, position):
        total += Decimal(match[1]) * _UNITS_NS[match[2]]
        position = match.end()
    if position == 0 or position != len(stripped):
        msg = f"must be a duration such as 200ms, 5s or 1h30m, got {text!r}"
        raise ValueError(msg)
    if total > _LONGEST_NS:
        msg = f"must be below 292 years, got {text!r}"
        raise ValueError(msg)
    return int(total)


def show(nanoseconds: int) -> str:
    """The shortest spelling with whole numbers: ``1h30m``, ``200ms``, ``0s``."""
    if nanoseconds == 0:
        return "0s"
    rest, parts = nanoseconds, list[str]()
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, rest = divmod(rest, _UNITS_NS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
