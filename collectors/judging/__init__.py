"""How agents are judged by those who watch them: in the fleet, or in the collector."""

from collectors.judging.ledger import (
    DUPLICATE_SECONDS,
    LEASE_GRACE_SECONDS,
    REMEMBERED,
    REVERSAL_SECONDS,
    Deed,
    Epochs,
    Finding,
    Id,
    Ledger,
    Reign,
    Seen,
    conflict,
    reverses,
    told_before,
)
from collectors.judging.standing import MISSES, TICK_SECONDS, Sign, Standing
from collectors.judging.versions import ordered
from collectors.judging.words import AgentState, CheckResult, ConflictType, LoopKind

__all__ = [
    "DUPLICATE_SECONDS",
    "LEASE_GRACE_SECONDS",
    "MISSES",
    "REMEMBERED",
    "REVERSAL_SECONDS",
    "TICK_SECONDS",
    "AgentState",
    "CheckResult",
    "ConflictType",
    "Deed",
    "Epochs",
    "Finding",
    "Id",
    "Ledger",
    "LoopKind",
    "Reign",
    "Seen",
    "Sign",
    "Standing",
    "conflict",
    "ordered",
    "reverses",
    "told_before",
]
