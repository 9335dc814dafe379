"""What waits for one destination: read from the outbox, merged into requests of a size.

Requests of one signal and one tenant are merged by putting their bytes one behind the
other, which protobuf defines as their union. Order is kept within what is merged.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from collectors.component import Batch, Context, Signal
from collectors.graph import OutboxWords, Unreadable
from collectors.log import Kind, Log, Record
from collectors.service.clock import Clock
from collectors.service.cursor import Cursor
from collectors.service.plan import QueueSettings

_log = logging.getLogger(__name__)

_LOOKAHEAD_BYTES = 8 << 20
"""Held in memory per destination beyond what is on its way."""

_READ_BYTES = 1 << 20

_WORTHWHILE_BYTES = 1 << 20
"""A request of so many bytes is sent while others are on their way; a smaller one grows."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An outbox record that is for this destination."""

    offset: int
    words: OutboxWords
    batch: Batch


@dataclass(frozen=True, slots=True)
class Group:
    """Records that are sent as one request.

    Attributes:
        batch: Their union.
    """

    records: tuple[Queued, ...]
    batch: Batch


Key = tuple[Signal, str, tuple[tuple[str, str], ...]]


class Queue:
    """The outbox as one destination sees it; used on the event loop."""

    def __init__(
        self,
        name: str,
        outbox: Log,
        cursor: Cursor,
        settings: QueueSettings,
        clock: Clock,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin at `cursor`; while `is_busy` only requests of some size are worth a place."""
        self._name = name
        self._outbox = outbox
        self._cursor = cursor
        self._settings = settings
        self._clock = clock
        self._is_busy = is_busy
        self._reader = outbox.reader(cursor.low)
        self._ahead: deque[Queued] = deque()
        self._ahead_bytes = 0
        self._grown = asyncio.Event()

    def wake(self) -> None:
        """The outbox has grown, or a record was finished."""
        self._grown.set()

    def close(self) -> None:
        """Let go of the file that is being read."""
        self._reader.close()

    async def next_group(self) -> Group:
        """The next request to be sent; waits until there is one."""
        while True:
            self._grown.clear()
            await self._read_ahead()
            patience = self._patience_seconds() if self._ahead else None
            if patience is not None and patience <= 0:
                if self._is_worthwhile():
                    return self._take()
                patience = None  # an answer or more to send wakes us
            try:
                async with asyncio.timeout(patience):
                    await self._grown.wait()
            except TimeoutError:
                continue

    async def _read_ahead(self) -> None:
        """Read until there is enough for a full request."""
        while (
            not self._cursor.is_wide
            and self._ahead_bytes < _LOOKAHEAD_BYTES
            and len(self._ahead) < Cursor.MOST_DONE
        ):
            if self._outbox.recent(self._reader.offset, 1):
                records = self._reader.read(_READ_BYTES)
            elif self._reader.offset < self._outbox.end:
                records = await asyncio.to_thread(self._reader.read, _READ_BYTES)
            else:
                return
            for record in records:
                self._look_at(record)
            self._cursor.passed(self._reader.offset)
            if self._is_enough():
                return

    def _look_at(self, record: Record) -> None:
        if record.kind is not Kind.DATA or record.signal is None:
            return
        if self._cursor.was_done(record.offset):
            return
        try:
            words = OutboxWords.decode(record.meta)
        except Unreadable as error:  # it is not known whose it is: the books miss it, and say so
            _log.error(
                "%s: outbox record %d cannot be read, and is passed over: %s",
                self._name,
                record.offset,
                error,
            )
            return
        if self._name not in words.destinations:
            return
        batch = Batch(
            record.signal,
            record.payload,
            record.items,
            words.context,
            record.steady_ns,
            record.wall_ns,
        )
        self._cursor.take(record.offset)
        self._ahead.append(Queued(record.offset, words, batch))
        self._ahead_bytes += len(record.payload)

    def _is_worthwhile(self) -> bool:
        """Whether to send now what there is: a small request costs as much as a large one."""
        if not self._is_busy() or self._ahead_bytes >= _WORTHWHILE_BYTES:
            return True
        return sum(item.batch.items for item in self._ahead) >= self._settings.max_items

    def _is_enough(self) -> bool:
        return self._ahead_bytes >= self._settings.max_bytes

    def _patience_seconds(self) -> float:
        """How long the first record may still wait for others to go with it."""
        if not self._settings.linger_seconds or self._is_enough():
            return 0.0
        first = self._ahead[0]
        key = _key(first.batch)
        waiting = sum(item.batch.items for item in self._ahead if _key(item.batch) == key)
        if waiting >= self._settings.min_items:
            return 0.0
        waited = (self._clock.steady_ns() - first.batch.steady_ns) / 1e9
        return self._settings.linger_seconds - waited

    def _take(self) -> Group:
        """Take what goes with the first record, up to the limits."""
        key = _key(self._ahead[0].batch)
        taken: list[Queued] = []
        left: deque[Queued] = deque()
        items = size = 0
        is_full = False
        for item in self._ahead:
            batch = item.batch
            if is_full or _key(batch) != key:
                left.append(item)
                continue
            is_full = bool(taken) and (
                items + batch.items > self._settings.max_items
                or size + len(batch.payload) > self._settings.max_bytes
            )
            if is_full:
                left.append(item)
                continue
            taken.append(item)
            items += batch.items
            size += len(batch.payload)
        self._ahead = left
        self._ahead_bytes -= size
        return Group(tuple(taken), merge([item.batch for item in taken]))


def merge(batches: Sequence[Batch]) -> Batch:
    """The union of `batches`, which are of one signal, tenant and set of headers."""
    first = batches[0]
    if len(batches) == 1:
        return first
    peers = {batch.context.peer for batch in batches}
    peer = first.context.peer if len(peers) == 1 else ""
    return replace(
        first,
        payload=b"".join([batch.payload for batch in batches]),
        items=sum(batch.items for batch in batches),
        context=Context(first.context.tenant, peer, first.context.headers),
    )


def _key(batch: Batch) -> Key:
    return batch.signal, batch.context.tenant, batch.context.headers
