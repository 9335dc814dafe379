"""Spans that wait on disk, in a whole daemon: restarts, crashes, processors that fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from collectors.service import Service, names
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import buffered, down, imbalance, until
from tests.collector_waiting import Wait, WaitingSetup
from tests.waiting_daemon import (
    PADDING,
    again,
    both,
    decided,
    outputs,
    records,
    run,
    segments,
    shown,
)

pytestmark = pytest.mark.usefixtures("quick_snapshots")


SEED = 20261120


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
