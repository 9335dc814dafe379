"""Admission: the one door through which telemetry gets in, or is told why not.

What passes is on disk before the sender hears so. Nothing is taken that has no room all
the way to the outbox.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from collectors.component import Context, Gate, Meter, Refused, Rejected, Signal
from collectors.graph import InboxWords
from collectors.log import Entry, Kind, Log, LogFailed, LogFull
from collectors.service import names
from collectors.service.budget import Budget
from collectors.service.clock import Clock
from collectors.service.duplicates import Known, digest
from collectors.service.shares import Shares, holder
from collectors.service.wakeup import Mailbox

_HINT_SECONDS = (1.0, 2.0)
"""The official exporters give up after 6 tries or 10 s: a longer hint would lose data."""

_AHEAD_NS = 1_000_000_000
"""A clock that is this much ahead of ours is skewed; less is what NTP leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What all receivers share.

    Attributes:
        is_open: Whether the inbox says under what its records are processed.
    """

    inbox: Log
    budget: Budget
    known: Known
    shares: Shares
    clock: Clock
    meter: Meter
    mailbox: Mailbox
    is_open: Callable[[], bool] = lambda: True


class Door:
    """Opens when the daemon is ready to take requests, and closes when it stops."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._on_their_way: dict[str, asyncio.Future[None]] = {}
        self._is_closed = False

    def close(self) -> None:
        """Take nothing new."""
        self._is_closed = True

    async def idle(self) -> None:
        """Wait until everything that was taken is answered for."""
        while self._on_their_way:
            await asyncio.wait(list(self._on_their_way.values()))
            await asyncio.sleep(0)

    async def submit(
        self, receiver: str, signal: Signal, payload: bytes, items: int, context: Context
    ) -> bool:
        """Take a request over; tells whether it was new.

        Raises:
            Refused: The daemon is stopping, or there is no room.
            Rejected: It is longer than there can ever be room for.
        """
        mark = digest(receiver, signal, payload, context)
        clock = self._admission.clock
        if self._admission.known.has(mark, clock.steady_ns()):
            return False
        if (pending := self._on_their_way.get(mark)) is not None:
            await _settled(pending)
            return False
        self._check(signal, len(payload), holder(context))
        words = InboxWords(receiver, context, mark).encode()
        entry = Entry(Kind.DATA, signal, items, clock.steady_ns(), clock.wall_ns(), words, payload)
        await _settled(self._append(mark, entry))
        return True

    def _check(self, signal: Signal, size_bytes: int, tenant: str) -> None:
        if self._is_closed:
            msg = "the daemon is stopping"
            raise Refused(msg, _hint_seconds())
        if not self._admission.is_open():
            msg = "the disk does not take the configuration yet"
            raise Refused(msg, _hint_seconds())
        if size_bytes > (most := self._admission.budget.most_request_bytes):
            msg = (
                f"a request must be at most {most} bytes, got {size_bytes}: the disk budget has no "
                "room for a longer one, raise max_size of file_storage"
            )
            raise Rejected(msg)
        if not self._has_room(signal, size_bytes):
            limit = self._admission.budget.limit_bytes
            msg = f"the disk budget of {limit} bytes is used up, or the disk is full"
            raise Refused(msg, _hint_seconds())
        used, limit = self._admission.budget.used_bytes, self._admission.budget.limit_bytes
        if not self._admission.shares.allows(tenant, size_bytes, used, limit):
            msg = f"{tenant or 'this sender'} holds its fair share of the disk already"
            raise Refused(msg, _hint_seconds())

    def _has_room(self, signal: Signal, size_bytes: int) -> bool:
        try:
            return self._admission.budget.admits(signal, size_bytes)
        except OSError as error:  # of a disk from which nothing can be deleted
            msg = f"the disk fails: {error.strerror or error}"
            raise Refused(msg, _hint_seconds()) from error

    def _append(self, mark: str, entry: Entry) -> asyncio.Future[None]:
        """Send the entry on its way; the future tells all who wait for the same bytes."""
        pending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_their_way[mark] = pending
        size = entry.size_bytes
        self._admission.budget.promise(size)

        def settle(failure: LogFailed | None) -> None:
            del self._on_their_way[mark]
            if failure is None:
                self._admission.known.add(mark, entry.steady_ns)
                pending.set_result(None)
                return
            self._admission.budget.settle(size)
            pending.set_exception(failure)
            pending.exception()  # whoever waited may be gone: that is no error of ours

        def done(_durable: int, failure: LogFailed | None) -> None:
            self._admission.mailbox.post(partial(settle, failure))

        try:
            self._admission.inbox.submit([entry], done)
        except LogFailed as error:
            settle(error)
        return pending


class ReceiverIntake:
    """The door as one receiver sees it: behind its gates, and with its name on it."""

    def __init__(
        self, door: Door, receiver: str, gates: Sequence[Gate], admission: Admission
    ) -> None:
        self._door = door
        self._receiver = receiver
        self._gates = gates
        self._meter = admission.meter
        self._clock = admission.clock

    async def submit(
        self,
        signal: Signal,
        payload: bytes,
        items: int,
        context: Context,
        emitted_ns: tuple[int, int] | None = None,
    ) -> None:
        """See `Intake.submit`."""
        for gate in self._gates:
            payload = await gate.admit(signal, payload, context)
        if not items:
            return  # OTLP: an empty request succeeds; there is nothing to keep
        is_new = await self._door.submit(self._receiver, signal, payload, items, context)
        self._count(signal, items, context, is_new=is_new)
        if is_new and emitted_ns is not None:
            self._observe_lag(signal, items, emitted_ns)

    def _count(self, signal: Signal, items: int, context: Context, *, is_new: bool) -> None:
        if not is_new:
            self._meter.add(names.ITEMS, items, signal=signal, outcome="duplicate")
            return
        self._meter.add(names.ITEMS, items, signal=signal, outcome="accepted")
        self._meter.add(
            names.receiver_counter("accepted", signal),
            items,
            receiver=self._receiver,
            transport=context.transport,
        )

    def _observe_lag(self, signal: Signal, items: int, emitted_ns: tuple[int, int]) -> None:
        """One half of the items counts as old as the oldest, the other as the newest."""
        now = self._clock.wall_ns()
        older = items // 2
        for time_ns, count in ((emitted_ns[0], older), (emitted_ns[1], items - older)):
            if time_ns and count:
                lag = max(0.0, (now - time_ns) / 1e9)
                self._meter.observe(names.LAG, lag, count, signal=signal)
                if time_ns - now > _AHEAD_NS:
                    self._meter.add(names.AHEAD, count, signal=signal)


async def _settled(pending: asyncio.Future[None]) -> None:
    """Wait for others' work without ending it; raises Refused where it failed."""
    try:
        await asyncio.shield(pending)
    except LogFull as error:
        msg = f"the disk is full: {error}"
        raise Refused(msg, _hint_seconds()) from error
    except LogFailed as error:
        raise Refused(str(error), _hint_seconds()) from error


def _hint_seconds() -> float:
    """When to come again, spread so that refused senders do not return all at once."""
    return random.uniform(*_HINT_SECONDS)  # noqa: S311 - spreads load, hides nothing
