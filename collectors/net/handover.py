"""Lets who answers be exchanged while connections stay: what is asked meanwhile waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final, Generic, TypeVar

DRAIN_SECONDS: Final = 5.0
_MOST_WAITING: Final = 4096
"""Requests that wait for who comes: each is a connection's or a stream's, and holds little."""

_Answering = TypeVar("_Answering")


class Handover(Generic[_Answering]):
    """Gives each request to who answers now, or to who will."""

    def __init__(self) -> None:
        self._answering: _Answering | None = None
        self._has_changed = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._under_way = self._waiting = 0
        self._is_closed = False

    def serve(self, answering: _Answering) -> None:
        """Give what waits, and what comes, to `answering`."""
        self._answering = answering
        self._has_changed.set()

    async def pause(self) -> None:
        """Let what comes wait for another `serve`; what is under way has a while to be answered."""
        self._answering = None
        self._has_changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._is_idle.wait()

    def close(self) -> None:
        """Let nobody wait any longer: nobody comes."""
        self._is_closed = True
        self._has_changed.set()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncGenerator[_Answering | None]:
        """Who answers one request; None where nobody will, or too many wait: come again."""
        while (answering := self._answering) is None:
            if self._is_closed or self._waiting >= _MOST_WAITING:
                yield None
                return
            self._waiting += 1
            try:
                await self._has_changed.wait()
            finally:
                self._waiting -= 1
        self._under_way += 1
        self._is_idle.clear()
        try:
            yield answering
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
