"""Look at a request once, in the receiver: is it sound, how many items, from when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.component import Signal
from collectors.wire.kernel import Words
from collectors.wire.parse import Malformed
from collectors.wire.scan import Scan, numbers, points, scan

__all__ = ["Inspected", "Malformed", "inspect"]

_SPAN_END: Final = 8
_POINT_TIME: Final = 3
_RECORD_TIME, _RECORD_OBSERVED = 1, 11


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a request holds.

    Attributes:
        items: Spans, metric data points or log records.
        oldest_ns: Unix time of the oldest item, 0 where none carries a time: a span's end, a
            data point's time, a record's time or else when it was observed.
        newest_ns: Unix time of the newest item, 0 where none carries a time.
    """

    items: int
    oldest_ns: int
    newest_ns: int

    @property
    def emitted_ns(self) -> tuple[int, int] | None:
        """Oldest and newest, as `Intake.submit` takes them; None where no item has a time."""
        return (self.oldest_ns, self.newest_ns) if self.newest_ns else None


def inspect(signal: Signal, payload: bytes, most: int | None = None) -> Inspected:
    """Validate `payload` and tell what is in it; every item is looked at.

    Raises:
        Malformed: It is not a request of that signal, or has more than `most` parts.
    """
    found = scan(signal, payload, most=most)
    times = _times(found)
    dated = times[times > 0]
    if not len(dated):
        return Inspected(found.items, 0, 0)
    return Inspected(found.items, int(dated.min()), int(dated.max()))


def _times(found: Scan) -> Words:
    """When each item was emitted, Unix nanoseconds, 0 where it does not say."""
    match found.signal:
        case Signal.TRACES:
            return numbers(found, found.entries, (_SPAN_END,)).ravel()
        case Signal.METRICS:
            return numbers(found, points(found).at, (_POINT_TIME,)).ravel()
        case Signal.LOGS:
            times = numbers(found, found.entries, (_RECORD_TIME, _RECORD_OBSERVED))
            stated: Words = np.where(times[0] > 0, times[0], times[1])
            return stated
