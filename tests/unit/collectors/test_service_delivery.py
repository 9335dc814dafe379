from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from collectors.component import Batch, Context, Delivery, NeverTaken, Signal, TryLater
from collectors.graph import DeadWords, OutboxWords
from collectors.log import Entry, Kind, Log, OsFileSystem, Store, StoreSettings
from collectors.service.backoff import MOST_HINT_SECONDS, Backoff
from collectors.service.books import Books, Progress, no_counts
from collectors.service.cursor import Cursor
from collectors.service.delivery import Destination, DestinationParts, Removed
from collectors.service.meter import SelfMeter
from collectors.service.plan import OnFull, QueueSettings
from collectors.service.queue import merge
from tests.collector_parts import ManualClock, ScriptedExporter, batch_of, span_names, spans

SIMPLE = QueueSettings(initial_interval_seconds=1, randomization_factor=0, max_interval_seconds=4)


@dataclass
class Bench:
    destination: Destination
    outbox: Log
    dead: Log
    books: Books
    clock: ManualClock
    waits: list[float]
    full: list[bool]

    def put(self, *names: str, to: tuple[str, ...] = ("d",), tenant: str = "") -> None:
        words = OutboxWords(self.outbox.end, 0, "traces", to, Context(tenant))
        steady = self.clock.steady_ns()
        payload = spans(*names)
        entry = Entry(Kind.DATA, Signal.TRACES, len(names), steady, 1, words.encode(), payload)
        self.outbox.append_now([entry])
        given = [(Signal.TRACES, len(names))] if "d" in to else []
        self.books.publish(Progress(queued={}), {"d": given})

    async def settled(self) -> None:
        """Wait until the destination has passed everything in the outbox."""
        async with asyncio.timeout(10):
            while self.destination.cursor.low < self.outbox.end:
                self.destination.queue.wake()
                await asyncio.sleep(0)

    def dead_letters(self) -> list[tuple[str, int, list[str]]]:
        return [
            (DeadWords.decode(r.meta).reason, r.items, span_names(r.payload))
            for r in self.dead.reader(0).read()
        ]


