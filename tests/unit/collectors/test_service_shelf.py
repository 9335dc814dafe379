"""The shelf: what waits on disk is found again, or told to be gone."""

from __future__ import annotations

import errno
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from collectors.component import Batch, Context, Signal
from collectors.log import Damaged, Entry, Kind, Log, Lookup, Mark, Store, StoreSettings
from collectors.log.record import HEADER_BYTES
from collectors.service.shelf import GROUP_BYTES, DiskShelf, ShelfParts
from collectors.service.state import Bounds
from collectors.waiting import Gone, Place
from tests.collector_disk import SimDisk, disk_error
from tests.collector_parts import ManualClock

SETTINGS = StoreSettings(segment_bytes=1500)
TRACES = Signal.TRACES


def payload_of(number: int) -> bytes:
    return b"%d " % number * (number * 37 % 90)


def entries(first: int, count: int) -> list[Entry]:
    return [
        Entry(Kind.DATA, TRACES, 2, number, number, b"{}", payload_of(number))
        for number in range(first, first + count)
    ]


@dataclass
class Shelves:
    """A shelf over a simulated disk; nothing is read from the memory of the logs."""

    disk: SimDisk = field(default_factory=SimDisk)
    notes: list[tuple[str, bytes]] = field(default_factory=list)
    abandon: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.inbox = Log(Store(self.disk, Path("/inbox"), SETTINGS), cache_bytes=0)
        self.held = Log(Store(self.disk, Path("/held"), SETTINGS), cache_bytes=0)
        self.shelf = self.opened()

    def opened(self, floor: Bounds | None = None) -> DiskShelf:
        parts = ShelfParts(
            inbox=self.inbox,
            held=self.held,
            note=lambda decision, pipeline: self.notes.append((pipeline, decision)),
            clock=ManualClock(),
            abandon=self.abandon,
        )
        return DiskShelf(parts, floor or Bounds())

    def damage(self, log: Log, payload: bytes) -> None:
        """Flip a bit of the record with `payload`, wherever it lies."""
        for path, inode in self.disk.names_now.items():
            at = inode.seen.find(payload)
            if path.parent.name == log.name and at >= 0:
                inode.seen[at] ^= 1

    def close(self) -> None:
        self.shelf.close()
        self.inbox.close()
        self.held.close()


@pytest.fixture
def shelves() -> Generator[Shelves]:
    made = Shelves()
    yield made
    made.close()


def batch(payload: bytes, origin: int | None = None) -> Batch:
    return Batch(TRACES, payload, 2, Context(), 1, 1, origin)


def test_records_are_found_by_offset_in_any_order(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 200))
    lookup = Lookup(shelves.inbox, index_bytes=400)
    order = [*range(200), *Random(1).sample(range(200), 200)]

    found = [lookup.read(offset) for offset in order]

    assert [record and record.payload for record in found] == [payload_of(n) for n in order]
    assert lookup.read(200) is None
    lookup.close()


def test_a_lookup_follows_a_log_that_grows_and_is_trimmed(shelves: Shelves) -> None:
    lookup = Lookup(shelves.inbox)
    for first in range(0, 300, 10):
        shelves.inbox.append_now(entries(first, 10))
        newest, older = lookup.read(first + 9), lookup.read(first // 2)
        assert newest is not None
        assert older is not None
        assert (newest.payload, older.payload) == (payload_of(first + 9), payload_of(first // 2))
    lookup.let_go(150)
    shelves.inbox.trim(150, 1 << 62)

    assert lookup.read(0) is None
    assert lookup.read(299) is not None
    lookup.close()


def test_damage_is_told_and_what_lies_behind_it_is_found(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 60))
    shelves.damage(shelves.inbox, payload_of(20))
    lookup = Lookup(shelves.inbox)

    with pytest.raises(Damaged) as caught:
        lookup.read(20)

    assert (caught.value.header.offset, caught.value.header.items) == (20, 2)
    following = lookup.read(21)
    assert following is not None
    assert following.payload == payload_of(21)
    lookup.close()


def test_a_damaged_header_hides_its_record_and_no_other(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 60))
    for inode in shelves.disk.names_now.values():
        at = inode.seen.find(payload_of(20))
        if at >= 0:
            inode.seen[at - HEADER_BYTES] ^= 1
    lookup = Lookup(shelves.inbox)

    found = [record.offset for n in range(60) if (record := lookup.read(n)) is not None]

    assert found == [n for n in range(60) if n != 20]
    assert lookup.read(20) is None
    lookup.close()


def test_what_stands_in_the_inbox_costs_no_copy(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 3))

    place = shelves.shelf.place(batch(payload_of(1), origin=1))

    assert place == 1
    assert shelves.shelf.read(place) == payload_of(1)
    shelves.shelf.flush()
    assert shelves.held.end == 0


