"""One destination: sends what waits for it until the far end answers for every item.

What is refused comes again, later and later, for as long as it takes. What is never taken
is cut down to the item that is at fault, and that one is listed among the dead letters.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from collectors.component import Batch, Delivery, Exporter, Meter, NeverTaken, TryLater
from collectors.log import Entry, Log, LogFailed
from collectors.service import names
from collectors.service.backoff import Backoff
from collectors.service.books import Books
from collectors.service.clock import Clock
from collectors.service.concurrency import Concurrency
from collectors.service.cursor import Cursor
from collectors.service.dead import DELIVERY, dead_letter
from collectors.service.plan import OnFull, QueueSettings
from collectors.service.queue import Group, Queue, Queued, merge
from collectors.wire import Malformed, inspect, split

_log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SECONDS = 1.0
_FULL_PAUSE_SECONDS = 1.0
_FEW = 2  # requests on their way, from which on small ones wait and grow


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationParts:
    """What a destination works with.

    Attributes:
        is_full: Whether requests are being refused for want of disk.
        has_dead_room: Whether a dead letter of so many bytes fits into their share.
        draw: A number from 0 to 1, by lot.
        crashed: Told of a bug of ours that ends a delivery.
        pause: Waits so many seconds.
    """

    name: str
    exporter: Exporter
    settings: QueueSettings
    outbox: Log
    dead: Log
    cursor: Cursor
    books: Books
    clock: Clock
    meter: Meter
    is_full: Callable[[], bool]
    draw: Callable[[], float]
    crashed: Callable[[BaseException], None]
    has_dead_room: Callable[[int], bool] = lambda _: True
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Outcome:
    """What became of a group so far: booked when all of it is settled, with its records.

    Until then it all counts as waiting, because after a kill it is sent again as a whole.
    """

    delivered: int = 0
    dead_lettered: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a group, made of whole records or of a part of one."""

    batch: Batch
    records: Sequence[Queued]
    outcome: _Outcome


