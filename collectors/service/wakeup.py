"""Call back into the event loop from threads that must not wait, once for many at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Mailbox:
    """Calls handed over by threads, made on the loop in order.

    A group of appends settles hundreds of requests; waking the loop once for all of them
    is one system call instead of hundreds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._woken = False

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made on the loop; from any thread. A closed loop has nobody who waits."""
        self._calls.append(call)
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # before the first call: what is posted from now on wakes again
        while self._calls:
            self._calls.popleft()()
