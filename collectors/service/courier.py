"""All destinations together: who is sent to, how far each is, and what may be forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from collectors.component import Exporter, Meter
from collectors.log import SIGNALS, Log, total_of
from collectors.service import names
from collectors.service.books import Books, no_counts
from collectors.service.budget import DELIVERY_SHARE, Budget
from collectors.service.clock import Clock
from collectors.service.counted import Counted, count
from collectors.service.cursor import Cursor
from collectors.service.delivery import Destination, DestinationParts, Removed
from collectors.service.keeper import Keeper
from collectors.service.plan import QueueSettings
from collectors.service.recent import Recent
from collectors.service.shares import Shares
from collectors.service.state import SavedCursor, StateFiles
from collectors.service.wakeup import Mailbox

_log = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
"""How much delivered work may be done again after the machine went down."""

NOTE_SECONDS = 0.02
"""How much of it after the process alone was killed."""

_FIRST_SAVE_SECONDS = 0.05

STRANDED_ROUNDS = 3
"""How many rounds of saving the books must say the same before it is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierParts:
    """What the courier works with.

    Attributes:
        dead_max_age_seconds: After how long dead letters are let go; 0 is never.
        saved: Where each destination stood, those that are configured no more included.
        is_settled: Whether everything that the graph gave out is in the outbox.
    """

    exporters: Mapping[str, Exporter]
    queues: Mapping[str, QueueSettings]
    outbox: Log
    dead: Log
    state: StateFiles
    recent: Recent
    saved: Mapping[str, SavedCursor]
    keeper: Keeper
    books: Books
    clock: Clock
    meter: Meter
    budget: Budget
    mailbox: Mailbox
    draw: Callable[[], float]
    crashed: Callable[[BaseException], None]
    is_settled: Callable[[], bool]
    shares: Shares
    dead_max_age_seconds: float = 0.0


