"""A log with its writer: appends gather while the disk is busy, and go out together.

There is no timer. While one write and its sync run, the next group gathers; a lone append
waits for one sync, and a thousand at once wait for two.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collectors.component import Signal
from collectors.log.disk import File
from collectors.log.reader import Reader
from collectors.log.record import Entry, Record, Totals
from collectors.log.recover import Segment
from collectors.log.store import LogFailed, Store

GROUP_BYTES = 8 << 20  # bounds how long one write holds up the next group

Done = Callable[[int, LogFailed | None], None]
"""Told how many of the entries are durable, and why not all of them."""


@dataclass(frozen=True, slots=True)
class LogHooks:
    """Who is told of what a log does; called in the writer's thread, and must not block.

    Attributes:
        appended: The records of a group and the totals after it, before anybody else can
            know of them.
        synced: Seconds that a write with its sync took.
    """

    appended: Callable[[Sequence[Record], Totals], None] = lambda _, __: None
    synced: Callable[[float], None] = lambda _: None


@dataclass(slots=True)
class _Waiting:
    entries: Sequence[Entry]
    done: Done


class Log:
    """An append-only log that many append to and many read."""

    def __init__(
        self, store: Store, *, cache_bytes: int = 32 << 20, hooks: LogHooks | None = None
    ) -> None:
        """Start the writer of `store`.

        Args:
            store: From now on owned by this log.
            cache_bytes: Memory for recent records, so that who keeps up never reads the disk.
            hooks: Who is told.
        """
        self._store = store
        self._hooks = hooks or LogHooks()
        self._recent = _Recent(cache_bytes)
        self._gather = threading.Condition()
        self._pending: deque[_Waiting] = deque()
        self._closing = False
        self._state = threading.Lock()
        self._end = store.next_offset
        self._totals = store.totals
        self._listeners: list[Callable[[], None]] = []
        self._missing: dict[tuple[int, Signal], int] = {}
        self.failure: LogFailed | None = None
        self._thread = threading.Thread(
            target=self._write, name=f"log-{store.directory.name}", daemon=True
        )
        self._thread.start()

    @property
    def name(self) -> str:
        """Name of the log: that of its directory."""
        return self._store.directory.name

    @property
    def end(self) -> int:
        """Offset behind the last durable record."""
        return self._end

    @property
    def first_offset(self) -> int:
        """Offset of the oldest record that may still be there."""
        return self._store.first_offset

    @property
    def size_bytes(self) -> int:
        """Bytes taken on disk, room reserved for the tail included."""
        return self._store.size_bytes

    def growth_bytes(self, size_bytes: int) -> int:
        """See `Store.growth_bytes`."""
        return self._store.growth_bytes(size_bytes)

    @property
    def totals(self) -> Totals:
        """Items of each signal ever appended and durable."""
        return self._totals

    @property
    def steady_ns(self) -> int:
        """Steady time of the last record."""
        return self._store.steady_ns

    def submit(self, entries: Sequence[Entry], done: Done) -> None:
        """Append `entries` in order; `done` is called once, in the writer's thread.

        Raises:
            LogFailed: The log is closed; `done` is not called.
        """
        with self._gather:
            if self._closing:
                msg = f"{self.name} is closed"
                raise LogFailed(msg)
            self._pending.append(_Waiting(entries, done))
            self._gather.notify()

    async def append(self, entry: Entry) -> None:
        """Append one entry; returning means that it is durable.

        Raises:
            LogFailed: It was not appended; LogFull if there is no room.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle(failure: LogFailed | None) -> None:
            if future.done():
                return
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)

        self.submit([entry], lambda _, failure: _call(loop, settle, failure))
        await future

    def append_now(self, entries: Sequence[Entry]) -> int:
        """Append from a thread that may wait.

        Returns:
            How many are durable: all of them.

        Raises:
            Incomplete: Some are not; it tells how many are.
        """
        finished = threading.Event()
        result: list[tuple[int, LogFailed | None]] = []

        def done(count: int, failure: LogFailed | None) -> None:
            result.append((count, failure))
            finished.set()

        self.submit(entries, done)  # without entries it only syncs
        finished.wait()
        count, failure = result[0]
        if failure is not None:
            raise Incomplete(count) from failure
        return count

    def sync_now(self) -> None:
        """Make everything appended so far safe, whatever durability the appends had.

        Raises:
            Incomplete: The disk failed.
        """
        self.append_now([])

    def reader(self, offset: int) -> Reader:
        """A reader that begins at `offset`."""
        return Reader(self, offset)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the writer's thread whenever the log has grown."""
        with self._state:
            self._listeners = [*self._listeners, listener]

    def recent(self, offset: int, max_bytes: int) -> list[Record]:
        """See `Source.recent`."""
        with self._state:
            return self._recent.read(offset, max_bytes)

    def segments(self) -> tuple[Segment, ...]:
        """See `Source.segments`."""
        return self._store.segments()

    def open_segment(self, segment: Segment) -> File:
        """See `Source.open_segment`."""
        return self._store.open_segment(segment)

    def missing(self, before: int, signal: Signal, items: int) -> None:
        """See `Source.missing`; however many readers pass a gap, it counts once."""
        with self._state:
            self._missing[before, signal] = items

    def missing_items(self, signal: Signal) -> int:
        """Items that were found unreadable."""
        with self._state:
            return sum(items for (_, other), items in self._missing.items() if other is signal)

    def oldest_wall_ns(self, offset: int) -> int | None:
        """Unix time before which the record at `offset` cannot have been appended.

        None if there is no such record yet.
        """
        if offset >= self._end:
            return None
        for record in self.recent(offset, 1):
            return record.wall_ns
        began = [s.wall_ns for s in self.segments() if s.name.base <= offset and s.wall_ns]
        return began[-1] if began else None

    def trim(self, before: int, begun_before_ns: int) -> int:
        """See `Store.trim`."""
        return self._store.trim(before, begun_before_ns)

    def close(self) -> bool:
        """Write what is pending, stop the writer, let go of the directory. Safe twice.

        Returns:
            Whether everything that was appended is known to be on the disk.
        """
        with self._gather:
            if self._closing:
                return False
            self._closing = True
            self._gather.notify()
        self._thread.join()
        return self._store.close()

    def _write(self) -> None:
        while group := self._next_group():
            self._append_group(group)

    def _next_group(self) -> list[_Waiting]:
        with self._gather:
            while not self._pending and not self._closing:
                self._gather.wait()
            group: list[_Waiting] = []
            size = 0
            while self._pending and size < GROUP_BYTES:
                waiting = self._pending.popleft()
                size += sum(entry.size_bytes for entry in waiting.entries)
                group.append(waiting)
            return group

    def _append_group(self, group: list[_Waiting]) -> None:
        entries = [entry for waiting in group for entry in waiting.entries]
        done = 0
        failure: LogFailed | None = None
        while done < len(entries):
            began = time.perf_counter()
            try:
                records = self._store.append(entries[done:])
            except LogFailed as error:
                failure = error
                break
            self._hooks.synced(time.perf_counter() - began)
            self._publish(records)
            done += len(records)
        if failure is None and any(not waiting.entries for waiting in group):
            failure = self._sync()
        self.failure = failure
        for waiting in group:
            durable = min(done, len(waiting.entries))
            done -= durable
            whole = bool(waiting.entries) and durable == len(waiting.entries)
            waiting.done(durable, None if whole else failure)

    def _sync(self) -> LogFailed | None:
        try:
            self._store.sync()
        except LogFailed as error:
            return error
        return None

    def _publish(self, records: Sequence[Record]) -> None:
        with self._state:
            self._totals = self._store.totals
            self._hooks.appended(records, self._totals)
            self._recent.add(records)
            self._end = records[-1].offset + 1
            listeners = self._listeners
        for listener in listeners:
            listener()