@asynccontextmanager
async def bench(
    directory: Path,
    exporter: ScriptedExporter | Removed,
    settings: QueueSettings = SIMPLE,
    before: Callable[[Bench], None] = lambda _: None,
) -> AsyncGenerator[Bench]:
    outbox = Log(Store(OsFileSystem(), directory / "outbox", StoreSettings(1 << 16)))
    dead = Log(Store(OsFileSystem(), directory / "dead", StoreSettings(1 << 16)))
    books, clock = Books(), ManualClock()
    books.open_account("d", no_counts(), no_counts(), no_counts())
    waits: list[float] = []
    full = [False]
    crashes: list[BaseException] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        clock.forward(seconds)
        await asyncio.sleep(0)

    destination = Destination(
        DestinationParts(
            name="d",
            exporter=exporter,
            settings=settings,
            outbox=outbox,
            dead=dead,
            cursor=Cursor(0),
            books=books,
            clock=clock,
            meter=SelfMeter(),
            is_full=lambda: full[0],
            draw=lambda: 0.5,
            crashed=crashes.append,
            pause=pause,
        )
    )
    made = Bench(destination, outbox, dead, books, clock, waits, full)
    before(made)
    task = asyncio.create_task(destination.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        outbox.close()
        dead.close()
        assert crashes == []


def accounts(of: Bench) -> tuple[int, int, int]:
    """Delivered, dead-lettered and waiting spans."""
    delivered, dead, _ = of.books.saved("d")
    _, waiting = of.books.waiting("d")
    return delivered[Signal.TRACES], dead[Signal.TRACES], waiting[Signal.TRACES]


def test_records_of_a_tenant_are_merged_and_those_of_others_are_not(tmp_path: Path) -> None:
    exporter = ScriptedExporter()

    def fill(on: Bench) -> None:
        on.put("a")
        on.put("b", tenant="t")
        on.put("c")
        on.put("not for us", to=("other",))

    async def scenario() -> None:
        async with bench(tmp_path, exporter, before=fill) as on:
            await on.settled()

            assert [span_names(b.payload) for b in exporter.taken] == [["a", "c"], ["b"]]
            assert accounts(on) == (3, 0, 0)

    asyncio.run(scenario())


def test_a_request_is_merged_up_to_its_limits(tmp_path: Path) -> None:
    exporter = ScriptedExporter()
    settings = QueueSettings(max_items=3, num_consumers=1)

    def fill(on: Bench) -> None:
        for number in range(4):
            on.put(f"{number}a", f"{number}b")
        on.put("x", "y", "z", "w")

    async def scenario() -> None:
        async with bench(tmp_path, exporter, settings, fill) as on:
            await on.settled()

            assert [batch.items for batch in exporter.taken] == [2, 2, 2, 2, 4]

    asyncio.run(scenario())


def test_what_is_refused_comes_again_later_and_later(tmp_path: Path) -> None:
    answers = [TryLater("busy"), TryLater("busy"), TryLater("busy", 30.0), OSError("bug")]

    def answer(_: Batch) -> Delivery:
        if answers:
            raise answers.pop(0)
        return Delivery()

    exporter = ScriptedExporter(answer)

    async def scenario() -> None:
        async with bench(tmp_path, exporter, before=lambda on: on.put("a")) as on:
            await on.settled()

            assert on.waits == [1.0, 1.5, 30.0, 3.375]
            assert exporter.names == ["a"]
            assert on.dead_letters() == []

    asyncio.run(scenario())


def test_the_poison_span_alone_goes_to_dead_letters(tmp_path: Path) -> None:
    def answer(batch: Batch) -> Delivery:
        if "poison" in span_names(batch.payload):
            msg = "400: bad span"
            raise NeverTaken(msg, divisible=True)
        return Delivery()

    exporter = ScriptedExporter(answer)

    def fill(on: Bench) -> None:
        on.put("a", "b", "c")
        on.put("d", "e", "poison", "f", "g")
        on.put("h")

    async def scenario() -> None:
        async with bench(tmp_path, exporter, before=fill) as on:
            await on.settled()

            assert exporter.names == list("abcdefgh")
            assert on.dead_letters() == [("400: bad span", 1, ["poison"])]
            assert accounts(on) == (8, 1, 0)

    asyncio.run(scenario())


def test_what_is_never_taken_as_a_whole_is_not_cut(tmp_path: Path) -> None:
    def answer(_: Batch) -> Delivery:
        msg = "401: who are you"
        raise NeverTaken(msg)

    exporter = ScriptedExporter(answer)

    async def scenario() -> None:
        async with bench(tmp_path, exporter, before=lambda on: on.put("a", "b")) as on:
            await on.settled()

            assert len(exporter.attempts) == 1
            assert on.dead_letters() == [("401: who are you", 2, ["a", "b"])]

    asyncio.run(scenario())


def test_a_partial_success_is_counted_and_listed(tmp_path: Path) -> None:
    exporter = ScriptedExporter(lambda _: Delivery(2, "too old"))

    async def scenario() -> None:
        async with bench(tmp_path, exporter, before=lambda on: on.put("a", "b", "c")) as on:
            await on.settled()

            assert accounts(on) == (1, 2, 0)
            ((reason, items, _),) = on.dead_letters()
            assert reason == "partial success, 2 of 3 rejected: too old"
            assert items == 2

    asyncio.run(scenario())


def test_a_time_limit_gives_a_batch_up_to_dead_letters(tmp_path: Path) -> None:
    def answer(_: Batch) -> Delivery:
        msg = "down"
        raise TryLater(msg)

    settings = QueueSettings(
        initial_interval_seconds=4, randomization_factor=0, max_elapsed_seconds=10
    )

    async def scenario() -> None:
        exporter = ScriptedExporter(answer)
        async with bench(tmp_path, exporter, settings, lambda on: on.put("a")) as on:
            await on.settled()

            assert on.dead_letters() == [("gave up after 10 s: down", 1, ["a"])]

    asyncio.run(scenario())


def test_a_destination_that_fills_the_disk_gives_way_if_it_is_told_to(tmp_path: Path) -> None:
    bench_of: list[Bench] = []

    def answer(_: Batch) -> Delivery:
        bench_of[0].full[0] = True
        msg = "down"
        raise TryLater(msg)

    settings = QueueSettings(on_full=OnFull.DEAD_LETTER)

    def fill(on: Bench) -> None:
        bench_of.append(on)
        on.put("a")

    async def scenario() -> None:
        async with bench(tmp_path, ScriptedExporter(answer), settings, fill) as on:
            await on.settled()

            ((reason, items, names),) = on.dead_letters()
            assert "disk budget" in reason
            assert (items, names) == (1, ["a"])

    asyncio.run(scenario())


def test_what_waits_for_a_destination_that_is_no_more_is_listed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, Removed(), before=lambda on: on.put("a")) as on:
            await on.settled()

            assert on.dead_letters()[0][0].endswith("removed from the configuration")

    asyncio.run(scenario())


def test_less_than_the_wanted_size_waits_for_its_time(tmp_path: Path) -> None:
    exporter = ScriptedExporter()
    settings = QueueSettings(min_items=3, linger_seconds=60.0)

    async def scenario() -> None:
        async with bench(tmp_path, exporter, settings, lambda on: on.put("a")) as on:
            for _ in range(20):
                await asyncio.sleep(0)
            assert exporter.taken == []

            on.clock.forward(61)
            await on.settled()

            assert exporter.names == ["a"]

    asyncio.run(scenario())


def test_waits_grow_to_the_longest_and_hints_are_clamped() -> None:
    settings = QueueSettings(
        initial_interval_seconds=1,
        multiplier=10,
        max_interval_seconds=30,
        randomization_factor=0.5,
    )
    backoff = Backoff(settings, lambda: 1.0)

    assert [backoff.next_seconds(None) for _ in range(3)] == [1.5, 15.0, 45.0]
    assert backoff.next_seconds(1e9) == MOST_HINT_SECONDS
    assert backoff.next_seconds(float("nan")) == 45.0
    assert backoff.next_seconds(-5.0) == 45.0


def test_a_cursor_stands_below_what_is_on_its_way() -> None:
    cursor = Cursor(10, done=(3, 12))
    assert cursor.was_done(9)
    assert cursor.was_done(12)
    cursor.take(10)
    cursor.take(11)
    cursor.passed(15)

    cursor.finish(11)
    assert cursor.saved() == (10, (11, 12))

    cursor.finish(10)
    assert cursor.saved() == (15, ())


def test_a_union_of_requests_holds_what_they_held() -> None:
    union = merge([batch_of(spans("a"), 1), batch_of(spans("b", "c"), 2)])

    assert span_names(union.payload) == ["a", "b", "c"]
    assert union.items == 3


@pytest.mark.parametrize("field", ["num_consumers", "max_items", "max_bytes"])
def test_a_queue_that_could_send_nothing_is_no_queue(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at least 1"):
        QueueSettings(**{field: 0})
