"""The record of what agents did, and what it shows: conflicts and reversals.

Every action names its target, its type, the value it set, an idempotency key and, where a
leader took it, the lease's epoch. Without these nobody could tell two agents that fight
each other from two agents that help each other.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from collectors.judging.words import ConflictType

DUPLICATE_SECONDS: Final = 60.0
"""Two agents that do the same to one target within it were not of one mind."""

REVERSAL_SECONDS: Final = 15 * 60.0
"""A target that comes back to its value within it went back and forth."""

REMEMBERED: Final = 64
"""Actions that are remembered of one target, and epochs that are remembered of all."""

_TARGETS: Final = 100_000

Id: TypeAlias = int | str
"""Equal or not is all that is asked; 0 and the empty text say nothing."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One action on one target, as its record tells it.

    Attributes:
        value: What the target was set to; says nothing where the action sets nothing.
        key: Idempotency key: two records with the same one are one action told twice.
        epoch: Of the leader that ordered it; 0 where none did.
    """

    agent: Id
    kind: Id
    target: Id
    value: Id
    key: Id
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What an action brought to light; either may be absent."""

    conflict: ConflictType | None = None
    reversal: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An action and when it was recorded, in seconds of any steady clock."""

    at: float
    deed: Deed


class Epochs:
    """Who led under which epoch; the last `REMEMBERED` are known."""

    def __init__(self, known: Sequence[tuple[int, Id]] = ()) -> None:
        """Begin with what is `known`, oldest first."""
        self._leaders: OrderedDict[int, Id] = OrderedDict(known)

    def is_double(self, deed: Deed) -> bool:
        """Whether another agent led under its epoch before."""
        if not deed.epoch:
            return False
        first = self._leaders.setdefault(deed.epoch, deed.agent)
        while len(self._leaders) > REMEMBERED:
            self._leaders.popitem(last=False)
        return first != deed.agent

    def all(self) -> list[tuple[int, Id]]:
        """What is known, oldest first."""
        return list(self._leaders.items())


def conflict(
    deed: Deed, earlier: Sequence[Seen], now: float, within: float = DUPLICATE_SECONDS
) -> ConflictType | None:
    """How `deed` clashes with what others did to its target within `within` seconds."""
    recent = [
        seen.deed for seen in earlier if now - seen.at < within and seen.deed.agent != deed.agent
    ]
    if any(other.value == deed.value for other in recent):
        return ConflictType.DUPLICATE
    return ConflictType.CONTRADICTORY if recent and deed.value else None


def reverses(
    deed: Deed, earlier: Sequence[Seen], now: float, within: float = REVERSAL_SECONDS
) -> bool:
    """Whether the target goes back to what it was before the last change: A, B, A.

    Saying the same value again is no change.
    """
    if not deed.value:
        return False
    values: list[Id] = []
    for seen in earlier:
        value = seen.deed.value
        if value and now - seen.at < within and (not values or values[-1] != value):
            values.append(value)
    return len(values) > 1 and values[-2] == deed.value != values[-1]


def told_before(deed: Deed, earlier: Sequence[Seen]) -> bool:
    """Whether this very action was recorded already."""
    return bool(deed.key) and any(seen.deed.key == deed.key for seen in earlier)


class Ledger:
    """Remembers the last actions on every target, and judges each new one. Time in seconds."""

    def __init__(self) -> None:
        """Begin empty."""
        self._targets: OrderedDict[tuple[Id, Id], deque[Seen]] = OrderedDict()
        self._epochs = Epochs()

    def record(self, deed: Deed, now: float) -> Finding:
        """Judge `deed`, then remember it."""
        earlier = self._history(deed)
        if told_before(deed, earlier):
            return Finding()
        found = conflict(deed, earlier, now)
        if self._epochs.is_double(deed):
            found = ConflictType.DOUBLE_LEADER
        finding = Finding(found, reverses(deed, earlier, now))
        earlier.append(Seen(now, deed))
        return finding

    def _history(self, deed: Deed) -> deque[Seen]:
        of = (deed.kind, deed.target)
        history = self._targets.setdefault(of, deque(maxlen=REMEMBERED))
        self._targets.move_to_end(of)
        if len(self._targets) > _TARGETS:
            self._targets.popitem(last=False)
        return history
