"""Spans that wait and the disk they wait on: trims, moves, damage, no room."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import pytest

from collectors.component import Refused
from collectors.service import names
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import down, imbalance, until
from tests.collector_waiting import WaitingSetup
from tests.fault.test_service_disk import small_disk
from tests.waiting_daemon import PADDING, again, both, decided, outputs, run, segments, shown

pytestmark = pytest.mark.usefixtures("quick_snapshots")


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


def test_what_is_retained_gives_way_on_a_disk_that_has_less_than_the_budget(
    tmp_path: Path,
) -> None:
    async def scenario(disk: Path) -> None:
        setup = WaitingSetup(
            disk / "data", max_size_bytes=1 << 30, segment_bytes=65536, retain_seconds=3600
        )
        sent: list[str] = []
        async with setup.running() as service:
            await until(service.is_ready)
            async with asyncio.timeout(40):
                while len(sent) < 400:  # four times what the disk has
                    with contextlib.suppress(Refused):
                        await setup.send(name := f"{len(sent)}" + "." * 30_000)
                        sent.append(name)
                    setup.clock.forward(0.5)
                    await asyncio.sleep(0.005)
            await decided(setup, service)
            assert imbalance(service) == 0
        assert Counter(setup.out.names) == both(*sent)

    with small_disk(tmp_path / "disk") as disk:
        run(lambda: scenario(disk))


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
