"""Each fault, and what must come of it: which alert, whose, after how long.

The time to fire is computed: how long until the condition is true in perfect series, the
rule's own `for` as Prometheus has it loaded, and the way of a sample from the agent to
the evaluation. The rest of what happens in between is real and allowed for by a tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from alerts.gameday.faults import Fault, all_faults
from alerts.gameday.fleet.topology import Topology
from slo import names
from slo.model import Severity

Detection = Callable[[float], float]
"""Seconds until the condition holds, given the seconds of healthy traffic before."""

TOLERANCE_SECONDS: Final = 30.0
FIVE_MINUTES: Final = 300.0
TICK: Final = 15.0
"""Heartbeats are judged so often; see `collectors.instrument.Roster`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One alert that must fire.

    Attributes:
        team: Who must get it; the escalation team for an escalation.
        detection: Until its condition is true; its `for` comes on top.
        hold_seconds: Its `for`, where several rules share the name; None to ask Prometheus.
        escalates: It is somebody else who is called when the first page is not enough.
        where: Labels that tell it from others of the same name, such as the tier.
    """

    alert: str
    team: str
    severity: Severity
    detection: Detection
    hold_seconds: float | None = None
    escalates: bool = False
    where: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The alert's name, and what tells it from others of that name."""
        return " ".join([self.alert, *(value for _, value in self.where)])

    def is_meant(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is the one."""
        named = labels.get("alertname") == self.alert
        return named and all(labels.get(key) == value for key, value in self.where)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault and its consequences.

    Attributes:
        forbidden: Alerts that would be wrong to raise for this fault.
        shows: It is seen in spans and log records alone, where agents send no metrics.
    """

    fault: Fault
    expected: tuple[Expected, ...]
    forbidden: tuple[str, ...] = ()
    shows: bool = False

    @property
    def id(self) -> str:
        """How it is asked for."""
        return self.fault.id


def after(seconds: float) -> Detection:
    """The condition holds after a fixed time."""
    return lambda _: seconds


def share(threshold: float, injected: float, window_seconds: float = FIVE_MINUTES) -> Detection:
    """A ratio over a window crosses `threshold` when events fail at `injected`.

    With less healthy traffic than the window holds it is sooner: of B seconds before and
    t seconds of fault, the ratio is injected x t / (B + t).
    """
    part = threshold / injected

    def seconds(baseline: float) -> float:
        if part >= 1:
            return window_seconds
        return min(part * window_seconds, part / (1 - part) * baseline)

    return seconds


def scenarios(topology: Topology) -> tuple[Scenario, ...]:
    """Every scenario, for a fleet of this shape."""
    faults = {fault.id: fault for fault in all_faults(topology)}
    return tuple(
        Scenario(faults[identity], expected, forbidden, identity in _SHOWN)
        for identity, (expected, forbidden) in _consequences().items()
    )


def _consequences() -> _Consequences:
    return {**_runbook(), **_failures(), **_burns(), **_pipeline()}


_SHOWN: Final = frozenset({"F1", "F2", "F5", "R1", "R4", "X-loop"})
_Consequences = dict[str, tuple[tuple[Expected, ...], tuple[str, ...]]]
_PAGE: Final = Severity.PAGE
_TICKET: Final = Severity.TICKET


def _runbook() -> _Consequences:
    """The runbook's four incidents and their variants."""
    limits = share(0.05, 0.3)
    llm = "HighLLMAPIErrorRate"
    queue = "HighMessageQueueLatency"
    return {
        # Passes leave the 2-minute window, fails enter it, and the dead one's three misses
        # are counted at the third tick: below a half at the fifth.
        "R1": ((Expected("OrchestratorUnhealthy", "operations", _PAGE, after(5 * TICK)),), ()),
        # One worker left of three: the wait grows by a third of a second each second, and
        # 5 % of the 2-minute window must have waited above 5 s.
        "R2": (
            (Expected(queue, "operations", _PAGE, after(28.0)),),
            (names.escalated(queue),),
        ),
        "R2b": (
            (
                Expected(queue, "operations", _PAGE, after(12.0)),
                Expected(names.escalated(queue), "platform", _PAGE, after(20.0), escalates=True),
            ),
            (),
        ),
        "R3": (
            (
                Expected(llm, "operations", _PAGE, limits),
                Expected(names.escalated(llm), "ai-ml", _PAGE, limits, escalates=True),
            ),
            (),
        ),
        "R3-auth": (
            (
                Expected(llm, "operations", _PAGE, limits),
                Expected(names.escalated(llm), "ai-ml", _PAGE, limits, escalates=True),
            ),
            (),
        ),
        "R3-outage": (
            (Expected(llm, "operations", _PAGE, share(0.05, 0.6)),),
            (names.escalated(llm),),
        ),
        "R4": (
            (Expected("ComplianceViolationDetected", "legal-compliance", _PAGE, after(0.5)),),
            (),
        ),
    }


def _failures() -> _Consequences:
    """The guide's failure modes."""
    return {
        # A heartbeat is up to 15 s away.
        "F1": ((Expected("SplitBrain", "core-engineering", _PAGE, after(TICK)),), ()),
        # Set at 0, 30, 60, ... seconds: the third return to a former value is the fifth.
        "F2": ((Expected("Oscillation", "core-engineering", _PAGE, after(120.0)),), ()),
        # One every 15 s: the sixth after 75 s.
        "F3": ((Expected("ResourceExhaustion", "platform", _PAGE, after(75.0)),), ()),
        "F4": ((Expected("StalePolicy", "core-engineering", _TICKET, after(0.0)),), ()),
        "F5": ((Expected("AgentSilent", "operations", _TICKET, after(3 * TICK)),), ()),
        # A task every three seconds: the third loop.
        "X-loop": ((Expected("AgentLooping", "ai-ml", _TICKET, after(9.0)),), ()),
    }


def _burns() -> _Consequences:
    """The budget of M2, 1 %: the outage tier, and the guide's 2x for more than 15 minutes."""
    burn = names.burn_alert("agent-fleet", "action-success")
    sustained = 15 * 60.0

    def expected(detection: Detection, hold: float) -> tuple[Expected, ...]:
        return (Expected(burn, "core-engineering", _PAGE, detection, hold),)

    return {
        "M2-100": (expected(share(0.25, 1.0), 0.0), ()),
        "M2-20": (expected(share(0.02, 0.2), sustained), ()),
        "M2-5": (expected(share(0.02, 0.05), sustained), ()),
    }


def _pipeline() -> _Consequences:
    """The telemetry itself: a failed scrape is known at the next evaluation."""
    return {
        "S-collector": ((Expected("CollectorDown", "platform", _PAGE, after(0.0)),), ()),
        # What it refuses is half a minute old, then.
        "M7-stall": ((Expected("IngestStalled", "platform", _PAGE, after(30.0)),), ()),
        # One action a second, and sixteen further types fit; then two scrapes with an increase.
        "S-cardinality": (
            (Expected("CardinalityOverflow", "platform", _TICKET, after(25.0)),),
            ("SendersCollide",),
        ),
        "S-clock": (
            (Expected("ClockSkew", "platform", _TICKET, after(TICK)),),
            (
                "AgentRestarts",
                "AgentSilent",
                "HighMessageQueueLatency",
                "IngestLagHigh",
                "IngestStalled",
                "OrchestratorUnhealthy",
                "SendersCollide",
            ),
        ),
    }