class Destination:
    """Delivers the outbox to one exporter, several requests at a time."""

    def __init__(self, parts: DestinationParts) -> None:
        self._parts = parts
        self.name = parts.name
        self.queue = Queue(
            parts.name, parts.outbox, parts.cursor, parts.settings, parts.clock, self._is_busy
        )
        self._slots = asyncio.Semaphore(parts.settings.num_consumers)
        self._turns = Concurrency(parts.settings.num_consumers)
        self._sending: set[asyncio.Task[None]] = set()
        self._pausing: set[asyncio.Task[None]] = set()
        self._is_finishing = False
        self._failing_since: str = ""

    @property
    def in_flight(self) -> int:
        """Requests that are on their way."""
        return self._turns.busy

    @property
    def limit(self) -> int:
        """Requests that may be on their way at once, for now."""
        return self._turns.limit

    @property
    def cursor(self) -> Cursor:
        """Where it stands."""
        return self._parts.cursor

    async def run(self) -> None:
        """Deliver until cancelled; what was on its way then is sent again after a restart."""
        try:
            while True:
                await self._slots.acquire()
                try:
                    group = await self._next_group()
                except BaseException:
                    self._slots.release()
                    raise
                if self._is_finishing:
                    await asyncio.Event().wait()  # the group stays on the disk
                task = asyncio.create_task(self._send(group))
                self._sending.add(task)
                task.add_done_callback(self._ended)
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            self.queue.close()

    async def finish(self, grace_seconds: float) -> None:
        """Begin nothing new, and let the far end answer what it is being asked, for so long.

        What waits for its next attempt does not wait any longer: it stays on the disk.
        """
        self._is_finishing = True
        for task in self._pausing:
            task.cancel()
        if self._sending:
            await asyncio.wait(list(self._sending), timeout=grace_seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._parts.crashed(error)

    async def _next_group(self) -> Group:
        while True:
            try:
                return await self.queue.next_group()
            except OSError:
                _log.exception("%s: the outbox cannot be read, trying again", self.name)
                await self._parts.pause(_RETRY_SECONDS)

    async def _send(self, group: Group) -> None:
        outcome = _Outcome()
        await self._settle(_Piece(group.batch, group.records, outcome))
        signal, books = group.batch.signal, self._parts.books
        for item in group.records:
            self._parts.cursor.finish(item.offset)
        books.delivered(self.name, signal, outcome.delivered)
        books.dead_lettered(self.name, signal, outcome.dead_lettered)
        books.done(self.name, signal, group.batch.items, len(group.records))
        self.queue.wake()

    async def _settle(self, piece: _Piece) -> None:
        """Return once every item of `piece` was delivered or listed among the dead letters."""
        parts = self._parts
        backoff = Backoff(parts.settings, parts.draw)
        began_ns = parts.clock.steady_ns()
        while True:
            if self._gives_way():
                await self._bury(piece, "the disk budget is used up and on_full is dead_letter")
                return
            try:
                delivery = await self._attempt(piece.batch)
            except NeverTaken as answer:
                await self._divide(piece, answer)
                return
            except TryLater as answer:
                reason, hint = answer.reason, answer.retry_after_seconds
            except Exception as error:  # noqa: BLE001 - an exporter's bug must not lose what waits
                _log.exception("%s: the exporter raised, trying again", self.name)
                reason, hint = f"the exporter raised {error!r}", None
            else:
                await self._delivered(piece, delivery)
                return
            waited = (parts.clock.steady_ns() - began_ns) / 1e9
            if 0 < parts.settings.max_elapsed_seconds <= waited:
                await self._bury(piece, f"gave up after {waited:.0f} s: {reason}")
                return
            self._tell_failing(reason)
            await self._pause(backoff.next_seconds(hint))

    async def _attempt(self, batch: Batch) -> Delivery:
        """Send once, in turn; how that went says how many turns there are."""
        turns = self._turns
        begun = await self._while_idle(turns.begin())
        began = time.perf_counter()
        try:
            delivery = await self._parts.exporter.deliver(batch)
        except NeverTaken:
            raise
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            # Nobody ends us: a library that closes a connection cancels what waits for it.
            turns.refused(begun)
            msg = "what it was being sent with was closed"
            raise TryLater(msg) from error
        except Exception:
            turns.refused(begun)
            raise
        else:
            turns.answered(time.perf_counter() - began)
            return delivery
        finally:
            turns.end()
            self.queue.wake()

    def _is_busy(self) -> bool:
        return self._turns.busy >= _FEW

    async def _pause(self, seconds: float) -> None:
        await self._while_idle(self._wait(seconds))

    async def _while_idle(self, waiting: Awaitable[T]) -> T:
        """Wait for what concerns nobody else: `finish` may end it."""
        task = asyncio.current_task()
        if task is None or task not in self._sending:
            return await waiting
        self._pausing.add(task)
        if self._is_finishing:
            task.cancel()
        try:
            return await waiting
        finally:
            self._pausing.discard(task)

    def _gives_way(self) -> bool:
        return self._parts.settings.on_full is OnFull.DEAD_LETTER and self._parts.is_full()

    async def _wait(self, seconds: float) -> None:
        """Wait, but look every second whether this destination must give way."""
        if self._parts.settings.on_full is OnFull.REFUSE:
            await self._parts.pause(seconds)
            return
        while seconds > 0 and not self._gives_way():
            await self._parts.pause(min(seconds, _FULL_PAUSE_SECONDS))
            seconds -= _FULL_PAUSE_SECONDS

    async def _delivered(self, piece: _Piece, delivery: Delivery) -> None:
        self._tell_working()
        batch = piece.batch
        rejected = min(max(delivery.rejected_items, 0), batch.items)
        if rejected:
            reason = f"partial success, {rejected} of {batch.items} rejected: {delivery.message}"
            await self._bury(piece, reason, rejected)
        elif delivery.message:
            _log.warning("%s: accepted, with a warning: %s", self.name, delivery.message)
        parts = self._parts
        delivered = batch.items - rejected
        piece.outcome.delivered += delivered
        self._count(piece, "delivered", delivered)
        parts.meter.add(names.exporter_counter("sent", batch.signal), delivered, exporter=self.name)

    async def _divide(self, piece: _Piece, answer: NeverTaken) -> None:
        """Send the halves of `piece`, down to what cannot be cut."""
        halves = _halves(piece) if answer.divisible else ()
        if not halves:
            await self._bury(piece, answer.reason)
            return
        for half in halves:
            if half.batch.items:
                await self._settle(half)

    async def _bury(self, piece: _Piece, reason: str, items: int | None = None) -> None:
        """List `items` of `piece` among the dead letters, all of them if not told."""
        parts = self._parts
        batch = piece.batch
        count = batch.items if items is None else items
        first = piece.records[0].words
        letter = dead_letter(
            reason=reason,
            stage=DELIVERY,
            signal=batch.signal,
            items=count,
            payload=batch.payload,
            origin=first.origin,
            index=first.index,
            destination=self.name,
            pipeline=first.pipeline,
            clock=parts.clock,
            context=batch.context,
        )
        await self._write_dead(letter)
        _log.warning("%s: %d %s to dead letters: %s", self.name, count, batch.signal, reason)
        piece.outcome.dead_lettered += count
        self._count(piece, "dead_lettered", count)
        parts.meter.add(
            names.exporter_counter("send_failed", batch.signal), count, exporter=self.name
        )

    async def _write_dead(self, letter: Entry) -> None:
        """Wait for room and for the disk: what is not listed is not given up."""
        parts = self._parts
        while True:
            try:
                if parts.has_dead_room(letter.size_bytes):
                    await parts.dead.append(letter)
                    return
                self._tell_failing("the dead letters' share of the disk is full")
            except LogFailed as error:
                self._tell_failing(f"a dead letter cannot be written: {error}")
            await parts.pause(_RETRY_SECONDS)

    def _count(self, piece: _Piece, outcome: str, items: int) -> None:
        pipelines = {record.words.pipeline for record in piece.records}
        self._parts.meter.add(
            names.ITEMS,
            items,
            signal=piece.batch.signal,
            pipeline=pipelines.pop() if len(pipelines) == 1 else "",
            exporter=self.name,
            outcome=outcome,
        )

    def _tell_failing(self, reason: str) -> None:
        """One line when it begins and when the reason changes, not one per attempt."""
        if reason != self._failing_since:
            _log.warning("%s: not delivered, trying again: %s", self.name, reason)
            self._failing_since = reason

    def _tell_working(self) -> None:
        if self._failing_since:
            _log.warning("%s: delivers again", self.name)
            self._failing_since = ""


class Removed:
    """Stands for a destination that is configured no more: it takes nothing."""

    async def start(self) -> None:
        """There is nothing to open."""

    async def deliver(self, batch: Batch) -> Delivery:
        """Never; raises NeverTaken."""
        del batch
        msg = "the destination was removed from the configuration"
        raise NeverTaken(msg)

    async def stop(self) -> None:
        """There is nothing to close."""


def _halves(piece: _Piece) -> Sequence[_Piece]:
    """Two pieces with the items of one; records are parted first, then what is in one."""
    records = piece.records
    if len(records) > 1:
        middle = len(records) // 2
        return [
            _Piece(merge([record.batch for record in part]), part, piece.outcome)
            for part in (records[:middle], records[middle:])
        ]
    batch = piece.batch
    try:
        cut = split(batch.signal, batch.payload)
        if cut is None:
            return ()
        return [
            replace(
                piece,
                batch=replace(batch, payload=half, items=inspect(batch.signal, half).items),
            )
            for half in cut
        ]
    except Malformed:
        return ()
