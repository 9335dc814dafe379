"""A small disk of its own: full, read-only, failing; what was acknowledged still arrives."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Batch, Delivery, Refused, StartError, TryLater
from collectors.log.disk import OsFile, OsFileSystem
from collectors.service import Service
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import Setup, imbalance, until
from tests.recovered_daemon import plan_of, settled, started

DISK_BYTES = 8 << 20


@contextmanager
def small_disk(directory: Path) -> Generator[Path]:
    """A tmpfs of 8 MiB; skips where none can be mounted."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here: it takes root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def test_a_disk_that_is_full_before_the_budget_refuses_and_recovers(tmp_path: Path) -> None:
    is_up = asyncio.Event()

    def answer(_: Batch) -> Delivery:
        if not is_up.is_set():
            msg = "down"
            raise TryLater(msg)
        return Delivery()

    async def scenario(disk: Path) -> None:
        setup = Setup(disk / "data", left=ScriptedExporter(answer), max_size_bytes=64 << 20)
        taken: list[str] = []
        async with started(plan_of(setup)) as service:
            await until(service.is_ready)
            with pytest.raises(Refused, match="disk is full"):
                await asyncio.gather(*(fill(setup, taken, client) for client in range(8)))
            assert len(taken) > 10
            is_up.set()
            await until(lambda: set(taken) <= set(setup.left.names))
            await until_taken(setup, taken)
            await until(lambda: set(taken) <= set(setup.left.names))
            await settled(service)
            assert imbalance(service) == 0
            assert set(taken) <= set(setup.right.names)

    with small_disk(tmp_path / "disk") as disk:
        asyncio.run(scenario(disk))


def test_a_budget_far_above_a_small_disk_leaves_the_disk_to_be_used(tmp_path: Path) -> None:
    async def scenario(disk: Path) -> None:
        setup = Setup(disk / "data", max_size_bytes=10 << 30)
        async with started(plan_of(setup)) as service:
            for number in range(20):
                await setup.send(f"{number}-" + "x" * 50_000)
            await settled(service)

    with small_disk(tmp_path / "disk") as disk:
        asyncio.run(scenario(disk))


async def fill(setup: Setup, taken: list[str], client: int) -> None:
    for number in range(2000):
        name = f"{client}-{number}-" + "x" * 50_000
        await setup.send(name)
        taken.append(name)


async def until_taken(setup: Setup, taken: list[str]) -> None:
    """Come again as a sender would, until there is room."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Refused):
                await setup.send("again")
                taken.append("again")
                return
            await asyncio.sleep(0.05)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def test_a_read_only_disk_is_one_clear_line(tmp_path: Path) -> None:
    async def scenario(disk: Path) -> None:
        setup = Setup(disk / "data")
        async with started(plan_of(setup)) as service:
            await setup.send("a")
            await settled(service)
        await asyncio.to_thread(remount, disk, "ro")
        with pytest.raises(StartError, match=r"data directory .*: .*read-only file system"):
            await Service(plan_of(setup)).start()
        await asyncio.to_thread(remount, disk, "rw")
        async with started(plan_of(setup)) as service:
            await settled(service)

    with small_disk(tmp_path / "disk") as disk:
        asyncio.run(scenario(disk))


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.ENOSPC])
def test_a_disk_that_fails_for_a_while_costs_nothing_that_was_acknowledged(
    tmp_path: Path, code: int
) -> None:
    class Failing(OsFileSystem):
        fails = False

        def create(self, path: Path) -> OsFile:
            if self.fails:
                raise OSError(code, os.strerror(code))
            return super().create(path)

        def open(self, path: Path) -> OsFile:
            if self.fails and path.suffix == ".seg":
                raise OSError(code, os.strerror(code))
            return super().open(path)

    async def scenario() -> None:
        disk, setup = Failing(), Setup(tmp_path)
        plan = plan_of(setup)
        plan = replace(plan, storage=replace(plan.storage, segment_bytes=64 << 10))
        service = Service(plan, files=disk)
        await service.start()
        taken: list[str] = []
        for number in range(40):
            disk.fails = 10 <= number < 20
            with suppress(Refused):
                await setup.send(name := f"{number}-" + "x" * 20_000)
                taken.append(name)
        await until(lambda: set(taken) <= set(setup.left.names))
        await settled(service)
        assert imbalance(service) == 0
        await service.stop()
        assert 30 <= len(taken) < 40

    asyncio.run(scenario())
