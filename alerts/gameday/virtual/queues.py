"""A queue of messages and the workers that take from it: first come, first served."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.gameday.virtual.meter import Numbers, Steps

_AT_ONCE: Final = 0.001
"""Seconds until a message is taken for which a worker is free."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a line did in a stretch of steps.

    Attributes:
        taken: Messages taken in each step.
        depth: Messages that wait after it; `oldest` for so many seconds.
        at: Of each message taken, the step; ascending.
        waits: Of each message taken, how many seconds it had waited.
    """

    taken: Steps
    depth: Numbers
    oldest: Numbers
    at: Steps
    waits: Numbers


class Line:
    """One queue; times in seconds of any clock that goes on from stretch to stretch."""

    def __init__(self, workers: int) -> None:
        """Empty, all workers free."""
        self._free = [0.0] * workers
        self._waiting = np.zeros(0), np.zeros(0)

    def flow(
        self, came: Numbers, service: Numbers, working: int, times: tuple[float, int, float]
    ) -> Flow:
        """What is taken in a stretch.

        Args:
            came: When each new message came, ascending, within the stretch.
            service: For how many seconds a worker is at it.
            working: Who takes messages. One who leaves keeps the message he has.
            times: When the stretch begins, how many steps it has, and of how many seconds.
        """
        begin, steps, seconds = times
        ends = begin + seconds * np.arange(1, steps + 1)
        self._staff(working, begin)
        came = np.concatenate([self._waiting[0], came])
        service = np.concatenate([self._waiting[1], service])
        starts = self._starts(came, service, float(ends[-1]))
        self._waiting = came[len(starts) :], service[len(starts) :]
        begun = np.searchsorted(starts, ends)
        depth = np.searchsorted(came, ends) - begun
        oldest = np.zeros(steps)
        waiting = depth > 0
        oldest[waiting] = ends[waiting] - came[begun[waiting]]
        at = ((starts - begin) // seconds).astype(np.intp)
        waits = np.maximum(starts - came[: len(starts)], _AT_ONCE)
        taken = np.bincount(at, minlength=steps)
        return Flow(taken, depth.astype(np.float64), oldest, at, waits)

    def _staff(self, working: int, now: float) -> None:
        """Let workers leave, those who are busy longest first, or come and be free `now`."""
        kept = sorted(self._free)[:working]
        self._free = kept + [now] * (working - len(kept))
        heapq.heapify(self._free)

    def _starts(self, came: Numbers, service: Numbers, end: float) -> Numbers:
        """When each message is taken, of those that are before `end`."""
        free, starts = self._free, list[float]()
        if not free:
            return np.zeros(0)
        for arrival, length in zip(came.tolist(), service.tolist(), strict=True):
            start = max(arrival, free[0])
            if start >= end:
                break
            starts.append(start)
            heapq.heapreplace(free, start + length)
        return np.array(starts)
