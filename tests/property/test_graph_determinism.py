"""A crash, a move or a trim at any point changes nothing that goes out, and repeats nothing.

Some of it waits on disk, some is held in memory, some goes through a connector.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.component import Batch, Context, Emit, Processor, Settings, Signal
from collectors.graph import (
    DecideEarly,
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
from collectors.service.budget import Budget
from collectors.service.keeper import Keeper, KeeperParts, last_identity
from collectors.service.marker import Marker
from collectors.service.shelving import Shelving, ShelvingParts, WaitingLogs
from collectors.service.state import Bounds, StateFiles
from collectors.service.stepper import Stepper
from collectors.service.stepping import StepperParts
from collectors.stateless import Stateless
from tests.collector_disk import SimDisk
from tests.collector_parts import Count, Hold, ManualClock, NoMeter
from tests.collector_waiting import SECOND, Wait

SETTINGS = StoreSettings(segment_bytes=700)
TRACES = Signal.TRACES
Outbox = list[tuple[int, int, str, tuple[str, ...], bytes]]


class Edit(Stateless):
    """Gives each request another payload, so that it stands in the inbox no more."""

    def step(self, batch: Batch, out: Emit) -> None:
        out(replace(batch, payload=batch.payload + b" edited"))


@dataclass
class World:
    """The graph and its shelf over a simulated disk, run by hand."""

    marker: Path
    disk: SimDisk = field(default_factory=SimDisk)
    clock: ManualClock = field(default_factory=ManualClock)
    abandon: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self.state = StateFiles(self.disk, Path("/data/state"))
        snapshot = self.state.load_snapshot()
        shelved = snapshot.shelved if snapshot else None
        self.books = Books()
        self.outbox = self._log("outbox", snapshot.outbox if snapshot else None)
        last = last_identity(self.outbox)
        floor = Mark(max(last[0] + 1, snapshot.inbox.end if snapshot else 0))
        self.inbox = self._log("inbox", floor, LogHooks(appended=self.books.appended))
        self.dead = self._log("dead_letters", None)
        held = Store(self.disk, Path("/data/held"), SETTINGS, floor=shelved and shelved.held)
        held.cut(shelved.held if shelved else Mark())
        self.held = Log(held, cache_bytes=0)
        self.decisions = self._log("decisions", None)
        self.books.open_inbox(self.inbox.totals)
        self.shelving = Shelving(
            ShelvingParts(
                graph=lambda: self.graph,
                budget=lambda: Budget(1 << 40, (), 1, lambda: 0),
                inbox=self.inbox,
                logs=WaitingLogs(self.held, self.decisions, 4000),
                floor=shelved.floor if shelved else Bounds(),
                clock=self.clock,
                meter=NoMeter(),
                abandon=self.abandon,
                retain_seconds=0.0,
                decisions_max_age_seconds=0.0,
            )
        )
        self.ledgers = {name: Ledger() for name in ("a", "b", "held", "counted", "count")}
        self.meters = {name: PipelineMeter(each, NoMeter()) for name, each in self.ledgers.items()}
        self.graph = Graph(
            {
                "a": self._pipeline("a", self._wait("a")),
                "b": self._pipeline("b", ("edit", Edit()), self._wait("b")),
                "held": self._pipeline("held", ("hold", Hold(3)), to=("out", "other", "count")),
                "counted": Pipeline(
                    Wiring(Signal.METRICS, ("count",), ("other",)), (), self.ledgers["counted"]
                ),
            },
            {"count": Count(self.meters["count"])},
            self.ledgers,
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
                shelving=self.shelving,
            )
        )
        parts = StepperParts(
            graph=self.graph,
            views={},
            empty_views={},
            meters=list(self.meters.values()),
            dead=self.dead,
            replay=self.inbox.reader,
            books=self.books,
            clock=self.clock,
            meter=NoMeter(),
            marker=Marker(self.marker),
            abandon=self.abandon,
        )
        self.stepper = Stepper(parts, self.keeper.begin(frozenset(), {}))
        self.reader = self.inbox.reader(self.stepper.offset)

    def _log(self, name: str, floor: Mark | None, hooks: LogHooks | None = None) -> Log:
        store = Store(self.disk, Path("/data") / name, SETTINGS, floor=floor)
        return Log(store, cache_bytes=0, hooks=hooks)

    def _pipeline(
        self, name: str, *processors: tuple[str, Processor], to: tuple[str, ...] = ("out",)
    ) -> Pipeline:
        return Pipeline(Wiring(TRACES, ("r",), to), processors, self.ledgers[name])

    def _wait(self, name: str) -> tuple[str, Processor]:
        shelf = self.shelving.shelf.of(TRACES)
        of = Settings("wait", (TRACES,), self.meters[name], Path("/data"), shelf=shelf)
        return "wait", Wait(of, seconds=2)

    def logs(self) -> tuple[Log, ...]:
        return self.inbox, self.outbox, self.dead, self.held, self.decisions

    def work(self, most_outputs: int = 1 << 30) -> None:
        """Step one record; only the first of its outputs may get to the outbox."""
        for record in self.reader.read(1):
            entries = self.stepper.step(record)
            self.stepper.publish(record.offset + 1)
            self.outbox.append_now(entries[:most_outputs])
            self.shelving.round_done()

    def save(self) -> None:
        self.keeper.save(self.stepper, self.outbox, self.dead)

    def move(self, random: Random) -> None:
        """Move what waits below any two offsets, as where a segment is nearly all dead."""
        inbox, held = random.randint(0, self.inbox.end), random.randint(0, self.held.end)
        for _, processor in self.graph.waiting():
            processor.relocate(inbox, held)
        self.shelving.round_done()

    def crash(self, random: Random) -> None:
        old, self.disk = self.logs(), self.disk.after_crash(random)
        self.shelving.shelf.close()
        for log in old:
            log.close()
        self.open()

    def finish(self) -> None:
        while self.stepper.offset < self.inbox.end:
            self.work()

    def close(self) -> None:
        self.shelving.shelf.close()
        for log in self.logs():
            log.close()


def request(number: int, word: str) -> Entry:
    payload = b"%d %s " % (number, word.encode()) + b"." * (number % 5 * 40)
    words = InboxWords("r", Context()).encode()
    return Entry(Kind.DATA, TRACES, 2, number * SECOND, number, words, payload)


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


Plan = list[tuple[str, int]]
QUIET = ("keep", "keep", "drop", "stay", "poison")
OFFER = st.tuples(st.sampled_from(QUIET), st.integers(1, 3))
WORK = st.tuples(st.sampled_from(["work", "tick", "early"]), st.integers(1, 4))
OTHER = st.tuples(
    st.sampled_from(["save", "save", "trim", "crash", "lose", "move"]), st.integers(0, 1 << 30)
)


def run(plan: Plan, marker: Path, *, calm: bool) -> tuple[Outbox, list[bytes], dict[str, str]]:
    """Do what `plan` says; a calm world leaves out everything that the inbox does not say."""
    world = World(marker)
    world.open()
    number = 0
    for action, count in plan:
        if action in {*QUIET, "revive"}:
            for _ in range(count):
                number += 1
                world.inbox.append_now([request(number, action)])
        elif action == "tick":
            world.inbox.append_now([control_entry(Tick(), (number + count) * SECOND, 0)])
        elif action == "early":
            control = DecideEarly(100 * count)
            world.inbox.append_now([control_entry(control, number * SECOND, 0)])
        elif action == "work":
            for _ in range(2 * count):
                world.work()
        elif not calm:
            unsettle(world, action, count)
    world.inbox.append_now([control_entry(Tick(), (number + 1000) * SECOND, 0)])
    world.finish()
    balance = world.books.balance(TRACES)
    ledgers = {name: repr(ledger) for name, ledger in world.ledgers.items()}
    found = outbox_of(world)
    queued = {name: counts[TRACES] for name, counts in world.stepper.queued.items()}
    dead = [record.payload for record in everything(world.dead)]
    world.close()
    assert balance.imbalance == 0
    for name, items in queued.items():
        assert items == 2 * sum(name in o[3] and o[2] != "counted" for o in found)
    return found, dead, ledgers


def unsettle(world: World, action: str, seed: int) -> None:
    random = Random(seed)
    if action == "save":
        world.save()
        if seed % 2:
            world.keeper.trim_inbox()
    elif action == "trim":
        world.keeper.trim_inbox()
    elif action == "move":
        world.move(random)
    else:
        if action == "lose":
            world.work(seed % 4)
        world.crash(random)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(plan=st.lists(st.one_of(OFFER, WORK, OTHER), min_size=40, max_size=80))
def test_a_crash_or_a_move_at_any_point_gives_the_same_outbox_without_duplicates(
    plan: Plan,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        calm = run(plan, Path(directory) / "calm", calm=True)
        rough = run(plan, Path(directory) / "rough", calm=False)

    assert rough == calm
    assert [o[:2] for o in rough[0]] == sorted({o[:2] for o in rough[0]})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(
    plan=st.lists(
        st.one_of(OFFER, WORK, OTHER, st.tuples(st.just("revive"), st.integers(1, 2))),
        min_size=40,
        max_size=80,
    )
)
def test_who_reads_below_the_pins_loses_and_repeats_nothing_of_the_rest(plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found, _, _ = run(plan, Path(directory) / "rough", calm=False)

    taken = [word for word, count in plan if word in {*QUIET, "revive"} for _ in range(count)]
    wanted = {n for n, word in enumerate(taken, 1) if word not in {"drop", "poison"}}
    for pipeline in ("a", "b"):
        out = Counter(int(o[4].split()[0]) for o in found if o[2] == pipeline)
        assert {n for n in out if taken[n - 1] != "drop"} == wanted
        assert set(out.values()) <= {1}
    assert [o[:2] for o in found] == sorted({o[:2] for o in found})


def test_what_a_snapshot_let_go_is_read_no_more_though_it_is_not_deleted_yet(
    tmp_path: Path,
) -> None:
    world = World(tmp_path / "marker")
    world.open()
    for number in range(1, 8):
        world.inbox.append_now([request(number, "drop")])
    for _ in range(6):
        world.inbox.append_now([control_entry(Tick(), 20 * SECOND, 0)])
    for number in range(30, 38):
        world.inbox.append_now([request(number, "keep")])
    world.finish()
    world.save()
    world.inbox.append_now([request(40, "revive")])
    world.work(most_outputs=1)
    world.crash(Random(1))
    world.keeper.trim_inbox()  # the drops were there before, and are no more

    world.finish()

    revived = [o[2] for o in outbox_of(world) if b"revive" in o[4] and o[2] != "held"]
    assert revived == ["a", "b"]
    world.close()
