"""Whatever the machine does, the log keeps what it acknowledged and invents nothing."""

from __future__ import annotations

import contextlib
import errno
import itertools
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collectors.component import Signal
from collectors.log import Entry, Kind, LogFailed, Reader, Record, Store, StoreSettings
from collectors.log.disk import File
from collectors.log.recover import Segment
from tests.collector_disk import Crash, FailAt, SimDisk, disk_error

DIRECTORY = Path("/log")
SETTINGS = StoreSettings(segment_bytes=2048)
SIZES = st.lists(st.integers(0, 1500), min_size=1, max_size=6)


class AllOf:
    """A store as its readers see it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lost: dict[tuple[int, Signal], int] = {}

    @property
    def end(self) -> int:
        return self._store.next_offset

    def recent(self, offset: int, max_bytes: int) -> list[Record]:
        return []

    def segments(self) -> tuple[Segment, ...]:
        return self._store.segments()

    def open_segment(self, segment: Segment) -> File:
        return self._store.open_segment(segment)

    def missing(self, before: int, signal: Signal, items: int) -> None:
        self.lost[before, signal] = items


def read_all(store: Store) -> list[Record]:
    reader = Reader(AllOf(store), store.first_offset)
    found: list[Record] = []
    while records := reader.read(4000):
        found += records
    return found


class LogMachine(RuleBasedStateMachine):
    """A log, a disk that forgets, and a list that does not."""

    @initialize()
    def start(self) -> None:
        self.disk = SimDisk()
        self.salts = iter(range(1, 1 << 30))
        self.acknowledged: dict[int, bytes] = {}
        self.offered: set[bytes] = set()
        self.count = 0
        self.store = self._open()

    def _open(self) -> Store:
        return Store(self.disk, DIRECTORY, SETTINGS, salt=lambda: next(self.salts))

    def _entries(self, sizes: list[int]) -> list[Entry]:
        entries = []
        for size in sizes:
            self.count += 1
            payload = b"%08d" % self.count + b"\xf5LR1"[: size % 5] + b"x" * size
            self.offered.add(payload)
            entries.append(Entry(Kind.DATA, Signal.LOGS, 3, self.count, self.count, b"m", payload))
        return entries

    def _append(self, entries: list[Entry]) -> None:
        while entries:
            records = self.store.append(entries)
            for record in records:
                self.acknowledged[record.offset] = record.payload
            entries = entries[len(records) :]

    @rule(sizes=SIZES)
    def append(self, sizes: list[int]) -> None:
        self._append(self._entries(sizes))

    @rule(
        sizes=SIZES,
        at=st.integers(1, 8),
        code=st.sampled_from([errno.EIO, errno.ENOSPC]),
        forever=st.booleans(),
    )
    def append_on_a_failing_disk(
        self, sizes: list[int], at: int, code: int, *, forever: bool
    ) -> None:
        self.disk.fault = FailAt(at, disk_error(code), forever=forever)
        with contextlib.suppress(LogFailed):
            self._append(self._entries(sizes))
        self.disk.fault = lambda _operation, _name: None

    @rule(sizes=SIZES, at=st.integers(1, 8), random=st.randoms(use_true_random=False))
    def crash_while_appending(self, sizes: list[int], at: int, random: Random) -> None:
        self.disk.fault = FailAt(at, Crash())
        with contextlib.suppress(Crash):
            self._append(self._entries(sizes))
        self._come_up(random, [])

    @rule(
        random=st.randoms(use_true_random=False),
        crashes=st.lists(st.integers(1, 12), max_size=3),
    )
    def crash(self, random: Random, crashes: list[int]) -> None:
        self._come_up(random, crashes)

    def _come_up(self, random: Random, crashes: list[int]) -> None:
        """Recover, the machine going down again at these operations of the recovery."""
        self.disk = self.disk.after_crash(random)
        for at in crashes:
            self.disk.fault = FailAt(at, Crash())
            with contextlib.suppress(Crash):
                self._open()
            self.disk = self.disk.after_crash(random)
        self.store = self._open()
        # What somebody has read must stay: recovery made it safe before.
        self.acknowledged |= {record.offset: record.payload for record in read_all(self.store)}

    @rule()
    def close_and_open(self) -> None:
        self.store.close()
        self.store = self._open()

    @rule(share=st.floats(0, 1))
    def trim(self, share: float) -> None:
        before = int(self.store.first_offset + share * len(self.acknowledged))
        before = min(before, self.store.next_offset)
        self.store.trim(before, 1 << 60)
        first = self.store.first_offset
        self.acknowledged = {o: p for o, p in self.acknowledged.items() if o >= first}

    @invariant()
    def nothing_acknowledged_is_lost_and_nothing_is_invented(self) -> None:
        found = {record.offset: record.payload for record in read_all(self.store)}

        assert {o: found.get(o) for o in self.acknowledged} == self.acknowledged
        assert set(found.values()) <= self.offered
        assert len(set(found.values())) == len(found)

    @invariant()
    def no_offset_is_given_twice(self) -> None:
        assert self.store.next_offset > max(self.acknowledged, default=-1)

    @invariant()
    def the_running_total_counts_every_record(self) -> None:
        found = read_all(self.store)

        assert all(later.total > earlier.total for earlier, later in itertools.pairwise(found))


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
