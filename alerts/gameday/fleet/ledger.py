"""The record of what agents did, and what it shows: conflicts and oscillation.

Every action names its target, its type, the value it set, an idempotency key and, where a
leader took it, the lease's epoch. Without these nobody could tell two agents that fight
each other from two agents that help each other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DUPLICATE_SECONDS: Final = 60.0
REVERSAL_SECONDS: Final = 15 * 60.0
_REMEMBERED: Final = 64


class Conflict(StrEnum):
    """The values of `mas.conflict.type` that the ledger can prove."""

    DUPLICATE = "duplicate"
    CONTRADICTORY = "contradictory"
    DOUBLE_LEADER = "double_leader"


@dataclass(frozen=True, slots=True)
class Action:
    """One action on one target.

    Attributes:
        value: What the target was set to; empty where the action sets nothing.
        idempotency_key: Two records with the same key are one action told twice.
        epoch: Of the leader that ordered it; 0 where none did.
    """

    agent: str
    kind: str
    target: str
    value: str
    idempotency_key: str
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What an action brought to light; either may be absent."""

    conflict: Conflict | None = None
    reversal: bool = False


@dataclass(slots=True)
class _Seen:
    at: float
    action: Action


class Ledger:
    """Remembers the last actions on every target, and judges each new one. Time in seconds."""

    def __init__(self) -> None:
        self._targets: defaultdict[tuple[str, str], deque[_Seen]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )
        self._epochs: dict[int, str] = {}

    def record(self, action: Action, now: float) -> Finding:
        """Judge `action`, then remember it."""
        history = self._targets[(action.kind, action.target)]
        if any(seen.action.idempotency_key == action.idempotency_key for seen in history):
            return Finding()
        finding = Finding(self._conflict(action, history, now), _reverses(action, history, now))
        history.append(_Seen(now, action))
        return finding

    def _conflict(self, action: Action, history: deque[_Seen], now: float) -> Conflict | None:
        if action.epoch and self._epochs.setdefault(action.epoch, action.agent) != action.agent:
            return Conflict.DOUBLE_LEADER
        recent = [
            seen.action
            for seen in history
            if now - seen.at < DUPLICATE_SECONDS and seen.action.agent != action.agent
        ]
        if any(other.value == action.value for other in recent):
            return Conflict.DUPLICATE
        return Conflict.CONTRADICTORY if recent and action.value else None


def _reverses(action: Action, history: deque[_Seen], now: float) -> bool:
    """Whether the target goes back to what it was before the last change: A, B, A."""
    if not action.value:
        return False
    changes = [seen for seen in history if seen.action.value and now - seen.at < REVERSAL_SECONDS]
    if len(changes) < 2:
        return False
    return changes[-2].action.value == action.value != changes[-1].action.value
