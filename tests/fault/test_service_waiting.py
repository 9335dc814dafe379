"""Spans that wait on disk, in a whole daemon: crashes, damage, trims, moves, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from collectors.component import Batch, Delivery, Refused, Signal, TryLater
from collectors.graph import OutboxWords
from collectors.log import Log, OsFileSystem, Record, Store, StoreSettings
from collectors.service import Service, engine, names
from tests.collector_parts import ManualClock, ScriptedExporter, span_names
from tests.collector_setup import until
from tests.collector_waiting import Wait, WaitingSetup

SEED = 20261120
TRACES = Signal.TRACES
PADDING = " " + "." * 300


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots as often as there is something to save: nothing here takes ten seconds."""
    monkeypatch.setattr(engine, "SNAPSHOT_SECONDS", 0.02)
    monkeypatch.setattr(engine, "PRESSED_SNAPSHOT_SECONDS", 0.02)
    monkeypatch.setattr(engine, "_IDLE_SECONDS", 0.02)


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def buffered(service: Service) -> int:
    return service.books.balance(TRACES).buffered


def imbalance(service: Service) -> int:
    return service.books.balance(TRACES).imbalance


def down(_: Batch) -> Delivery:
    msg = "down"
    raise TryLater(msg)


def shown(service: Service, name: str, **labels: str) -> float:
    """What a scrape shows."""
    service.meter.collect()
    return service.meter.value(name, **labels)


def records(directory: Path, name: str) -> list[Record]:
    """All records of a log that nobody owns."""
    log = Log(Store(OsFileSystem(), directory / name, StoreSettings()), cache_bytes=0)
    reader, found = log.reader(log.first_offset), list[Record]()
    while more := reader.read():
        found += more
    reader.close()
    log.close()
    return found


def outputs(directory: Path) -> list[tuple[str, str]]:
    """Pipeline and span of what lies in the outbox."""
    return [
        (OutboxWords.decode(record.meta).pipeline, name)
        for record in records(directory, "outbox")
        for name in span_names(record.payload)
    ]


def segments(directory: Path, name: str) -> list[int]:
    """Base offsets of the segments of a log."""
    return sorted(int(path.name.split("-")[0]) for path in (directory / name).glob("*.seg"))


def again(setup: WaitingSetup, directory: Path) -> WaitingSetup:
    """The same daemon in another process: nothing of it is left in memory."""
    return replace(
        setup,
        directory=directory,
        out=ScriptedExporter(),
        receivers=[],
        made=[],
        clock=ManualClock(),
    )


async def decided(setup: WaitingSetup, service: Service, seconds: float = 2.0) -> None:
    """Let time pass until nothing waits any more."""
    await until(service.is_ready)
    while buffered(service):
        setup.clock.forward(seconds)
        await asyncio.sleep(0.01)


def both(*spans: str) -> Counter[str]:
    """What both pipelines make of spans."""
    return Counter([*spans, *(f"{name} edited" for name in spans)])


def test_what_waits_goes_out_when_it_is_time_and_the_books_balance(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            await setup.send("a", "b")
            await setup.send("drop")
            await until(lambda: service.books.progress().offset >= 3)
            assert (buffered(service), imbalance(service), setup.out.names) == (6, 0, [])
            await decided(setup, service)
            assert Counter(setup.out.names) == both("a", "b")
            assert imbalance(service) == 0

    run(scenario)

    assert len(records(tmp_path, "held")) == 2  # what was edited, and nothing else
    assert sorted(record.payload for record in records(tmp_path, "decisions")) == [
        *[b"drop"] * 2,
        *[b"keep"] * 2,
    ]


def test_a_restart_in_the_middle_forgets_nothing_that_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running():
            await setup.send("a", "b")
        second = again(setup, tmp_path)
        async with second.running() as service:
            await second.send("c")
            await decided(second, service)
            assert Counter(second.out.names) == both("a", "b", "c")
            assert imbalance(service) == 0
        assert not setup.out.names

    run(scenario)


def test_a_crash_at_any_moment_gives_the_same_outbox_and_loses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path / "live", out=ScriptedExporter(down))
        sent: list[str] = []
        random = Random(SEED)
        async with setup.running() as service:
            await until(service.is_ready)
            for number in range(60):
                word = random.choice(("keep", "keep", "drop", "stay"))
                await setup.send(f"{word} {number}{PADDING}")
                sent += [f"{word} {number}{PADDING}"] if word != "drop" else []
                setup.clock.forward(random.choice((0.0, 0.3)))
                await asyncio.sleep(random.random() / 50)
                if random.random() < 0.15:
                    crashed = tmp_path / f"crashed {number}"
                    setup.disk.copy(tmp_path / "live", crashed)
                    await survives(again(setup, crashed), sent)

    run(scenario)