def test_what_was_edited_is_held_and_read_before_and_after_it_is_on_disk(shelves: Shelves) -> None:
    places = [shelves.shelf.place(batch(payload_of(n))) for n in range(50)]
    places.append(shelves.shelf.of(TRACES).hold(b"relocated"))
    wanted = [*map(payload_of, range(50)), b"relocated"]
    assert [shelves.shelf.read(place) for place in places] == wanted
    assert shelves.held.end == 0
    shelves.shelf.flush()
    assert shelves.held.end == 51

    assert [shelves.shelf.read(place) for place in places] == wanted
    assert [shelves.opened().read(place) for place in places] == wanted
    assert all(place < 0 for place in places)


def test_little_gathers_and_much_is_written(shelves: Shelves) -> None:
    shelves.shelf.hold(b"little", TRACES)
    shelves.shelf.press()
    assert shelves.held.end == 0
    shelves.shelf.hold(bytes(GROUP_BYTES), TRACES)
    shelves.shelf.press()
    shelves.shelf.hold(b"more", TRACES)
    shelves.shelf.flush()

    assert shelves.held.end == 3


def test_a_disk_that_fails_for_a_while_loses_nothing_held_and_moves_no_place(
    shelves: Shelves,
) -> None:
    places = [shelves.shelf.hold(payload_of(n), TRACES) for n in range(20)]
    failures = iter([disk_error(errno.ENOSPC), disk_error(errno.EIO)])

    def fault(operation: str, _: str) -> None:
        if operation == "sync" and (failure := next(failures, None)) is not None:
            raise failure

    shelves.disk.fault = fault
    shelves.shelf.flush()

    assert [shelves.opened().read(place) for place in places] == [payload_of(n) for n in range(20)]


def test_what_is_below_the_floor_is_gone_though_the_disk_still_has_it(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 20))
    held = [shelves.shelf.hold(payload_of(n), TRACES) for n in range(4)]
    shelves.shelf.flush()
    assert shelves.shelf.read(Place(4)) == payload_of(4)

    shelves.shelf.let_go(Bounds(inbox=5, held=2))

    for place in (Place(4), held[1]):
        with pytest.raises(Gone, match="let go"):
            shelves.shelf.read(place)
    assert shelves.shelf.read(Place(5)) == payload_of(5)
    assert shelves.shelf.read(held[2]) == payload_of(2)


def test_damage_is_gone_and_counted_once(
    shelves: Shelves, caplog: pytest.LogCaptureFixture
) -> None:
    shelves.inbox.append_now(entries(0, 60))
    shelves.damage(shelves.inbox, payload_of(20))

    for _ in range(3):
        with pytest.raises(Gone, match="record 20 of the inbox log cannot be read"):
            shelves.shelf.read(Place(20))

    assert shelves.inbox.missing_items(TRACES) == 2
    assert caplog.text.count("damaged") == 1
    assert shelves.shelf.read(Place(21)) == payload_of(21)


def test_an_unreadable_sector_is_gone_and_a_want_of_files_is_waited_out(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 60))
    failures = iter([disk_error(errno.EMFILE), disk_error(errno.EIO)])

    def fault(operation: str, _: str) -> None:
        if operation == "open" and (failure := next(failures, None)) is not None:
            raise failure

    shelves.disk.fault = fault

    with pytest.raises(Gone):
        shelves.shelf.read(Place(3))
    assert shelves.shelf.read(Place(3)) == payload_of(3)


def test_a_place_that_never_was_is_gone(shelves: Shelves) -> None:
    shelves.inbox.append_now(entries(0, 2))

    for place in (Place(2), Place(-1), Place(1 << 60), Place(-1 << 60)):
        with pytest.raises(Gone):
            shelves.shelf.read(place)


def test_what_no_snapshot_relies_on_is_cut_off_and_its_offsets_are_given_again() -> None:
    disk = SimDisk()
    store = Store(disk, Path("/held"), SETTINGS)
    written = entries(0, 40)
    while written:
        written = written[len(store.append(written)) :]
    totals = store.totals
    store.close()
    for _ in range(2):  # a process that ends before it appends cuts again
        store = Store(disk, Path("/held"), SETTINGS)
        store.cut(Mark(25, (50, 0, 0), 0))
        assert (store.next_offset, store.totals) == (25, (50, 0, 0))
        store.close()
    store = Store(disk, Path("/held"), SETTINGS)
    store.cut(Mark(25, (50, 0, 0), 0))
    (record,) = store.append(entries(100, 1))
    store.close()
    log = Log(Store(disk, Path("/held"), SETTINGS), cache_bytes=0)

    assert totals == (80, 0, 0)
    assert record.offset == 25
    read = [r.payload for r in log.reader(0).read()]
    while log.end > len(read):
        read += [r.payload for r in log.reader(len(read)).read()]
    assert read == [*map(payload_of, range(25)), payload_of(100)]
    assert log.missing_items(TRACES) == 0
    log.close()


def test_a_decision_is_noted_with_the_pipeline_in_which_it_was_made() -> None:
    shelves = Shelves()
    shelves.shelf.of(TRACES, "traces/a").note(b"kept")
    shelves.shelf.of(TRACES, "traces/b").note(b"dropped")

    assert shelves.notes == [("traces/a", b"kept"), ("traces/b", b"dropped")]
    shelves.close()
