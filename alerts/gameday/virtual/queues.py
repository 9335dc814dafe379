"""A queue of messages and the workers that take from it, as a fluid with a memory."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

_SMOOTHING: Final = 0.1
_BUSIEST: Final = 0.85
"""Above it a line is counted as growing, and its length tells the wait."""


class Line:
    """One queue; time in seconds, messages in whole numbers."""

    def __init__(self, workers: int, service_seconds: float) -> None:
        """Empty; `workers` is how many there are when all is well."""
        self._workers = workers
        self._service = service_seconds
        self._credit = 0.0
        self._arrivals: float | None = None
        self.depth = 0
        self.oldest_seconds = 0.0

    def step(
        self, came: int, working: int, seconds: float, rng: np.random.Generator
    ) -> tuple[int, list[float]]:
        """How many messages were taken, and how long each had waited.

        Where no more comes than can be taken, waits are those of M/M/c; else the line grows
        and the wait is its length over what is taken a second.
        """
        capacity = working / self._service
        before = came / seconds if self._arrivals is None else self._arrivals
        self._arrivals = before + (came / seconds - before) * _SMOOTHING
        behind = self.depth > working
        self._credit = capacity * seconds + (self._credit if behind else 0.0)
        taken = min(self.depth + came, int(self._credit))
        self._credit -= taken
        begin = self.depth
        self.depth += came - taken
        if not taken:
            self.oldest_seconds += seconds if self.depth else 0.0
            return 0, []
        if begin > working or self.depth > working:
            first, last = begin / capacity, self.depth / capacity
            self.oldest_seconds = last
            return taken, [first + (last - first) * (n + 0.5) / taken for n in range(taken)]
        self.oldest_seconds = 0.0
        return taken, self._everyday(taken, working, rng)

    def _everyday(self, taken: int, working: int, rng: np.random.Generator) -> list[float]:
        offered = min((self._arrivals or 0.0) * self._service, _BUSIEST * working)
        waits = rng.random(taken) < waiting_share(working, offered)
        mean = self._service / (working - offered)
        return [float(wait) for wait in np.where(waits, rng.exponential(mean, taken), 0.001)]


def waiting_share(workers: int, offered: float) -> float:
    """The share of messages that must wait.

    Args:
        workers: At least 1.
        offered: Work offered, in workers; below `workers`.

    Source: A. K. Erlang's C formula, M/M/c.
    """
    top = offered**workers / math.factorial(workers) * workers / (workers - offered)
    below = sum(offered**k / math.factorial(k) for k in range(workers))
    return top / (below + top)
