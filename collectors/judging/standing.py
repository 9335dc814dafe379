"""How one agent on a roster stands, judged tick by tick.

A counter cannot be taken back, so a tick is judged one grace interval late: a lone lost
heartbeat, followed by the next one, is a pass. Only when several in a row stayed out is
the agent missing, and those ticks are counted then, at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from collectors.judging.words import AgentState, CheckResult

TICK_SECONDS: Final = 15.0
"""How often a roster ticks, and how often agents beat."""

MISSES: Final = 3
"""Ticks without a heartbeat after which an agent is missing."""


class Sign(Protocol):
    """What an agent said of itself since the last tick."""

    @property
    def healthy(self) -> bool:
        """Its own health check passed."""
        ...

    @property
    def draining(self) -> bool:
        """It is about to stop as planned."""
        ...


@dataclass(slots=True)
class Standing:
    """One agent.

    Attributes:
        misses: Ticks in a row without a sign.
        beats: Ticks in a row with one, since it was missing.
        drained: It said that it would stop: its silence is planned.
    """

    misses: int = 0
    beats: int = 0
    state: AgentState = AgentState.HEALTHY
    drained: bool = False

    def tick(
        self, sign: Sign | None, misses: int = MISSES, returns: int = 1
    ) -> Iterable[CheckResult]:
        """Judge one tick; the results that it settles, none while a miss may still be a blip.

        Args:
            sign: What was heard since the last tick.
            misses: Ticks of silence in a row that make it missing, at least 1.
            returns: Ticks with a sign in a row that bring it back, at least 1.
        """
        if self.state is AgentState.QUARANTINED:
            return (CheckResult.DRAINED,)
        if sign is None:
            return self._silent(misses)
        waiting = self.misses if self.misses < misses else 0
        self.misses = 0
        self.drained = sign.draining
        if sign.draining:
            self.state = AgentState.DRAINING
            return (CheckResult.DRAINED,) * (waiting + 1)
        self.beats += 1
        if self.state is not AgentState.MISSING or self.beats >= returns:
            self.state = AgentState.HEALTHY if sign.healthy else AgentState.DEGRADED
        last = CheckResult.PASS if sign.healthy else CheckResult.FAIL
        return (*(CheckResult.PASS,) * waiting, last)

    def _silent(self, misses: int) -> Iterable[CheckResult]:
        if self.drained:
            return (CheckResult.DRAINED,)
        self.misses += 1
        if self.misses < misses:
            return ()
        self.state = AgentState.MISSING
        self.beats = 0
        return (CheckResult.MISSED,) * (misses if self.misses == misses else 1)
