"""A bar on stderr for what takes longer than two seconds, where somebody looks at it."""

from __future__ import annotations

import sys
import time
from typing import Final

_PATIENCE_SECONDS: Final = 2.0
_EACH_SECONDS: Final = 0.1
_WIDTH: Final = 30


class Progress:
    """How many bytes of a known number are done; shows itself when it must."""

    def __init__(self, what: str, total_bytes: int) -> None:
        """Begin.

        Args:
            what: Is being done.
            total_bytes: 0 shows nothing.
        """
        self._what = what
        self._total = total_bytes
        self._done = 0
        self._began = self._shown_at = time.monotonic()
        self._is_shown = False
        self._can_show = total_bytes > 0 and sys.stderr.isatty()

    def passed(self, size_bytes: int) -> None:
        """So many more are done."""
        self._done += size_bytes
        if not self._can_show:
            return
        now = time.monotonic()
        if now - self._began >= _PATIENCE_SECONDS and now - self._shown_at >= _EACH_SECONDS:
            self._shown_at, self._is_shown = now, True
            self._draw(now)

    def close(self) -> None:
        """Take the bar away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self, now: float) -> None:
        share = min(1.0, self._done / self._total)
        bar = "#" * int(share * _WIDTH)
        left = (now - self._began) * (1 - share) / share if share else 0
        sys.stderr.write(f"\r\x1b[K{self._what} [{bar:<{_WIDTH}}] {share:4.0%}  {left:.0f} s to go")
        sys.stderr.flush()