class Courier:
    """Runs every destination and keeps their cursors."""

    def __init__(self, parts: CourierParts) -> None:
        self._parts = parts
        self._moved = asyncio.Event()
        self._noting: asyncio.TimerHandle | None = None
        removed = [name for name in parts.saved if name not in parts.exporters]
        self._exporters: dict[str, Exporter] = {
            **dict(parts.exporters),
            **{name: Removed() for name in removed},
        }
        self.destinations = [self._destination(name) for name in self._exporters]
        self._at_start = {d.name: d.cursor.saved() for d in self.destinations}
        self._end_at_start = parts.outbox.end
        self._low = 0
        self._is_counted = False
        self._tasks: list[asyncio.Task[None]] = []
        self._versions: dict[str, int] = {}
        self._stranded: tuple[object, int] = (None, 0)
        self._is_started = False

    async def start(self) -> None:
        """Open the exporters and begin to send."""
        self._is_started = True
        for exporter in self._exporters.values():
            await exporter.start()
        await self._save()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(d.run(), name=d.name) for d in self.destinations]
        self._tasks.append(loop.create_task(self._recount()))
        self._tasks.append(loop.create_task(self._keep_saving()))
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self._parts.outbox.listen(lambda: self._parts.mailbox.post(self._wake))

    async def stop(self, grace_seconds: float, *, drain: bool = True) -> None:
        """Save where everybody stands, after a while for what is to be delivered.

        Args:
            grace_seconds: The longest while.
            drain: Whether all that waits is to go out, or only what is on its way to arrive.
        """
        if drain:
            try:
                async with asyncio.timeout(grace_seconds):
                    while self._tasks and not self._is_drained():
                        self._moved.clear()
                        await self._moved.wait()
            except TimeoutError:
                _log.info("not everything was delivered; it stays on disk")
        else:
            await asyncio.gather(*(d.finish(grace_seconds) for d in self.destinations))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._noting is not None:
            self._noting.cancel()
        if self._is_started:
            for name, exporter in self._exporters.items():
                try:
                    await exporter.stop()
                except Exception:  # noqa: BLE001 - it must not keep the others from being stopped
                    _log.exception("%s did not stop as it should", name)
            await self._save()

    def _destination(self, name: str) -> Destination:
        parts = self._parts
        saved = parts.saved.get(name)
        if saved is None:
            saved = SavedCursor(
                parts.outbox.first_offset, (), no_counts(), no_counts(), no_counts()
            )
        parts.books.open_account(name, saved.delivered, saved.dead_lettered, saved.lost)
        return Destination(
            DestinationParts(
                name=name,
                exporter=self._exporters[name],
                settings=parts.queues.get(name, QueueSettings()),
                outbox=parts.outbox,
                dead=parts.dead,
                cursor=Cursor(
                    max(saved.low, parts.outbox.first_offset), saved.done, self._has_moved
                ),
                books=parts.books,
                clock=parts.clock,
                meter=parts.meter,
                is_full=parts.budget.is_full,
                has_dead_room=partial(parts.budget.has_dead_room, share=DELIVERY_SHARE),
                draw=parts.draw,
                crashed=parts.crashed,
            )
        )

    def _has_moved(self) -> None:
        """A cursor has: note it soon, together with what else will have moved by then."""
        self._moved.set()
        if self._noting is None and self._tasks:
            loop = asyncio.get_running_loop()
            self._noting = loop.call_later(NOTE_SECONDS, self._note)

    def _note(self) -> None:
        self._noting = None
        self._parts.recent.write({d.name: self._saved(d) for d in self.destinations})

    def _ended(self, task: asyncio.Task[None]) -> None:
        """None of them ends by itself, but for the count and by a bug of ours."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._parts.crashed(error)

    def _is_drained(self) -> bool:
        end = self._parts.outbox.end
        return all(destination.cursor.low >= end for destination in self.destinations)

    def _wake(self) -> None:
        for destination in self.destinations:
            destination.queue.wake()

    async def _keep_saving(self) -> None:
        # Often at first: a daemon that never lives for a second must get on, too.
        pause = min(_FIRST_SAVE_SECONDS, SAVE_SECONDS)
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, SAVE_SECONDS)
            await self._save()
            self._book_stranded()

    async def _save(self) -> None:
        """Save the cursors if one has moved, then let go of what all have passed."""
        versions = {d.name: d.cursor.version for d in self.destinations}
        if versions != self._versions:
            cursors = {d.name: self._saved(d) for d in self.destinations}
            try:
                await asyncio.to_thread(self._parts.state.save_cursors, cursors)
            except OSError as error:
                _log.warning("the cursors were not saved, those before stand: %s", error)
                return
            self._versions = versions
            self._low = min((c.low for c in cursors.values()), default=self._parts.outbox.end)
        self._parts.shares.passed(self._low)
        await asyncio.to_thread(self._trim)

    def _trim(self) -> None:
        """Let go of what nobody needs; a disk that deletes nothing is no reason to stop."""
        try:
            if self._is_counted:
                before = min(self._low, self._parts.keeper.trimmable_outbox)
                self._parts.outbox.trim(before, self._parts.clock.wall_ns())
            self._expire()
        except OSError as error:
            _log.warning("segments that nobody needs were not deleted: %s", error)

    def _saved(self, destination: Destination) -> SavedCursor:
        low, done = destination.cursor.saved()
        return SavedCursor(low, done, *self._parts.books.saved(destination.name))

    async def _recount(self) -> None:
        """Count what the outbox held at start, so that the books begin from what is there."""
        while (found := await asyncio.to_thread(self._count)) is None:  # noqa: ASYNC110 - a disk tells nobody that it is back
            await asyncio.sleep(SAVE_SECONDS)
        for (block, tenant), size in found.held.items():
            self._parts.shares.add(block, tenant, size)
        for name, (counts, records) in found.waiting.items():
            self._parts.books.recount(name, counts, records)
            self._book_lost(name, waited=False)
        self._is_counted = True

    def _count(self) -> Counted | None:
        """What waits for each; None while the disk does not let it be read."""
        try:
            return count(self._parts.outbox, self._end_at_start, self._at_start)
        except OSError as error:
            _log.warning("the outbox cannot be counted, trying again: %s", error)
            return None

    def _expire(self) -> None:
        """Let go of segments of dead letters that are all too old; counted and told."""
        dead, age = self._parts.dead, self._parts.dead_max_age_seconds
        if not age or not (before := dead.segments()):
            return
        if not dead.trim(dead.end, self._parts.clock.wall_ns() - int(age * 1e9)):
            return
        for signal in SIGNALS:
            now = total_of(dead.segments()[0].totals, signal)
            items = now - total_of(before[0].totals, signal)
            self._parts.meter.add(names.ITEMS, items, signal=signal, outcome="expired")
            if items:
                _log.warning(
                    "%d %s among the dead letters were too old and are gone", items, signal
                )

    def _book_stranded(self) -> None:
        """Book as lost what waits though the outbox was passed to its end: it was damaged.

        What is on its way into the outbox looks the same for a moment, so it must look so
        several times.
        """
        waiting = {d.name: self._parts.books.waiting(d.name)[1] for d in self.destinations}
        seen = (self._parts.outbox.end, waiting)
        is_quiet = self._is_drained() and self._parts.is_settled()
        if not is_quiet or not any(any(counts.values()) for counts in waiting.values()):
            self._stranded = (None, 0)
            return
        before, times = self._stranded
        self._stranded = (seen, times + 1 if seen == before else 1)
        if self._is_counted and self._stranded[1] > STRANDED_ROUNDS:
            for destination in self.destinations:
                self._book_lost(destination.name, waited=True)

    def _book_lost(self, name: str, *, waited: bool) -> None:
        """Book as lost what a destination was given and a damaged outbox no longer holds."""
        books = self._parts.books
        for signal in SIGNALS:
            items = books.waiting(name)[1][signal] if waited else books.shortfall(name, signal)
            if items <= 0:
                continue
            books.lost(name, signal, items, waited=waited)
            labels = {"signal": signal, "exporter": name, "outcome": "lost"}
            self._parts.meter.add(names.ITEMS, items, **labels)
            _log.error("%s: %d %s were lost to damage of the outbox", name, items, signal)
