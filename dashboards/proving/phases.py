"""The story that the proof tells to Prometheus: one day and a bit, told in phases.

Each phase bends the rates of a healthy fleet. All happen in one history, one after the
other, so that one database answers for all of them. Phases last whole hours: the coarsest step of
a panel that shows its last value is one hour, and it shall fall on the end of the phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_HOUR: Final = 3600
LOST_AGENT: Final = "researcher"
"""The agent that goes silent in the phase `agent-lost`."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the story.

    Attributes:
        seconds: How long it lasts; it is looked at where it ends.
        factors: By value of an attribute: how many times its usual rate.
        flow: How many times the usual traffic of everything agents count; 0 for none.
        reset: Counters start again from zero where it begins.
        lost: Agent that is silent throughout; empty for none.
        alerting: At least one alert of this severity fires, "page" or "ticket"; empty for none.
    """

    name: str
    seconds: int
    factors: Mapping[str, float] = field(default_factory=dict[str, float])
    flow: float = 1.0
    reset: bool = False
    lost: str = ""
    alerting: str = ""


FAILURE: Final = "failure"
"""The value of an attribute by which phases bend whatever fails."""
HEALTHY: Final = "healthy"
_FAILING: Final = {
    FAILURE: 90.0,
    "timeout": 90.0,
    "missed": 400.0,
    "provider": 40.0,
    "rate_limit": 40.0,
}
_SLOWLY: Final = {FAILURE: 6.0, "timeout": 6.0, "missed": 4.0}

PHASES: Final = (
    Phase(HEALTHY, 25 * _HOUR),
    Phase("fast-burn", _HOUR, _FAILING, alerting="page"),
    Phase("counter-reset", 2 * _HOUR, reset=True),
    Phase("slow-burn", 2 * _HOUR, _SLOWLY, alerting="ticket"),
    Phase("agent-lost", _HOUR, lost=LOST_AGENT),
    Phase("no-traffic", _HOUR, flow=0.0),
)
BURNING: Final = frozenset(phase.name for phase in PHASES if phase.alerting)
"""Phases in which budgets are being spent."""