async def survives(setup: WaitingSetup, sent: list[str]) -> None:
    """A daemon on what is left sends all that was acknowledged, each once."""
    before = outputs(setup.directory)
    async with setup.running() as service:
        await decided(setup, service, seconds=200.0)
        assert imbalance(service) == 0
    assert Counter(setup.out.names) == both(*sent)
    assert not Counter(name for _, name in before) - Counter(setup.out.names)


def test_a_segment_that_something_pins_survives_the_trim(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            await setup.send("a", f"b{PADDING}")
            await until(lambda: service.books.progress().offset >= 2)
            for number in range(20):
                await setup.send(f"drop {number}{PADDING}")
            await until(lambda: len(segments(tmp_path, "held")) > 2)
            assert 0 in segments(tmp_path, "inbox")
            assert 0 in segments(tmp_path, "held")
            await decided(setup, service)
            assert Counter(setup.out.names) == both("a", f"b{PADDING}")
            await until(lambda: 0 not in segments(tmp_path, "inbox"))
            await until(lambda: 0 not in segments(tmp_path, "held"))

    run(scenario)


def test_one_long_trace_does_not_pin_all_that_came_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            await setup.send("stay long")
            for number in range(60):
                await setup.send(f"drop {number}{PADDING}")
                setup.clock.forward(0.5)
            await until(lambda: all(wait.moved for wait in setup.made))
            await until(lambda: 0 not in segments(tmp_path, "inbox"))
            await until(lambda: 0 not in segments(tmp_path, "held"))
            assert imbalance(service) == 0
        second = again(setup, tmp_path)
        async with second.running() as service:
            await decided(second, service, seconds=50.0)
            assert Counter(second.out.names) == both("stay long")
            assert imbalance(service) == 0

    run(scenario)


def test_what_waited_for_a_processor_that_is_no_more_is_booked_as_lost_and_let_go(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            for number in range(40):
                await setup.send(f"span {number}{PADDING}")
        assert len(segments(tmp_path, "held")) > 2
        plan = setup.plan()
        pipelines = {name: replace(of, processors=()) for name, of in plan.pipelines.items()}
        without = replace(plan, processors={}, pipelines=pipelines, fingerprint="without")
        service = Service(without, clock=setup.clock)
        await service.start()
        await until(service.is_ready)
        await setup.send("passes")
        await until(lambda: len(setup.out.taken) > 0)
        await until(lambda: len(segments(tmp_path, "held")) <= 1)
        await until(lambda: not buffered(service))
        assert imbalance(service) == 0
        assert shown(service, names.ITEMS, signal="traces", pipeline="traces", outcome="lost") == 40
        await service.stop()

    run(scenario)


def test_a_processor_that_fails_while_it_moves_what_waits_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Wait):
        def relocate(self, inbox_before: int, held_before: int) -> None:
            super().relocate(inbox_before, held_before)
            self.restore(b"[[], []]")
            msg = "clumsy"
            raise RuntimeError(msg)

    async def scenario() -> None:
        setup = WaitingSetup(tmp_path, kind=Clumsy)
        async with setup.running() as service:
            await until(service.is_ready)
            await setup.send("stay long")
            for number in range(60):
                await setup.send(f"drop {number}{PADDING}")
                setup.clock.forward(0.5)
            await until(lambda: "cannot be moved" in caplog.text)
            await decided(setup, service, seconds=50.0)
            assert Counter(setup.out.names) == both("stay long")
            assert imbalance(service) == 0

    run(scenario)

    assert caplog.text.count("cannot be moved") == 1


def test_a_request_that_a_processor_cannot_take_changes_nothing_that_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            for name in ("a", "poison", "b", "drop", "poison 2", "c"):
                await setup.send(name)
                setup.clock.forward(0.1)
            await decided(setup, service)
            assert Counter(setup.out.names) == both("a", "b", "c")
            assert imbalance(service) == 0

    run(scenario)

    assert [record.items for record in records(tmp_path, "dead_letters")] == [1, 1]


def test_what_was_dropped_is_read_again_for_as_long_as_it_is_retained(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path, retain_seconds=3600.0)
        async with setup.running() as service:
            await until(service.is_ready)
            await setup.send(f"drop early{PADDING}")
            for number in range(30):
                await setup.send(f"drop {number}{PADDING}")
            await decided(setup, service)
            setup.clock.forward(1800)
            await setup.send("revive")
            await decided(setup, service)
            assert Counter(setup.out.names) == both(
                "revive", f"drop early{PADDING}", *(f"drop {n}{PADDING}" for n in range(30))
            )
            setup.clock.forward(3700)
            await setup.send("keep")
            await until(lambda: 0 not in segments(tmp_path, "inbox"))
            assert imbalance(service) == 0

    run(scenario)


def test_a_damaged_record_is_lost_and_counted_and_ends_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running() as service:
            await until(service.is_ready)
            for name in ("before", "damaged", "after"):
                await setup.send(name)
            await until(lambda: service.books.progress().offset >= 4)
        for log in ("inbox", "held"):
            for path in (tmp_path / log).glob("*.seg"):
                path.write_bytes(path.read_bytes().replace(b"damaged", b"DAMAGED"))
        second = again(setup, tmp_path)
        async with second.running() as service:
            await decided(second, service)
            assert Counter(second.out.names) == both("before", "after")
            assert imbalance(service) == 0
            for pipeline in ("traces", "traces/edited"):
                of = {"signal": "traces", "pipeline": pipeline, "outcome": "lost"}
                assert shown(service, names.ITEMS, **of) == 1

    run(scenario)


def test_what_waits_and_fills_the_disk_is_decided_on_early_the_oldest_first(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(
            tmp_path / "live",
            seconds=1e6,
            max_size_bytes=1 << 20,
            segment_bytes=16384,
            out=ScriptedExporter(down),
        )
        sent: list[str] = []
        async with setup.running() as service:
            await until(service.is_ready)
            while not shown(service, names.DECIDED_EARLY, pipeline="traces"):
                with contextlib.suppress(Refused):
                    await setup.send(name := f"{len(sent):04d}" + "." * 2000)
                    sent.append(name)
                await asyncio.sleep(0.002)
            assert shown(service, names.LOG_BYTES, log="held") > 0
            assert imbalance(service) == 0
            await until(lambda: bool(setup.out.attempts))
            setup.disk.copy(tmp_path / "live", tmp_path / "crashed")
        early = outputs(tmp_path / "crashed")
        assert early
        for pipeline, made in (("traces", sent), ("traces/edited", [f"{n} edited" for n in sent])):
            found = [name for of, name in early if of == pipeline]
            assert found == made[: len(found)]

        after = again(setup, tmp_path / "crashed")
        async with after.running() as service:
            await decided(after, service, seconds=1e6)
            assert imbalance(service) == 0
        assert Counter(after.out.names) == both(*sent)

    run(scenario)


def test_more_than_the_disk_holds_goes_through_though_all_of_it_is_to_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path, seconds=1e6, max_size_bytes=1 << 20, segment_bytes=16384)
        sent: list[str] = []
        async with setup.running() as service:
            await until(service.is_ready)
            async with asyncio.timeout(30):
                while len(sent) < 400:
                    with contextlib.suppress(Refused):
                        await setup.send(name := f"{len(sent):04d}" + "." * 2000)
                        sent.append(name)
                        assert shown(service, names.DISK_BUDGET) >= disk_used(tmp_path)
                        continue
                    await asyncio.sleep(0.002)
            assert imbalance(service) == 0
            await decided(setup, service, seconds=1e6)
        assert Counter(setup.out.names) == both(*sent)

    run(scenario)


def disk_used(directory: Path) -> int:
    found = 0
    for path in directory.rglob("*.seg"):
        with contextlib.suppress(FileNotFoundError):  # trimmed meanwhile
            found += path.stat().st_size
    return found


async def fill(setup: WaitingSetup) -> None:
    """Send, and let time pass, until the daemon refuses."""
    while True:
        await setup.send(f"{setup.clock.steady}" + "." * 2000)
        setup.clock.forward(0.3)
        await asyncio.sleep(0.001)


def test_a_destination_that_is_down_lets_nothing_be_decided_early(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(
            tmp_path, max_size_bytes=1 << 20, segment_bytes=16384, out=ScriptedExporter(down)
        )
        async with setup.running() as service:
            await until(service.is_ready)
            with pytest.raises(Refused):
                await fill(setup)
            await asyncio.sleep(0.2)
            assert shown(service, names.DECIDED_EARLY, pipeline="traces") == 0

    run(scenario)
