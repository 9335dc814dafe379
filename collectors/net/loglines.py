"""Log lines that a hostile client cannot flood: one per key and interval, the rest counted."""

from __future__ import annotations

import logging
import sys
import time
from collections import OrderedDict
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

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


class HttpLogger(logging.Logger):
    """Tells of requests that are no HTTP, or cut off, in one line each, and few per peer.

    aiohttp tells of each with a traceback of twenty lines, which anybody can have written as
    often as he likes; those of our own mistakes stay.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger.name)
        self.parent = logger
        self._told = RateLimited(logger)

    def exception(self, msg: object, *args: object, **how: object) -> None:
        """What aiohttp says: "Error handling request from %s", of a peer."""
        given = how.get("exc_info")
        error = given if isinstance(given, BaseException) else sys.exc_info()[1]
        if not isinstance(error, HttpProcessingError | ConnectionError):
            self.error(msg, *args, exc_info=error)
            return
        peer = str(args[0]) if args else "unknown"
        said = error.message if isinstance(error, HttpProcessingError) else str(error)
        line = said.partition("\n")[0].rstrip(" :").lower() or type(error).__name__
        self._told.warn(peer, f"not HTTP: request from {peer}: {line}", time.monotonic())
