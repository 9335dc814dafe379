"""A whole daemon: everything that comes in goes out, once, and is counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import (
    Batch,
    Delivery,
    Signal,
    StartError,
    TryLater,
)
from collectors.service import (
    Service,
    TelemetrySettings,
    engine,
)
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import (
    TRACES,
    Setup,
    SumView,
    dead_letters,
    running,
    until,
)


def test_what_comes_in_goes_to_every_destination_and_the_books_balance(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await asyncio.gather(*(setup.send(f"{n}a", f"{n}b") for n in range(10)))
            await until(lambda: len(setup.left.names) == 40 and len(setup.right.names) == 20)
            await until(lambda: setup.view.items == 30)
            await until(lambda: service.books.balance(TRACES).buffered == 0)

            assert sorted(setup.right.names) == sorted(f"{n}{x}" for n in range(10) for x in "ab")
            assert all(service.books.balance(signal).imbalance == 0 for signal in Signal)
            assert service.is_ready()
            assert setup.view.is_ready

    asyncio.run(scenario())


def test_a_request_that_comes_twice_is_counted_once_even_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await asyncio.gather(*(setup.send("a") for _ in range(5)))
            total = "fleetslo_items_total"
            assert service.meter.value(total, signal="traces", outcome="accepted") == 1
            assert service.meter.value(total, signal="traces", outcome="duplicate") == 4
        async with running(setup) as service:
            await setup.send("a")
            await setup.send("b")
            assert service.meter.value(total, signal="traces", outcome="duplicate") == 1
        assert sorted(setup.right.names) == ["a", "b"]

    asyncio.run(scenario())


def test_state_goes_on_after_a_restart_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            await setup.send("a")
        assert sorted(setup.left.names) == ["a"]  # the other one is held
        again = replace(setup, view=SumView(), left=ScriptedExporter())
        async with running(again) as service:
            assert again.view.items == 2
            await again.send("b")
            await until(lambda: len(again.left.names) == 3)
            assert service.books.balance(TRACES).imbalance == 0

        assert sorted(again.left.names) == ["a", "b", "b"]
        assert again.view.items == 4

    asyncio.run(scenario())


def test_a_component_that_cannot_say_its_state_ends_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "SNAPSHOT_SECONDS", 0.01)

    class Speechless(SumView):
        def snapshot(self) -> bytes:
            if self.items:
                msg = "no words"
                raise ValueError(msg)
            return super().snapshot()

    async def scenario() -> None:
        setup = Setup(tmp_path, view=Speechless())
        async with running(setup):
            await setup.send("a")
            await until(lambda: "cannot say its state" in caplog.text)
            await setup.send("b")
            await until(lambda: len(setup.left.names) >= 2)
        again = replace(setup, view=SumView(), left=ScriptedExporter())
        async with running(again) as service:
            await until(lambda: again.view.items == 4)
            assert service.books.balance(TRACES).imbalance == 0

    asyncio.run(scenario())


def test_a_request_that_a_processor_chokes_on_is_listed_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await setup.send("a")
            await setup.send("poison", "b")
            await setup.send("c")
            await until(lambda: len(setup.left.names) == 4)
            balance = service.books.balance(TRACES)
            assert balance.imbalance == 0
            failures = service.meter.value("fleetslo_processor_failures_total", component="hold")
            assert failures == 1

        assert sorted(setup.left.names) == ["a", "a", "c", "c"]
        assert sorted(setup.right.names) == ["a", "c"]
        ((reason, items),) = dead_letters(tmp_path)
        assert reason.startswith("hold failed: RuntimeError('poison')")
        assert items == 2

    asyncio.run(scenario())


def test_what_a_view_cannot_show_is_listed_and_sent_to_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            await setup.send("unviewable")
            await until(lambda: setup.right.names == ["unviewable"])
        assert [reason for reason, _ in dead_letters(tmp_path)] == [
            "view failed: ValueError('cannot look at it')"
        ]

    asyncio.run(scenario())


def test_a_changed_configuration_delivers_what_waits_under_the_new_one(tmp_path: Path) -> None:
    def down(_: Batch) -> Delivery:
        msg = "down"
        raise TryLater(msg)

    async def scenario() -> None:
        setup = Setup(tmp_path, right=ScriptedExporter(down))
        plan = replace(setup.plan(), grace_seconds=0.0)
        async with running(setup, plan):
            await setup.send("a", "b")
            await until(lambda: len(setup.right.attempts) > 0)
        pipelines = {
            name: replace(p, exporters=tuple(e for e in p.exporters if e != "right"))
            for name, p in plan.pipelines.items()
        }
        exporters = {name: e for name, e in plan.exporters.items() if name != "right"}
        changed = replace(plan, pipelines=pipelines, exporters=exporters, fingerprint="g")
        async with running(setup, changed) as service:
            await until(lambda: service.books.balance(TRACES).buffered <= 2)
            assert service.books.balance(TRACES).imbalance == 0
        ((reason, items),) = dead_letters(tmp_path)
        assert "removed from the configuration" in reason
        assert items == 2

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_one_clear_line_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        setup = Setup(tmp_path)
        plan = replace(setup.plan(), telemetry=TelemetrySettings(metrics_port=port))
        with pytest.raises(StartError, match=f"{port}"):
            await Service(plan).start()
        server.close()
        async with running(setup):
            pass  # the directory is free again

    asyncio.run(scenario())
