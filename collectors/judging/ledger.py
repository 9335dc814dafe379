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
"""Actions that are remembered of one target."""

LEASE_GRACE_SECONDS: Final = 10.0
"""Who led before may act for so long after another was first seen: what is under way ends."""

_EPOCHS: Final = 4_096
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
        lease: Which lease the epoch counts; says nothing where a fleet has but one.
        base: Version of the target that the change builds upon; says nothing where the
            target has no versions, or where nothing was written.
    """

    agent: Id
    kind: Id
    target: Id
    value: Id
    key: Id
    epoch: int = 0
    lease: Id = 0
    base: Id = 0


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


@dataclass(frozen=True, slots=True)
class Reign:
    """Who was seen first to act under an epoch of a lease, and when."""

    lease: Id
    epoch: int
    agent: Id
    since: float


class Epochs:
    """Who held which lease under which epoch; the last ones are known."""

    def __init__(self, known: Sequence[Reign] = ()) -> None:
        """Begin with what is `known`, oldest first."""
        self._reigns: OrderedDict[tuple[Id, int], Reign] = OrderedDict()
        self._newest: dict[Id, Reign] = {}
        for reign in known:
            self._begin(reign)

    def clash(
        self, deed: Deed, now: float, grace: float = LEASE_GRACE_SECONDS
    ) -> ConflictType | None:
        """How the holder of a lease clashes with another; call in the order of the actions.

        Two agents under one epoch are two holders at once: of a lease that has a name
        `LEASE`, else `DOUBLE_LEADER`. An epoch that is over for `grace` seconds is `LEASE` as
        well; without a name nobody knows which of two epochs is the older.
        """
        if not deed.epoch:
            return None
        key = deed.lease, deed.epoch
        if key not in self._reigns:
            self._begin(Reign(deed.lease, deed.epoch, deed.agent, now))
        if self._reigns[key].agent != deed.agent:
            return ConflictType.LEASE if deed.lease else ConflictType.DOUBLE_LEADER
        newest = self._newest.get(deed.lease)
        is_over = newest is not None and newest.agent != deed.agent and newest.epoch > deed.epoch
        if deed.lease and newest is not None and is_over and now - newest.since > grace:
            return ConflictType.LEASE
        return None

    def all(self) -> list[Reign]:
        """What is known, oldest first."""
        return list(self._reigns.values())

    def _begin(self, reign: Reign) -> None:
        self._reigns[reign.lease, reign.epoch] = reign
        newest = self._newest.get(reign.lease)
        if newest is None or reign.epoch > newest.epoch:
            self._newest[reign.lease] = reign
        while len(self._reigns) > _EPOCHS:
            _, gone = self._reigns.popitem(last=False)
            if self._newest[gone.lease] == gone:
                del self._newest[gone.lease]


def conflict(
    deed: Deed, earlier: Sequence[Seen], now: float, within: float = DUPLICATE_SECONDS
) -> ConflictType | None:
    """How `deed` clashes with what others did to its target.

    A change that says which version it builds upon has seen all that was done before: it
    clashes with another agent's change of that same version, whenever that was, as one of
    the two is lost; and with nothing else. Others clash within `within` seconds.
    """
    if deed.base:
        others = (seen.deed for seen in earlier if seen.deed.agent != deed.agent)
        return ConflictType.LOST_UPDATE if any(of.base == deed.base for of in others) else None
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
        found = self._epochs.clash(deed, now) or conflict(deed, earlier, now)
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
