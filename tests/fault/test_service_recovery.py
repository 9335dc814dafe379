"""What a daemon finds after deaths, a lost tail, another configuration."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Host, Settings
from collectors.log import OsFileSystem
from collectors.log.disk import OsFile
from collectors.service import (
    Durability,
    ExtensionPlan,
    Service,
)
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import (
    TRACES,
    Setup,
    dead_letters,
    down,
    imbalance,
    running,
    until,
)
from tests.recovered_daemon import fresh, overwrite, plan_of, records_of, settled, started

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_request_that_ends_the_process_three_times_is_listed_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    def start(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.deadly_daemon", str(tmp_path), "step", *more]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    assert start("send").returncode == -signal.SIGKILL
    assert start().returncode == -signal.SIGKILL
    assert start().returncode == -signal.SIGKILL
    survived = start()

    assert survived.returncode == 0, survived.stderr
    assert survived.stdout.strip() == "0"
    assert sorted(set((tmp_path / "delivered").read_text().split())) == ["after", "before", "last"]
    ((reason, items),) = dead_letters(tmp_path / "data")
    assert "ended the process 3 times" in reason
    assert items == 1
    assert start().stdout.strip() == "0"  # and it is listed once
    assert len(dead_letters(tmp_path / "data")) == 1


@pytest.mark.slow
def test_a_tick_that_ends_the_process_three_times_is_left_out_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    def start(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.deadly_daemon", str(tmp_path), "tick", *more]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    assert start("send").returncode == -signal.SIGKILL
    assert start().returncode == -signal.SIGKILL
    assert start().returncode == -signal.SIGKILL
    survived = start()

    assert survived.returncode == 0, survived.stderr
    assert survived.stdout.strip() == "0"
    assert "no tick for 60 s" in survived.stderr
    delivered = (tmp_path / "delivered").read_text().split()
    assert set(delivered) == {"before", "deadly", "after", "last"}
    assert dead_letters(tmp_path / "data") == []
    assert start().returncode == 0  # it is not tried again at once after a restart


def test_a_tail_that_the_machine_lost_lets_all_counters_begin_at_zero(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live")
        plan = plan_of(setup, Durability.OS)
        async with started(plan) as service:
            await setup.send("a", "b")
        async with started(plan) as service:
            for name in ("c", "d", "e"):
                await setup.send(name)
            await settled(service)
            assert setup.view.items == 9  # spans, and a count for each request
            shutil.copytree(tmp_path / "live", tmp_path / "crashed")
        # Of the inbox the last two records never reached the disk; of the outbox all did.
        path, start, _ = records_of(tmp_path / "crashed" / "inbox")[-2]
        overwrite(path, start, bytes(path.stat().st_size - start))
        shutil.copytree(tmp_path / "crashed", tmp_path / "same boot")

        again = fresh(setup, tmp_path / "crashed")
        async with started(plan_of(again, Durability.OS), "boot 2") as service:
            await settled(service)
            assert imbalance(service) == 0
            assert again.view.items == 0
            await again.send("f")
            await until(lambda: again.view.items == 2)
            await settled(service)
            assert imbalance(service) == 0
        again = fresh(again, tmp_path / "crashed")
        async with started(plan_of(again, Durability.OS), "boot 3") as service:
            await settled(service)
            assert again.view.items == 2  # it was stopped as it should be: this is proven
        again = fresh(again, tmp_path / "same boot")
        async with started(plan_of(again, Durability.OS), "boot 1") as service:
            await settled(service)
            assert again.view.items == 5  # a, b and c: the machine has lost nothing

    asyncio.run(scenario())


def test_a_kill_alone_costs_no_counter_anything_whatever_the_durability(tmp_path: Path) -> None:
    async def scenario(durability: Durability, boot: str) -> None:
        setup = Setup(tmp_path / durability)
        async with started(plan_of(setup, durability)) as service:
            await setup.send("a", "b")
            await settled(service)
            shutil.copytree(tmp_path / durability, tmp_path / f"{durability} killed")
        again = fresh(setup, tmp_path / f"{durability} killed")
        async with started(plan_of(again, durability), boot) as service:
            await settled(service)
            assert again.view.items == 3
            assert imbalance(service) == 0

    asyncio.run(scenario(Durability.OS, "boot 1"))
    asyncio.run(scenario(Durability.FSYNC, "boot 2"))


@pytest.mark.parametrize("has_snapshot", [True, False])
def test_a_changed_configuration_after_a_crash_loses_nothing(
    tmp_path: Path, has_snapshot: bool
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live", left=ScriptedExporter(down))
        async with started(plan_of(setup)) as service:
            await until(service.is_ready)
            for name in ("a", "b", "c"):
                await setup.send(name)
            await until(lambda: setup.right.names == ["a", "b", "c"])
            shutil.copytree(tmp_path / "live", tmp_path / "crashed")
        if not has_snapshot:
            (tmp_path / "crashed" / "state" / "snapshot").unlink()

        again = replace(fresh(setup, tmp_path / "crashed"), left=ScriptedExporter())
        async with started(replace(plan_of(again), fingerprint="other")) as service:
            await settled(service)
            assert set(again.left.names) == {"a", "b", "c"}
            assert imbalance(service) == 0
            assert again.view.items == 6

    asyncio.run(scenario())


def test_what_a_processor_held_that_is_no_more_is_told_and_booked_as_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await setup.send("a")
            await until(lambda: service.books.balance(TRACES).buffered == 1)
        plan = setup.plan()
        held = replace(plan.pipelines["traces/held"], processors=())
        changed = replace(plan, pipelines={**plan.pipelines, "traces/held": held}, fingerprint="g")
        async with started(changed) as service:
            await settled(service)
            assert imbalance(service) == 0

    asyncio.run(scenario())

    assert "1 items that traces/held held have no processor any more" in caplog.text


def test_the_daemon_answers_while_it_looks_through_a_large_backlog(tmp_path: Path) -> None:
    class SlowDisk(OsFileSystem):
        is_slow = threading.Event()
        may_go_on = threading.Event()

        def open(self, path: Path) -> OsFile:
            if self.is_slow.is_set() and path.suffix == ".seg":
                assert self.may_go_on.wait(20)
            return super().open(path)

    class Beginning:
        async def start(self, host: Host) -> None:
            assert not host.is_ready()
            SlowDisk.is_slow.set()

        async def stop(self) -> None:
            pass

    def beginning(_: Settings) -> Beginning:
        return Beginning()

    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with started(plan_of(setup)) as service:
            await setup.send("a")
            await settled(service)
        plan = replace(plan_of(setup), extensions={"x": ExtensionPlan(create=beginning)})
        service = Service(plan, files=SlowDisk())
        starting = asyncio.create_task(service.start())
        await until(lambda: service.metrics_port != 0)
        address = f"http://127.0.0.1:{service.metrics_port}/metrics"
        assert await asyncio.to_thread(status, address) == 200
        assert not starting.done()
        assert not service.is_ready()
        SlowDisk.may_go_on.set()
        await starting
        await until(service.is_ready)
        await service.stop()

    asyncio.run(scenario())


def status(address: str) -> int:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return int(answer.status)
