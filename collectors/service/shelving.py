"""What the daemon does for items that wait on disk: keeps their bytes, and little else.

What a processor pins stays, in the inbox and in the held log; what lies below is kept for
`retain`, as far as the budget allows, for those who come late. Up to where anything may be
read is part of the snapshot, and nothing is deleted that the snapshot on disk still has: a
replay reads what was read the first time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from collectors.component import Meter
from collectors.graph import Graph
from collectors.log import Log, Mark
from collectors.service.budget import Budget
from collectors.service.clock import Clock
from collectors.service.decisions import DecisionLog
from collectors.service.shelf import DiskShelf, ShelfParts
from collectors.service.state import Bounds, Shelved
from collectors.waiting import Pins

SPARSE_SHARE = 0.25
"""What waits is moved together once it is less than this share of the bytes that it pins: a
byte is copied for at least three that are freed."""

PRESSED_SPARSE_SHARE = 0.5
"""The same while the budget is pressed: one for one."""

EARLY_SHARE = 0.8
"""Above this share of the budget what waits is decided on early: requests are refused at 0.9."""

EARLY_TARGET_SHARE = 0.6
"""So much is decided on that the budget comes down to this share."""

_LEAST_SEGMENTS = 2  # fewer are not worth moving anything


@dataclass(frozen=True, slots=True)
class WaitingLogs:
    """The logs that there are where items wait.

    Attributes:
        held: What does not stand in the inbox as it is.
        decisions: What became of them, and why.
        decisions_most_bytes: What the latter may take.
    """

    held: Log
    decisions: Log
    decisions_most_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvingParts:
    """What it works with.

    Attributes:
        graph: The present one.
        budget: Of all logs.
        floor: What the snapshot says.
        abandon: Set once the daemon must end though the disk fails.
        retain_seconds: How long finished segments stay that nobody pins.
        decisions_max_age_seconds: After how long decisions are let go; 0 is never.
    """

    graph: Callable[[], Graph]
    budget: Callable[[], Budget]
    inbox: Log
    logs: WaitingLogs
    floor: Bounds
    clock: Clock
    meter: Meter
    abandon: threading.Event
    retain_seconds: float
    decisions_max_age_seconds: float


class Shelving:
    """Keeps house for the shelf; in the graph's thread.

    Attributes:
        shelf: For all processors.
        has_moved: Something was moved since the last snapshot.
    """

    def __init__(self, parts: ShelvingParts) -> None:
        self._parts = parts
        self._held = parts.logs.held
        self._decisions = DecisionLog(
            parts.logs.decisions,
            parts.clock,
            parts.meter,
            most_bytes=parts.logs.decisions_most_bytes,
            max_age_seconds=parts.decisions_max_age_seconds,
        )
        self.shelf = DiskShelf(
            ShelfParts(
                inbox=parts.inbox,
                held=self._held,
                note=self._decisions.note,
                clock=parts.clock,
                abandon=parts.abandon,
            ),
            parts.floor,
        )
        self._pins = Pins()
        self._moved = Bounds()
        self.has_moved = False

    def round_done(self) -> None:
        """After some steps: pass on what they held and noted, keep room for what waits.

        Raises:
            Abandoned: The disk takes nothing and the daemon must end.
        """
        self.shelf.press()
        self._decisions.press()
        self._parts.budget().reserve(self.waiting_bytes())

    def waiting_bytes(self) -> int:
        """Bytes of all items that wait."""
        return sum(processor.waiting_bytes() for _, processor in self._parts.graph().waiting())

    def saved_pins(self) -> Pins:
        """The oldest of all that waited when a snapshot was taken last. From any thread."""
        return self._pins

    def _present_pins(self) -> Pins:
        """The oldest of all that waits."""
        found = [processor.pins() for _, processor in self._parts.graph().waiting()]
        return Pins(
            min((pins.inbox for pins in found if pins.inbox is not None), default=None),
            min((pins.held for pins in found if pins.held is not None), default=None),
        )

    def shelved(self, offset: int) -> Shelved:
        """What a snapshot at inbox `offset` relies on, on the disk from now on.

        Raises:
            Abandoned: The disk takes nothing and the daemon must end.
        """
        self.shelf.flush()
        mark = Mark(self._held.end, self._held.totals, self._held.steady_ns)
        pins = self._pins = self._present_pins()
        return Shelved(mark, self._floor(offset, mark.end, pins))

    def saved(self, shelved: Shelved) -> None:
        """The snapshot is on disk: what it does not rely on is read no more."""
        self.has_moved = False
        self.shelf.let_go(shelved.floor)

    def trim(self) -> int:
        """Delete what is not needed; returns the bytes freed. From any thread."""
        floor, now = self.shelf.floor, self._parts.clock.wall_ns()
        freed = self._parts.inbox.trim(floor.inbox, now) + self._held.trim(floor.held, now)
        return freed + self._decisions.trim()

    def wants_saving(self, offset: int) -> bool:
        """Whether a snapshot would free something, though the graph stands at `offset` still."""
        if self.has_moved:
            return True
        return self._floor(offset, self._held.end, self._pins) != self.shelf.floor

    def relocate_some(self, offset: int) -> bool:
        """Move what waits in the oldest segment, if few bytes pin many; tells whether it did.

        All that waits is less than a share of what it pins: so what is copied is little
        beside what will be freed, whichever segment it lies in.

        Raises:
            Abandoned: The disk takes nothing and the daemon must end.
        """
        inbox, held = self._movable(offset)
        if not self._is_sparse(inbox, held):
            return False
        moved = self._moved
        if inbox.size_bytes >= held.size_bytes:
            self._moved = Bounds(inbox.first_end, moved.held)
        else:
            self._moved = Bounds(moved.inbox, held.first_end)
        for _, processor in self._parts.graph().waiting():
            processor.relocate(self._moved.inbox, self._moved.held)
        self.shelf.press()
        self.has_moved = True
        return True

    def most_bytes_early(self, offset: int) -> int | None:
        """How many bytes may go on waiting, if it is they that fill the disk; else None.

        They do if the segments that they pin, and the room that is kept for them in the
        outbox, are half of what is used, and there is nothing to be gained by moving them.
        """
        budget, waiting = self._parts.budget(), self.waiting_bytes()
        budget.reserve(waiting)
        used, limit = budget.used_bytes, budget.limit_bytes
        if used < limit * EARLY_SHARE or self._is_sparse(*self._movable(offset)):
            return None
        inbox = _between(self._parts.inbox, self._pins.inbox, 0, offset)
        held = _between(self._held, self._pins.held, 0, self._held.end)
        if inbox.size_bytes + held.size_bytes + waiting < used / 2:
            return None
        return max(0, waiting - int(used - limit * EARLY_TARGET_SHARE))

    def _movable(self, offset: int) -> tuple[_Stretch, _Stretch]:
        """What nothing but pins keeps, in inbox and held log, and was not looked through yet."""
        free, moved = self._floor(offset, self._held.end, Pins()), self._moved
        return (
            _between(self._parts.inbox, self._pins.inbox, moved.inbox, free.inbox),
            _between(self._held, self._pins.held, moved.held, free.held),
        )

    def _is_sparse(self, inbox: _Stretch, held: _Stretch) -> bool:
        """Whether all that waits is little beside what would be freed if it were moved."""
        if inbox.segments + held.segments < _LEAST_SEGMENTS:
            return False
        share = PRESSED_SPARSE_SHARE if self._parts.budget().is_pressed() else SPARSE_SHARE
        return self.waiting_bytes() <= (inbox.size_bytes + held.size_bytes) * share

    def _floor(self, offset: int, held_end: int, pins: Pins) -> Bounds:
        """Below where everything may go: nobody pins it, and it is old or in the way."""
        parts = self._parts
        old_ns = parts.clock.wall_ns() - int(parts.retain_seconds * 1e9)
        excess = parts.budget().excess_bytes()
        inbox, freed = _first_kept(parts.inbox, _earlier(pins.inbox, offset), old_ns, excess)
        held, _ = _first_kept(self._held, _earlier(pins.held, held_end), old_ns, excess - freed)
        floor = self.shelf.floor
        return Bounds(max(floor.inbox, inbox), max(floor.held, held))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Whole segments of a log.

    Attributes:
        first_end: Offset behind the first of them.
    """

    segments: int
    size_bytes: int
    first_end: int


def _between(log: Log, pin: int | None, moved: int, free: int) -> _Stretch:
    """The segments from `pin` on and up to `free`, without those below `moved`."""
    if pin is None:
        return _Stretch(0, 0, 0)
    found = [of for of in log.segments() if max(pin, moved) < of.end <= free]
    return _Stretch(len(found), sum(of.size_bytes for of in found), found[0].end if found else 0)


def _first_kept(log: Log, needed: int, old_ns: int, excess_bytes: int) -> tuple[int, int]:
    """Offset of the first record that is to stay, and the bytes before it."""
    first, freed = 0, 0
    for oldest, following in pairwise(log.segments()):
        is_old = following.wall_ns <= old_ns
        if oldest.end > needed or not (is_old or freed < excess_bytes):
            break
        first, freed = oldest.end, freed + oldest.size_bytes
    return first, freed


def _earlier(pin: int | None, end: int) -> int:
    return end if pin is None else min(pin, end)
