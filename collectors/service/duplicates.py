"""Requests that come twice because an answer was lost: known by their hash, for a while.

A sender that got no answer sends the very same bytes again. To count them twice would
make every retry an event; so the second is acknowledged and goes no further.
"""

from __future__ import annotations

from collections import OrderedDict

from xxhash import xxh3_128

from collectors.component import Context, Signal
from collectors.net.peers import host_of

WINDOW_SECONDS = 600
MOST_KNOWN = 200_000
"""Hashes kept: about 30 MB, ten minutes at more than 300 requests a second."""


def digest(receiver: str, signal: Signal, payload: bytes, context: Context) -> str:
    """128 bits that tell a request of a sender from any other, as hexadecimal digits.

    The sender is its tenant and its host; a retry may come over another connection, so its
    port does not count. XXH3 is no cryptographic hash and need not be one: who makes two of
    his own requests collide has the second one taken for a retry, and it is his.
    """
    mark = xxh3_128(payload)
    for word in (receiver, signal, context.tenant, host_of(context.peer)):
        mark.update(word.encode())
        mark.update(b"\x00")
    return mark.hexdigest()


class Known:
    """Hashes of the requests of the last ten minutes of steady time, a bounded number."""

    def __init__(self, most: int = MOST_KNOWN, window_seconds: int = WINDOW_SECONDS) -> None:
        self._most = most
        self._window_ns = window_seconds * 1_000_000_000
        self._taken: OrderedDict[str, int] = OrderedDict()

    def add(self, mark: str, steady_ns: int) -> None:
        """Take note of a request that became durable at `steady_ns`."""
        self._taken[mark] = steady_ns
        self._taken.move_to_end(mark)
        while len(self._taken) > self._most:
            self._taken.popitem(last=False)

    def has(self, mark: str, steady_ns: int) -> bool:
        """Whether it came within the window before `steady_ns`."""
        self._forget(steady_ns)
        return mark in self._taken

    def _forget(self, steady_ns: int) -> None:
        while self._taken:
            oldest = next(iter(self._taken))
            if self._taken[oldest] >= steady_ns - self._window_ns:
                return
            del self._taken[oldest]
