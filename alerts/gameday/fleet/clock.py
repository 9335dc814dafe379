"""The clock of a process of the fleet, which can be set wrong while it runs.

Import it before anything that may keep a reference to `time.time`, the OpenTelemetry SDK
above all: from then on both clocks of the `time` module that know the date are ours. What
measures durations and waits is not touched, as on a real machine.
"""

from __future__ import annotations

import time
from typing import Final

_SECOND_NS: Final = 1_000_000_000
_true_ns: Final = time.time_ns


class _Wrong:
    """How far ahead the clock is."""

    ahead_ns = 0


def _now_ns() -> int:
    return _true_ns() + _Wrong.ahead_ns


def _now() -> float:
    return _now_ns() / _SECOND_NS


time.time_ns = _now_ns
time.time = _now


def set_ahead(seconds: float) -> None:
    """Let the clock of this process be so far ahead; 0 sets it right again."""
    _Wrong.ahead_ns = round(seconds * _SECOND_NS)
