"""Reads the HTTP header Retry-After: seconds, a date, or nonsense."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_SECONDS: Final = 600.0
"""A hint beyond ten minutes is cut to it: one wrong header must not silence a destination."""


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, 0 to `LONGEST_SECONDS`; None where the header says nothing usable.

    Args:
        header: The value as received.
        now: The wall clock, with a zone; for dates.

    Source:
        RFC 9110, 10.2.3.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # More digits than that are beyond any cap, and int() refuses thousands of them.
        return LONGEST_SECONDS if len(text) > 9 else min(float(text), LONGEST_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_SECONDS)
