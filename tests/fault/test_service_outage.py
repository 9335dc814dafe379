"""An hour's outage, by a clock that is moved, and disks that cannot be read for a while."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Batch, Context, Delivery, Refused, StartError, TryLater
from collectors.log import OsFileSystem
from collectors.log.disk import OsFile
from collectors.service import Service
from tests.collector_parts import ManualClock, ScriptedExporter, spans
from tests.collector_setup import TRACES, Setup, imbalance, until
from tests.recovered_daemon import fresh, plan_of, settled, started

HOUR_SECONDS = 3600
CLIENTS = 3
BIG = "x" * 40_000


def test_clients_that_retry_without_end_lose_nothing_across_an_hour(tmp_path: Path) -> None:
    """Each waits as long as it is told to, by the daemon's clock, which takes no time."""

    async def scenario() -> None:
        is_up = False

        def answer(_: Batch) -> Delivery:
            if not is_up:
                msg = "down"
                raise TryLater(msg)
            return Delivery()

        setup, clock = Setup(tmp_path, left=ScriptedExporter(answer)), ManualClock()
        setup.max_size_bytes = 4 << 20
        service = Service(plan_of(setup), clock=clock)
        await service.start()
        await until(service.is_ready)
        taken: list[str] = []
        refused, hints = Counter[int](), set[float]()
        began = clock.steady

        async def client(number: int) -> None:
            count = 0
            while not (is_up and count > 3):
                name = f"{number}-{count}-{BIG}"
                try:
                    await setup.receivers[-1].intake.submit(
                        TRACES, spans(name), 1, Context(peer=f"10.0.0.{number}:1")
                    )
                except Refused as answer:
                    refused[number] += 1
                    hints.add(answer.retry_after_seconds)
                    clock.forward(answer.retry_after_seconds / CLIENTS)
                    await asyncio.sleep(0)
                    continue
                taken.append(name)
                count += 1

        clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
        await until(lambda: clock.steady - began > HOUR_SECONDS * 1_000_000_000)
        is_up = True
        await asyncio.gather(*clients)
        await settled(service)

        assert imbalance(service) == 0
        assert Counter(setup.left.names) == Counter(taken)  # all, and none twice
        assert min(refused.values()) > 500
        assert 1.0 <= min(hints) < max(hints) <= 2.0
        await service.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("log", ["inbox", "outbox"])
def test_a_log_that_cannot_be_read_for_a_while_is_read_once_it_can(
    tmp_path: Path, log: str
) -> None:
    class Failing(OsFileSystem):
        """Reading fails twice from the moment on that destinations begin."""

        left = 0

        def open(self, path: Path) -> OsFile:
            if path.suffix != ".seg" or path.parent.name != log:
                return super().open(path)
            return _Unreadable(os.open(path, os.O_RDWR | os.O_CLOEXEC), self)

    class _Unreadable(OsFile):
        def __init__(self, descriptor: int, disk: Failing) -> None:
            super().__init__(descriptor)
            self._disk = disk

        def read(self, position: int, size: int) -> bytes:
            if self._disk.left:
                self._disk.left -= 1
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(position, size)

    class Beginning(ScriptedExporter):
        async def start(self) -> None:
            disk.left = 3

    disk = Failing()

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(_later), right=ScriptedExporter(_later))
        async with started(plan_of(setup)) as service:
            await until(service.is_ready)
            for name in "abc":
                await setup.send(name)
        again = replace(fresh(setup, tmp_path), left=Beginning(), right=ScriptedExporter())
        plan = plan_of(again)
        if log == "inbox":  # make it be read: without a snapshot everything is replayed
            (tmp_path / "state" / "snapshot").unlink()
        service = Service(plan, files=disk)
        await service.start()
        crashing = asyncio.create_task(service.crashed())
        await until(lambda: len(again.left.names) == 3)
        await settled(service)
        assert disk.left == 0
        assert not crashing.done()
        crashing.cancel()
        assert imbalance(service) == 0
        assert sorted(again.left.names) == ["a", "b", "c"]
        await service.stop()

    asyncio.run(scenario())


def _later(_: Batch) -> Delivery:
    msg = "down"
    raise TryLater(msg)


def test_a_log_that_cannot_be_read_at_start_is_one_clear_line(tmp_path: Path) -> None:
    class Failing(OsFileSystem):
        opened = 0

        def open(self, path: Path) -> OsFile:
            if path.suffix == ".seg" and path.parent.name == "inbox":
                self.opened += 1
                if self.opened > 1:  # recovery has read it, and then it cannot be read any more
                    raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return super().open(path)

    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with started(plan_of(setup)) as service:
            await setup.send("a")
            await settled(service)
        with pytest.raises(StartError, match=r"data directory .*: .*[Ii]nput/output error"):
            await Service(plan_of(setup), files=Failing()).start()
        again = fresh(setup, tmp_path)
        async with started(plan_of(again)) as service:
            await settled(service)
            assert imbalance(service) == 0

    asyncio.run(scenario())
