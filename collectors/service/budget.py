"""How much disk there is for telemetry, and whether a request still fits.

Admission answers for the whole way: what is accepted has room in the outbox reserved, so
that the graph never waits for disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from collectors.component import Signal
from collectors.service.plan import GIBI, KIBI, MEBI

_log = logging.getLogger(__name__)

LAST_SHARE = 0.9
"""Above this share of the budget only metrics are taken: alerts must not go blind."""

PRESSED_SHARE = 0.5
"""Above this share of the budget room is made as soon as it can be, and shared fairly."""

DEAD_SHARE = 0.1
"""Share of the budget that dead letters may take."""

STATE_SHARE = 0.5
"""Share of the budget that the state may take of the telemetry's: it cannot be trimmed, and
a state beyond it is told instead of refusing everything for good."""

DELIVERY_SHARE = 0.8
"""Share of that which destinations may fill: the rest is kept for what the graph gives up,
which holds up everything where it cannot be listed."""

_WORDS_BYTES = 16 * KIBI
"""What stands beside a request: its headers, and among the dead letters the reason."""

DEFAULT_MOST_BYTES = 10 * GIBI
_MOST_DECISIONS_BYTES = 256 * MEBI
_DECISIONS_PART = 32
_SEGMENTS = 64  # a trim frees one of them; the tails of three logs take three
_FREE_SEGMENTS = 16  # admission keeps room for two of them, and three are reserved as tails
_LEAST_SEGMENT_BYTES = 64 * KIBI
_MOST_SEGMENT_BYTES = 64 * MEBI


class Sized(Protocol):
    """Something that takes room on disk."""

    @property
    def size_bytes(self) -> int:
        """Bytes taken now."""
        ...


class Dead(Sized, Protocol):
    """The log of dead letters."""

    def growth_bytes(self, size_bytes: int) -> int:
        """Bytes that the log takes more once a record of `size_bytes` is in it."""
        ...


class Budget:
    """The room of all logs, and of the state, together."""

    def __init__(
        self,
        limit_bytes: int,
        logs: Sequence[Sized],
        copies: int,
        reclaim: Callable[[], int],
        dead: Dead | None = None,
        free: Callable[[], int] | None = None,
        state: Sized | None = None,
    ) -> None:
        """Keep within `limit_bytes`.

        Args:
            limit_bytes: Of all that follows together.
            logs: Who takes the room.
            dead: Has a share of its own, which is taken whether it is used or not.
            free: Bytes free on the disk beyond what is to be kept free: others may fill it.
            state: What is saved of the graph; at most half of the room is counted for it.
            copies: Most outbox records that one request can become.
            reclaim: Frees what is kept for convenience only; returns the bytes freed.
        """
        self.limit_bytes = limit_bytes
        self._logs = logs
        self._copies = copies
        self._reclaim = reclaim
        self._dead = dead
        self._free = free
        self._state = state
        self._is_large_told = False
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._reserved_bytes = 0

    @property
    def used_bytes(self) -> int:
        """Bytes taken or promised."""
        promised = self._promised_bytes()
        kept = max(self._dead.size_bytes, self._dead_limit) if self._dead is not None else 0
        return promised + kept + self._state_bytes() + sum(log.size_bytes for log in self._logs)

    def _state_bytes(self) -> int:
        most = int(self.limit_bytes * STATE_SHARE)
        size = self._state.size_bytes if self._state is not None else 0
        if size > most and not self._is_large_told:
            self._is_large_told = True
            _log.warning(
                "the state of the graph takes %d bytes, more than half of the %d that there are "
                "for telemetry, and grows beyond them: max_size of file_storage is too small",
                size,
                self.limit_bytes,
            )
        return min(size, most)

    def has_dead_room(self, size_bytes: int, share: float = 1.0) -> bool:
        """Whether a dead letter of `size_bytes` fits into `share` of what they may take."""
        if self._dead is None:
            return True
        wanted = self._dead.size_bytes + self._dead.growth_bytes(size_bytes)
        return wanted <= self._dead_limit * share

    @property
    def most_request_bytes(self) -> int:
        """The longest request that could be listed if nobody takes it, were it the only letter.

        A longer one would be taken, and hold up what comes behind it for good.
        """
        if self._dead is None:
            return self.limit_bytes
        return int(self._dead_limit * DELIVERY_SHARE) - _WORDS_BYTES

    @property
    def _dead_limit(self) -> int:
        return int(self.limit_bytes * DEAD_SHARE)

    def admits(self, signal: Signal, size_bytes: int) -> bool:
        """Whether a request of `size_bytes` fits, freeing what is not needed if it must."""
        share = 1.0 if signal is Signal.METRICS else LAST_SHARE
        limit = self.limit_bytes * share
        wanted = size_bytes * (1 + self._copies)
        if self._fits(wanted, limit):
            return True
        return self._reclaim() > 0 and self._fits(wanted, limit)

    def _fits(self, wanted_bytes: int, limit_bytes: float) -> bool:
        if self.used_bytes + wanted_bytes > limit_bytes:
            return False
        return self._free is None or self._promised_bytes() + wanted_bytes <= self._free()

    def _promised_bytes(self) -> int:
        """Room in the outbox that is promised."""
        with self._lock:
            return self._waiting_bytes * self._copies + self._reserved_bytes

    def excess_bytes(self) -> int:
        """Bytes to be freed, as soon as can be, of what is kept for convenience only.

        A disk may have less than the budget: then what we take is to leave as much free.
        """
        excess = self.used_bytes - int(self.limit_bytes * PRESSED_SHARE)
        if self._free is not None:
            sized = (*self._logs, *(of for of in (self._dead, self._state) if of is not None))
            taken, free = sum(of.size_bytes for of in sized), self._free()
            excess = max(excess, taken - int((taken + free) * PRESSED_SHARE))
        return max(0, excess)

    def is_pressed(self) -> bool:
        """Whether more than half of the budget is used."""
        return self.used_bytes > self.limit_bytes * PRESSED_SHARE

    def is_full(self) -> bool:
        """Whether some signal is being refused for want of room."""
        return self.used_bytes >= self.limit_bytes * LAST_SHARE

    def promise(self, size_bytes: int) -> None:
        """A request was accepted: its outputs will need room."""
        with self._lock:
            self._waiting_bytes += size_bytes

    def reserve(self, size_bytes: int) -> None:
        """So many bytes wait in processors in all: each may go to the outbox once."""
        with self._lock:
            self._reserved_bytes = size_bytes

    def settle(self, size_bytes: int) -> None:
        """A request went through the graph: its outputs are in the outbox."""
        with self._lock:
            self._waiting_bytes = max(0, self._waiting_bytes - size_bytes)


def budget_bytes(asked: int | None, free_bytes: int, held_bytes: int) -> int:
    """The budget: what was asked for, else the lesser of 10 GiB and half of what is free.

    Args:
        asked: Of the configuration; None where it does not say.
        free_bytes: Free on the disk now.
        held_bytes: Taken by the logs now: free to them.
    """
    return asked if asked is not None else min(DEFAULT_MOST_BYTES, (free_bytes + held_bytes) // 2)


def decisions_bytes(asked: int | None, budget: int) -> int:
    """What the decision log may take of the budget: what was asked for, else a small part."""
    return asked if asked is not None else min(_MOST_DECISIONS_BYTES, budget // _DECISIONS_PART)


def segment_bytes(asked: int | None, budget: int, free_bytes: int) -> int:
    """Length of a segment: what was asked for, else a small part of what there is.

    Args:
        asked: Of the plan; None derives it.
        budget: Of all logs; may be more than the disk has.
        free_bytes: Free on the disk now: the room for the next segments comes from it.
    """
    if asked is not None:
        return asked
    most = min(_MOST_SEGMENT_BYTES, budget // _SEGMENTS, free_bytes // _FREE_SEGMENTS)
    return max(_LEAST_SEGMENT_BYTES, most)
