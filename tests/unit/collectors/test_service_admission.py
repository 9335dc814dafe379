"""Who is let in: gates, budgets, full disks, requests that come twice."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from collectors.component import (
    Batch,
    Context,
    Delivery,
    Refused,
    Rejected,
    TryLater,
)
from collectors.log import File, OsFileSystem
from collectors.net.peers import host_of
from collectors.service import (
    Service,
)
from collectors.service.budget import LAST_SHARE, Budget, budget_bytes, segment_bytes
from collectors.service.duplicates import Known, digest
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import (
    METRICS_SIGNAL,
    TRACES,
    Setup,
    running,
    until,
)


def test_a_full_budget_refuses_spans_with_a_hint_before_it_refuses_metrics(
    tmp_path: Path,
) -> None:
    def down(_: Batch) -> Delivery:
        msg = "down"
        raise TryLater(msg)

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(down), max_size_bytes=1 << 20)
        plan = replace(setup.plan(), grace_seconds=0.0)
        async with running(setup, plan):
            with pytest.raises(Refused, match="disk budget of 1048576 bytes") as caught:
                await fill(setup)
            assert 1.0 <= caught.value.retry_after_seconds <= 2.0
            intake = setup.receivers[0].intake
            await intake.submit(METRICS_SIGNAL, b"", 0, Context())

    asyncio.run(scenario())

    assert sum(path.stat().st_size for path in tmp_path.rglob("*.seg")) < 1 << 20


async def fill(setup: Setup) -> None:
    for number in range(2000):
        await setup.send(f"{number}" + "x" * 5000)


def test_a_gate_edits_or_refuses_before_anything_is_on_disk(tmp_path: Path) -> None:
    def gate(payload: bytes) -> bytes:
        if b"never" in payload:
            msg = "not this"
            raise Rejected(msg)
        return payload.replace(b"secret", b"******")

    async def scenario() -> None:
        setup = Setup(tmp_path, gate=gate)
        async with running(setup):
            await setup.send("secret")
            with pytest.raises(Rejected):
                await setup.send("never")
            await until(lambda: setup.right.names == ["******"])

    asyncio.run(scenario())

    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*.seg"))


def test_a_stopping_daemon_takes_nothing_new(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            pass
        with pytest.raises(Refused, match="stopping"):
            await setup.send("late")

    asyncio.run(scenario())


def test_a_full_disk_is_a_refusal_and_not_the_end(tmp_path: Path) -> None:
    class FullDisk(OsFileSystem):
        is_full = False

        def create(self, path: Path) -> File:
            if self.is_full and path.suffix == ".seg":
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().create(path)

    async def scenario() -> None:
        setup, disk = Setup(tmp_path), FullDisk()
        service = Service(setup.plan(), files=disk)
        await service.start()
        disk.is_full = True
        large = "x" * 200_000  # needs a segment of its own
        with pytest.raises(Refused, match="disk is full"):
            await setup.send(large)
        assert not service.is_ready()
        disk.is_full = False
        await setup.send(large)
        assert service.is_ready()
        await service.stop()
        assert setup.right.names == [large]

    asyncio.run(scenario())


def test_the_hash_of_a_request_knows_the_sender_but_not_its_port() -> None:
    def of(peer: str, tenant: str = "") -> str:
        return digest("r", TRACES, b"x", Context(tenant, peer))

    assert of("ipv4:10.0.0.1:5") == of("ipv4:10.0.0.1:6")
    assert of("10.0.0.1:5") != of("10.0.0.2:5")
    assert of("10.0.0.1:5", "t") != of("10.0.0.1:5")
    assert len(of("")) == 32
    assert [host_of(p) for p in ("[::1]:4", "h", "", "h:x")] == ["[::1]", "h", "", "h:x"]


def test_a_request_is_known_for_ten_minutes_and_in_bounded_memory() -> None:
    known = Known(most=2, window_seconds=600)
    known.add("a", 0)
    assert known.has("a", 600 * 10**9)
    assert not known.has("a", 600 * 10**9 + 1)
    for name in "bcd":
        known.add(name, 700 * 10**9)
    assert [known.has(name, 700 * 10**9) for name in "bcd"] == [False, True, True]


@dataclass
class Taking:
    size_bytes: int


def test_a_budget_reserves_room_for_what_a_request_becomes() -> None:
    log = Taking(0)
    freed: list[int] = []

    def reclaim() -> int:
        freed.append(log.size_bytes)
        log.size_bytes = 0
        return freed[-1]

    budget = Budget(1000, [log], copies=2, reclaim=reclaim)

    assert budget.admits(TRACES, 300)
    assert not budget.admits(TRACES, 301)
    assert budget.admits(METRICS_SIGNAL, 333)
    budget.promise(400)
    assert not budget.admits(TRACES, 50)
    budget.settle(400)
    log.size_bytes = 999
    assert budget.is_full()
    assert budget.admits(TRACES, 300)
    assert freed[-1] == 999


def test_the_default_budget_is_half_of_what_is_free_and_at_most_ten_gibibytes() -> None:
    assert budget_bytes(None, 6 << 30, 2 << 30) == 4 << 30
    assert budget_bytes(None, 1 << 40, 0) == 10 << 30
    assert budget_bytes(5, 1 << 40, 0) == 5
    assert segment_bytes(None, 10 << 30, 1 << 40) == 64 << 20
    assert segment_bytes(None, 1 << 20, 1 << 40) == 64 << 10
    assert segment_bytes(None, 10 << 30, 64 << 20) == 4 << 20
    assert segment_bytes(None, 10 << 30, 0) == 64 << 10
    assert LAST_SHARE == 0.9
