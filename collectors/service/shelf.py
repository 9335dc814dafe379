"""Where items wait on disk: in the inbox as they came, or in the held log beside it.

What is held is in memory until it is on the disk, and on the disk before any snapshot that
relies on it: a processor finds at a place what it put there, or hears that it is gone.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from collectors.component import Batch, Signal
from collectors.log import Damaged, Entry, Kind, Log, Lookup, Record
from collectors.service.clock import Clock
from collectors.service.outbox import Abandoned, Press
from collectors.service.state import Bounds
from collectors.waiting import Gone, Place

_log = logging.getLogger(__name__)

CACHE_BYTES = 16 << 20
"""Memory for requests read from the disk: each holds spans of many traces."""

GROUP_BYTES = 1 << 20
"""Held bytes that gather before they are written and synced together."""

_RETRY_SECONDS = 0.5
_MOST_TOLD = 1000  # damaged records; the counters go on


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfParts:
    """What a shelf works with.

    Attributes:
        note: Takes a decision for the decision log, and the pipeline in which it was made.
        abandon: Set once the daemon must end though the disk fails.
    """

    inbox: Log
    held: Log
    note: Callable[[bytes, str], None]
    clock: Clock
    abandon: threading.Event
    cache_bytes: int = CACHE_BYTES


class DiskShelf:
    """The shelf of all processors; made for the graph's thread.

    Attributes:
        floor: What lies lower is gone, whether the disk still has it or not: so that a
            replay is told the same.
    """

    def __init__(self, parts: ShelfParts, floor: Bounds) -> None:
        self._parts = parts
        self.floor = floor
        self._inbox = Lookup(parts.inbox)
        self._held = Lookup(parts.held)
        self._cache = _Cache(parts.cache_bytes)
        self._press = Press(parts.held, parts.abandon)
        self._next = parts.held.end
        self._unsafe: dict[int, bytes] = {}
        self._fresh: list[Entry] = []
        self._fresh_bytes = 0
        self._told: set[tuple[str, int]] = set()

    def of(self, signal: Signal, pipeline: str = "") -> PipelineShelf:
        """The shelf as a processor of `pipeline`, which is of `signal`, sees it."""
        return PipelineShelf(self, signal, pipeline)

    def place(self, batch: Batch) -> Place:
        """See `Shelf.place`."""
        if batch.origin is not None:
            return Place(batch.origin)
        return self.hold(batch.payload, batch.signal, batch.items)

    def hold(self, payload: bytes, signal: Signal | None, items: int = 0) -> Place:
        """See `Shelf.hold`; `items` are those inside, if that is known."""
        clock = self._parts.clock
        entry = Entry(Kind.DATA, signal, items, clock.steady_ns(), clock.wall_ns(), b"", payload)
        offset, self._next = self._next, self._next + 1
        self._unsafe[offset] = payload
        self._fresh.append(entry)
        self._fresh_bytes += entry.size_bytes
        return Place(-1 - offset)

    def read(self, place: Place) -> bytes:
        """See `Shelf.read`."""
        if place >= 0:
            offset, floor = int(place), self.floor.inbox
            log, lookup = self._parts.inbox, self._inbox
        else:
            offset, floor = -1 - place, self.floor.held
            log, lookup = self._parts.held, self._held
            if (payload := self._unsafe.get(offset)) is not None:
                return payload
        if offset < floor:
            msg = f"record {offset} of the {log.name} log was not pinned and let go"
            raise Gone(msg)
        if (payload := self._cache.get(place)) is not None:
            return payload
        record = self._record(log, lookup, offset)
        if record is None or record.kind is not Kind.DATA:
            msg = f"record {offset} of the {log.name} log cannot be read"
            raise Gone(msg)
        self._cache.put(place, record.payload)
        return record.payload

    def note(self, decision: bytes, pipeline: str) -> None:
        """See `Shelf.note`."""
        self._parts.note(decision, pipeline)

    def press(self) -> None:
        """Write what was held if it is enough; may wait for what was written before.

        Raises:
            Abandoned: The disk does not take it and the daemon must end.
        """
        if self._fresh_bytes >= GROUP_BYTES:
            self._hand_over()

    def flush(self) -> None:
        """Wait until everything held is on the disk; raises Abandoned."""
        self._hand_over()
        self._press.flush()
        self._unsafe.clear()

    def let_go(self, floor: Bounds) -> None:
        """Read nothing below `floor` any more: it is going to be deleted."""
        self.floor = floor
        self._inbox.let_go(floor.inbox)
        self._held.let_go(floor.held)

    def close(self) -> None:
        """Close all files. Safe twice."""
        self._inbox.close()
        self._held.close()

    def _hand_over(self) -> None:
        if not self._fresh:
            return
        self._press.put(self._fresh)
        self._fresh, self._fresh_bytes = [], 0
        for offset in [o for o in self._unsafe if o < self._parts.held.end]:
            del self._unsafe[offset]

    def _record(self, log: Log, lookup: Lookup, offset: int) -> Record | None:
        """Read one record, waiting where the machine is short of something but bytes."""
        while True:
            try:
                return lookup.read(offset)
            except Damaged as damage:
                self._tell(log, offset, damage)
                return None
            except OSError as error:
                if error.errno == errno.EIO:
                    self._tell(log, offset, None)
                    return None
                _log.error("the %s log cannot be read, trying again: %s", log.name, error)
            if self._parts.abandon.wait(_RETRY_SECONDS):
                raise Abandoned

    def _tell(self, log: Log, offset: int, damage: Damaged | None) -> None:
        """Say once that a record is damaged: many a trace has spans in it."""
        if damage is not None and damage.header.signal is not None:
            log.missing(offset + 1, damage.header.signal, damage.header.items)
        if (log.name, offset) not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add((log.name, offset))
            _log.error("record %d of the %s log is damaged", offset, log.name)


@dataclass(frozen=True, slots=True)
class PipelineShelf:
    """A shelf that knows what kind of telemetry stands on it; see `Shelf`."""

    _shelf: DiskShelf
    _signal: Signal
    _pipeline: str

    def place(self, batch: Batch) -> Place:
        """See `Shelf.place`."""
        return self._shelf.place(batch)

    def hold(self, payload: bytes) -> Place:
        """See `Shelf.hold`."""
        return self._shelf.hold(payload, self._signal)

    def read(self, place: Place) -> bytes:
        """See `Shelf.read`."""
        return self._shelf.read(place)

    def note(self, decision: bytes) -> None:
        """See `Shelf.note`."""
        self._shelf.note(decision, self._pipeline)


class _Cache:
    """Payloads by place, those used last, within a number of bytes."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._payloads: OrderedDict[int, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, place: int) -> bytes | None:
        payload = self._payloads.get(place)
        if payload is not None:
            self._payloads.move_to_end(place)
        return payload

    def put(self, place: int, payload: bytes) -> None:
        self._payloads[place] = payload
        self._bytes += len(payload)
        while self._bytes > self._capacity_bytes:
            self._bytes -= len(self._payloads.popitem(last=False)[1])
