from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.component import Signal
from collectors.log import (
    Entry,
    Kind,
    Log,
    LogFailed,
    LogHooks,
    OsFileSystem,
    Reader,
    Record,
    Store,
    StoreSettings,
    Totals,
    read_whole,
    total_of,
    write_atomically,
)
from collectors.log.mark import Mark, read_mark, write_mark
from collectors.service.books import Books, Progress, no_counts
from tests.collector_disk import SimDisk

DIRECTORY = Path("/log")


def entry(number: int, signal: Signal | None = Signal.LOGS, size: int = 100) -> Entry:
    kind = Kind.CONTROL if signal is None else Kind.DATA
    items = 0 if signal is None else 2
    return Entry(kind, signal, items, number, number + 1, b"w", b"%06d" % number + bytes(size))


def read(reader: Reader, max_bytes: int = 1 << 20) -> list[Record]:
    found: list[Record] = []
    while records := reader.read(max_bytes):
        found += records
    return found


class SlowDisk(SimDisk):
    """Its first sync of a record waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.syncs = 0

    def touch(self, operation: str, name: str) -> None:
        super().touch(operation, name)
        if operation == "sync":
            self.syncs += 1
            if self.syncs == 2:  # the first is that of the segment's header
                self.entered.set()
                self.let_go.wait(10)


def test_appends_gather_while_the_disk_is_busy_and_go_out_together() -> None:
    disk = SlowDisk()
    log = Log(Store(disk, DIRECTORY, StoreSettings(1 << 20)))

    async def scenario() -> None:
        first = asyncio.create_task(log.append(entry(0)))
        await asyncio.to_thread(disk.entered.wait, 10)
        others = [asyncio.create_task(log.append(entry(n))) for n in range(1, 100)]
        await asyncio.sleep(0)
        assert not first.done()
        assert log.end == 0
        disk.let_go.set()
        await asyncio.gather(first, *others)

    asyncio.run(scenario())
    log.close()

    assert disk.syncs <= 5  # header, first, all others, and two of the closing
    assert log.end == 100


def test_a_closed_log_takes_nothing_and_says_so() -> None:
    log = Log(Store(SimDisk(), DIRECTORY, StoreSettings(1 << 20)))
    log.close()
    log.close()

    with pytest.raises(LogFailed, match="log is closed"):
        log.append_now([entry(0)])


def test_what_is_fresh_is_read_from_memory_and_the_rest_from_disk(tmp_path: Path) -> None:
    store = Store(OsFileSystem(), tmp_path / "log", StoreSettings(4096))
    log = Log(store, cache_bytes=2000)
    for number in range(100):
        log.append_now([entry(number)])

    from_the_start = read(log.reader(0), 700)
    from_the_middle = read(log.reader(57), 1)

    assert [record.offset for record in from_the_start] == list(range(100))
    assert [record.offset for record in from_the_middle] == list(range(57, 100))
    assert log.recent(0, 1) == []
    assert log.recent(99, 1)[0].payload.startswith(b"000099")
    assert log.missing_items(Signal.LOGS) == 0
    log.close()


def test_a_reader_at_the_end_goes_on_when_the_log_grows() -> None:
    log = Log(Store(SimDisk(), DIRECTORY, StoreSettings(1024)), cache_bytes=0)
    reader = log.reader(0)
    grown = threading.Event()
    log.listen(grown.set)
    seen = []
    for number in range(30):
        assert reader.read() == []
        grown.clear()
        log.append_now([entry(number)])
        assert grown.is_set()
        seen += read(reader)

    assert [record.offset for record in seen] == list(range(30))
    log.close()


def test_totals_run_per_signal_and_over_a_restart() -> None:
    disk = SimDisk()
    log = Log(Store(disk, DIRECTORY, StoreSettings(1024)))
    log.append_now([entry(0), entry(1, Signal.TRACES), entry(2, None), entry(3)])
    log.close()

    again = Log(Store(disk, DIRECTORY, StoreSettings(1024)))

    assert again.totals == (2, 0, 4)
    assert [total_of(again.totals, s) for s in (*Signal, None)] == [2, 0, 4, 0]
    assert again.steady_ns == 3
    assert again.oldest_wall_ns(0) is not None
    assert again.oldest_wall_ns(4) is None
    again.close()


def test_hooks_know_of_a_group_before_anybody_else(tmp_path: Path) -> None:
    seen: list[tuple[int, Totals]] = []
    times: list[float] = []

    def appended(records: Sequence[Record], totals: Totals) -> None:
        seen.append((len(records), totals))

    hooks = LogHooks(appended=appended, synced=times.append)
    log = Log(Store(OsFileSystem(), tmp_path / "log", StoreSettings(1 << 16)), hooks=hooks)
    log.append_now([entry(0), entry(1)])
    log.sync_now()
    log.close()

    assert seen == [(2, (0, 0, 4))]
    assert len(times) == 1
    assert times[0] >= 0


def test_a_record_longer_than_a_segment_gets_one_of_its_own() -> None:
    log = Log(Store(SimDisk(), DIRECTORY, StoreSettings(1024)), cache_bytes=0)
    log.append_now([entry(0), entry(1, size=5000), entry(2)])

    assert [len(r.payload) for r in read(log.reader(0))] == [106, 5006, 106]
    assert len(log.segments()) == 3
    log.close()


def test_two_who_trim_at_once_forget_no_segment() -> None:
    disk = SimDisk()
    store = Store(disk, DIRECTORY, StoreSettings(segment_bytes=500))
    for number in range(20):
        store.append([entry(number)])
    before = {str(segment.name) for segment in store.segments()}

    def fault(operation: str, _: str) -> None:
        if operation == "remove":
            disk.fault = lambda _operation, _name: None
            store.trim(4, 1 << 62)

    disk.fault = fault
    store.trim(4, 1 << 62)

    left = {name for name in before if DIRECTORY / name in disk.names_now}
    assert {str(segment.name) for segment in store.segments()} == left
    assert len(left) < len(before)
    store.close()


def test_a_mark_that_is_damaged_is_none() -> None:
    disk = SimDisk()
    mark = Mark(5, (1, 2, 3), 7)
    write_mark(disk, DIRECTORY, mark)
    assert read_mark(disk, DIRECTORY) == mark

    data = bytearray(read_whole(disk, DIRECTORY / "end") or b"")
    for position in range(len(data)):
        data[position] ^= 1
        write_atomically(disk, DIRECTORY / "end", bytes(data))
        assert read_mark(disk, DIRECTORY) == Mark()
        data[position] ^= 1


def test_books_that_do_not_balance_say_by_how_much() -> None:
    books = Books()
    log = Log(
        Store(SimDisk(), DIRECTORY, StoreSettings(1024)), hooks=LogHooks(appended=books.appended)
    )
    log.append_now([entry(0), entry(1)])
    assert books.balance(Signal.LOGS).buffered == 4
    assert books.balance(Signal.LOGS).imbalance == 0

    books.open_account("d", no_counts(), no_counts(), no_counts())
    books.recount("d", {}, 0)
    queued = {"d": {Signal.LOGS: 4}}
    wrong = Progress(2, (0, 0, 3), (0, 0, 4), (0, 0, 0), {"logs": (Signal.LOGS, 5, 0)}, queued)
    books.publish(wrong, {"d": [(Signal.LOGS, 4)]})
    books.delivered("d", Signal.LOGS, 1)

    # One was read too few, five vanished in a pipeline, and one was delivered though
    # nothing was taken off what waits.
    assert books.balance(Signal.LOGS).imbalance == 1 + 5 + 1
    log.close()