class Incomplete(Exception):  # noqa: N818 - tells how far it went
    """Only the first `durable` of the entries were appended; the cause says why."""

    def __init__(self, durable: int) -> None:
        super().__init__(f"only {durable} entries were appended")
        self.durable = durable


class _Recent:
    """The last records, by offset, within a number of bytes."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._records: deque[Record] = deque()
        self._bytes = 0

    def add(self, records: Sequence[Record]) -> None:
        if self._records and records[0].offset != self._records[-1].offset + 1:
            self._records.clear()
            self._bytes = 0
        for record in records:
            self._records.append(record)
            self._bytes += record.size_bytes
        while self._bytes > self._capacity_bytes and self._records:
            self._bytes -= self._records.popleft().size_bytes

    def read(self, offset: int, max_bytes: int) -> list[Record]:
        if not self._records or not self._records[0].offset <= offset <= self._records[-1].offset:
            return []
        found: list[Record] = []
        size = 0
        for index in range(offset - self._records[0].offset, len(self._records)):
            record = self._records[index]
            found.append(record)
            size += record.size_bytes
            if size >= max_bytes:
                break
        return found


def _call(
    loop: asyncio.AbstractEventLoop,
    settle: Callable[[LogFailed | None], None],
    failure: LogFailed | None,
) -> None:
    """Settle on the loop; a loop that has ended has nobody left who waits."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, failure)
