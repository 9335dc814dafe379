"""How many requests may be on their way to a destination: as many as it takes well.

One more for each round of answers that came as fast as usual, half as many when it refuses
or does not answer. A destination that comes back after an outage gets one request first,
and a backlog does not drown it.

Source: additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the Increase
and Decrease Algorithms for Congestion Avoidance in Computer Networks" (1989).
"""

from __future__ import annotations

import asyncio
from collections import deque

SLOW = 2.0
"""Answers that take so many times the usual say that there are enough requests."""

_WEIGHT = 0.1  # of the newest answer in the usual time
_LESS = 0.5


class Concurrency:
    """Turns for the attempts of one destination; used on one event loop."""

    def __init__(self, most: int) -> None:
        """Allow up to `most` at once, and that many until the first refusal."""
        self._most = most
        self._limit = float(most)
        self._busy = 0
        self._round = 0
        self._usual_seconds: float | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many may be on their way now; at least 1."""
        return int(self._limit)

    @property
    def busy(self) -> int:
        """How many are."""
        return self._busy

    async def begin(self) -> int:
        """Wait for a turn; the number is for `refused`."""
        while self._busy >= self.limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()  # the turn may have been given to us: it is another's
                raise
        self._busy += 1
        return self._round

    def end(self) -> None:
        """The attempt is over."""
        self._busy -= 1
        self._wake()

    def answered(self, seconds: float) -> None:
        """The far end took a request, `seconds` after it was sent."""
        usual = self._usual_seconds if self._usual_seconds is not None else seconds
        if seconds <= SLOW * usual:
            self._limit = min(float(self._most), self._limit + 1.0 / self._limit)
        self._usual_seconds = usual + _WEIGHT * (seconds - usual)
        self._wake()

    def refused(self, begun: int) -> None:
        """The far end did not take a request that got turn `begun`.

        Those that were sent together count once: it is one and the same trouble.
        """
        if begun == self._round:
            self._round += 1
            self._limit = max(1.0, self._limit * _LESS)

    def _wake(self) -> None:
        free = self.limit - self._busy
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
