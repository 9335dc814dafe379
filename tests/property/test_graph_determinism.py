"""A crash at any point gives the same outbox, without duplicates in it."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.component import Context, Signal
from collectors.graph import (
    Graph,
    InboxWords,
    Ledger,
    OutboxWords,
    Pipeline,
    PipelineMeter,
    Tick,
    Wiring,
    control_entry,
)
from collectors.log import Entry, Kind, Log, LogHooks, Mark, Record, Store, StoreSettings
from collectors.service.books import Books
from collectors.service.keeper import Keeper, KeeperParts, last_identity
from collectors.service.marker import Marker
from collectors.service.state import StateFiles
from collectors.service.stepper import Stepper
from collectors.service.stepping import StepperParts
from tests.collector_disk import SimDisk
from tests.collector_parts import Count, Hold, ManualClock, NoMeter

SETTINGS = StoreSettings(segment_bytes=1500)
Outbox = list[tuple[int, int, str, tuple[str, ...], bytes]]


@dataclass
class World:
    """The graph over a simulated disk, run by hand."""

    disk: SimDisk
    marker: Path
    clock: ManualClock

    def open(self) -> None:
        self.state = StateFiles(self.disk, Path("/data/state"))
        snapshot = self.state.load_snapshot()
        self.books = Books()
        hooks = LogHooks(appended=self.books.appended)
        self.outbox = self._log("outbox", snapshot.outbox if snapshot else None, LogHooks())
        last = last_identity(self.outbox)
        floor = Mark(max(last[0] + 1, snapshot.inbox.end if snapshot else 0))
        self.inbox = self._log("inbox", floor, hooks)
        self.dead = self._log("dead_letters", None, LogHooks())
        self.books.open_inbox(self.inbox.totals)
        ledgers = {name: Ledger() for name in ("traces", "traces/all", "metrics", "count")}
        self.graph = Graph(
            {
                "traces": Pipeline(
                    Wiring(Signal.TRACES, ("r",), ("a", "count")),
                    (("hold", Hold(3)),),
                    ledgers["traces"],
                ),
                "traces/all": Pipeline(
                    Wiring(Signal.TRACES, ("r",), ("a", "b")), (), ledgers["traces/all"]
                ),
                "metrics": Pipeline(
                    Wiring(Signal.METRICS, ("count",), ("b",)), (), ledgers["metrics"]
                ),
            },
            {"count": Count(PipelineMeter(ledgers["count"], NoMeter()))},
            ledgers,
        )
        self.keeper = Keeper(
            KeeperParts(
                graph=self.graph,
                views={},
                inbox=self.inbox,
                outbox=self.outbox,
                dead=self.dead,
                files=self.state,
                clock=self.clock,
                retain_seconds=0.0,
                snapshot=snapshot,
                last=last,
            )
        )
        parts = StepperParts(
            graph=self.graph,
            views={},
            empty_views={},
            meters=[PipelineMeter(ledger, NoMeter()) for ledger in ledgers.values()],
            dead=self.dead,
            replay=self.inbox.reader,
            books=self.books,
            clock=self.clock,
            meter=NoMeter(),
            marker=Marker(self.marker),
            abandon=threading.Event(),
        )
        self.stepper = Stepper(parts, self.keeper.begin(frozenset(), {}))
        self.reader = self.inbox.reader(self.stepper.offset)

    def _log(self, name: str, floor: Mark | None, hooks: LogHooks) -> Log:
        store = Store(self.disk, Path("/data") / name, SETTINGS, floor=floor)
        return Log(store, cache_bytes=0, hooks=hooks)

    def offer(self, entry: Entry) -> None:
        self.inbox.append_now([entry])

    def work(self, records: int, *, lose_last: bool = False) -> None:
        """Step up to `records` records; the outputs of the last may be lost on their way."""
        for record in self.reader.read(1)[:records]:
            entries = self.stepper.step(record)
            self.stepper.publish(record.offset + 1)
            if entries and not lose_last:
                self.outbox.append_now(entries)

    def save(self) -> None:
        self.keeper.save(self.stepper, self.outbox, self.dead)
        self.keeper.trim_inbox()

    def crash(self, random: Random) -> None:
        old, self.disk = (self.inbox, self.outbox, self.dead), self.disk.after_crash(random)
        for log in old:
            log.close()
        self.open()

    def finish(self) -> None:
        while self.stepper.offset < self.inbox.end:
            self.work(1)

    def close(self) -> None:
        for log in (self.inbox, self.outbox, self.dead):
            log.close()


def request(number: int, *, poison: bool) -> Entry:
    payload = b"%d%s" % (number, b" poison" if poison else b"")
    words = InboxWords("r", Context()).encode()
    return Entry(Kind.DATA, Signal.TRACES, 2, number, number, words, payload)


def everything(log: Log) -> list[Record]:
    reader = log.reader(0)
    found: list[Record] = []
    while records := reader.read():
        found += records
    return found


def outbox_of(world: World) -> Outbox:
    found = []
    for record in everything(world.outbox):
        words = OutboxWords.decode(record.meta)
        found.append(
            (words.origin, words.index, words.pipeline, words.destinations, record.payload)
        )
    return found


WORK = st.tuples(st.just("work"), st.integers(1, 4))
OFFER = st.tuples(st.sampled_from(["offer", "offer", "poison", "tick"]), st.integers(1, 3))
OTHER = st.tuples(st.sampled_from(["save", "crash", "lose"]), st.integers(0, 1 << 30))


def run(  # noqa: C901 - one branch per action
    plan: list[tuple[str, int]], marker: Path, *, calm: bool
) -> tuple[Outbox, list[bytes]]:
    """Do what `plan` says; a calm world leaves out everything that may go wrong."""
    clock = ManualClock()
    world = World(SimDisk(), marker, clock)
    world.open()
    number = 0
    for action, count in plan:
        if action in {"offer", "poison"}:
            for _ in range(count):
                number += 1
                world.offer(request(number, poison=action == "poison"))
        elif action == "tick":
            world.offer(control_entry(Tick(), 5_000_000_000 * count, 0))
        elif action == "work":
            for _ in range(count):
                world.work(1)
        elif not calm and action == "save":
            world.save()
        elif not calm and action == "lose":
            world.work(1, lose_last=True)
            world.crash(Random(count))
        elif not calm and action == "crash":
            world.crash(Random(count))
    world.finish()
    balance = world.books.balance(Signal.TRACES)
    queued = {name: counts[Signal.TRACES] for name, counts in world.stepper.queued.items()}
    found = outbox_of(world)
    dead = [record.payload for record in everything(world.dead)]
    world.close()
    assert balance.imbalance == 0
    for name, items in queued.items():
        entries = [o for o in found if name in o[3] and o[2] != "metrics"]
        assert items == 2 * len(entries)
    return found, dead


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(plan=st.lists(st.one_of(OFFER, WORK, OTHER), min_size=3, max_size=25))
def test_a_crash_at_any_point_gives_the_same_outbox_without_duplicates(
    plan: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        calm = run(plan, Path(directory) / "calm", calm=True)
        rough = run(plan, Path(directory) / "rough", calm=False)

    assert rough == calm
    assert [o[:2] for o in rough[0]] == sorted({o[:2] for o in rough[0]})
