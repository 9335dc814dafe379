"""Random numbers by name: one more draw in one place moves nothing anywhere else."""

from __future__ import annotations

import math

import numpy as np

from alerts.gameday.fleet.traffic import LogNormal
from alerts.gameday.virtual.meter import Numbers, Steps


class Chance:
    """All streams of one seed. A stream gives the same numbers, at once or a few at a time."""

    def __init__(self, seed: int) -> None:
        """Nothing is drawn yet."""
        self._seed = seed
        self._streams: dict[str, np.random.Generator] = {}
        self._due: dict[str, float] = {}

    def of(self, name: str) -> np.random.Generator:
        """The random numbers of `name`."""
        if name not in self._streams:
            self._streams[name] = np.random.default_rng([self._seed, *name.encode()])
        return self._streams[name]

    def some(self, name: str, totals: Steps, share: float) -> Steps:
        """How many of each of `totals`, when each is one with probability `share`."""
        if share <= 0 or not len(totals):
            return np.zeros_like(totals)
        return self.of(name).binomial(totals, min(1.0, share)).astype(np.intp)

    def due(self, name: str, more: Numbers) -> Steps:
        """What is whole of all that became due; the fraction is kept for the next time."""
        whole = self._due.get(name, 0.0) + np.cumsum(more)
        # A sum of tenths that should be whole is a hair below it.
        reached = np.floor(whole + 1e-9).astype(np.intp)
        self._due[name] = float(whole[-1] - reached[-1])
        return np.diff(reached, prepend=0)

    def drawn(self, name: str, latency: LogNormal, count: int, factor: float = 1.0) -> Numbers:
        """So many latencies in seconds."""
        return self.of(name).lognormal(math.log(latency.median), latency.sigma, count) * factor
