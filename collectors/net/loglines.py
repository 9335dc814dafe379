"""Log lines that a hostile client cannot flood: one per key and interval, the rest counted."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

_INTERVAL_SECONDS: Final = 10.0
_MAX_KEYS: Final = 1024


class RateLimited:
    """Warnings about peers, at most one per peer and `_INTERVAL_SECONDS`.

    Bounded memory: the peer that was quiet for longest is forgotten first.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def warn(self, key: str, text: str, now_seconds: float) -> bool:
        """Log `text` unless `key` was logged shortly before; whether it was logged.

        Args:
            key: Usually the address of the peer, without port.
            text: One line; what a client sent is in it only as `repr`.
            now_seconds: A monotonic clock.
        """
        last, unsaid = self._told.get(key, (-_INTERVAL_SECONDS, 0))
        if now_seconds - last < _INTERVAL_SECONDS:
            self._told[key] = (last, unsaid + 1)
            return False
        more = f" ({unsaid} more like it before)" if unsaid else ""
        self._logger.warning("%s%s", text, more)
        self._told[key] = (now_seconds, 0)
        self._told.move_to_end(key)
        if len(self._told) > _MAX_KEYS:
            self._told.popitem(last=False)
        return True
