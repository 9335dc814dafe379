"""The words in which agents are judged, as the catalogue lists them."""

from __future__ import annotations

from enum import StrEnum


class CheckResult(StrEnum):
    """How the roster judged one tick of one agent."""

    PASS = "pass"  # noqa: S105 - the result of a check, no password
    FAIL = "fail"
    MISSED = "missed"
    DRAINED = "drained"


class AgentState(StrEnum):
    """What the roster takes an agent for."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    MISSING = "missing"
    DRAINING = "draining"
    QUARANTINED = "quarantined"


class ConflictType(StrEnum):
    """How two actions on one target clashed."""

    DUPLICATE = "duplicate"
    CONTRADICTORY = "contradictory"
    LOST_UPDATE = "lost_update"
    DOUBLE_LEADER = "double_leader"
    LEASE = "lease"


class LoopKind(StrEnum):
    """How an agent went round in circles."""

    REPETITION = "repetition"
    NO_TERMINATION = "no_termination"
    PING_PONG = "ping_pong"
