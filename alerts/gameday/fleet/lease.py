"""The leader lease: one holder at a time, and a number that proves who came later.

Every grant to a new holder raises the epoch (a fencing token): an action that carries an
older epoch than one seen before was taken by somebody who no longer leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TTL_SECONDS: Final = 15.0
RENEW_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What the store answers: whether the asker leads now, and under which epoch."""

    leads: bool
    holder: str
    epoch: int
    elected: bool


class Lease:
    """The lease of one election group. Time is an argument, in seconds of any steady clock."""

    def __init__(self) -> None:
        self._holder = ""
        self._epoch = 0
        self._expires = 0.0

    def acquire(self, candidate: str, now: float) -> Grant:
        """Renew for the holder, grant to a candidate once the lease has expired."""
        elected = False
        if self._holder != candidate and now >= self._expires:
            self._holder = candidate
            self._epoch += 1
            elected = True
        leads = self._holder == candidate
        if leads:
            self._expires = now + TTL_SECONDS
        return Grant(leads, self._holder, self._epoch, elected)
