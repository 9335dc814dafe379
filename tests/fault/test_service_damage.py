"""What a daemon finds after damage: every loss is booked, the rest is delivered."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Batch, Delivery
from collectors.service import (
    courier,
)
from collectors.service.recent import Recent
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import TRACES, Setup, down, imbalance, until
from tests.recovered_daemon import fresh, overwrite, plan_of, records_of, settled, started


def up(_: Batch) -> Delivery:
    return Delivery()


def test_damage_in_the_inbox_is_booked_as_lost_and_counters_begin_at_zero(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live")
        async with started(plan_of(setup)) as service:
            await settled(service)
            for name in ("a", "b", "c"):
                await setup.send(name, f"{name}2")
            await settled(service)
            shutil.copytree(tmp_path / "live", tmp_path / "crashed")
        damaged = [r for r in records_of(tmp_path / "crashed" / "inbox") if r[2].record.items][1]
        overwrite(damaged[0], damaged[2].end - 12, b"\xff\xfe\xfd")

        again = fresh(setup, tmp_path / "crashed")
        for _ in range(2):  # the loss is known for good
            again = fresh(again, tmp_path / "crashed")
            async with started(plan_of(again)) as service:
                await settled(service)
                assert imbalance(service) == 0
                assert service.books.progress().lost == (2, 0, 0)
                assert again.view.items == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("where", ["header", "payload"])
def test_what_a_damaged_outbox_lost_is_booked_as_lost_and_the_rest_delivered(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SAVE_SECONDS", 0.05)

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(down), right=ScriptedExporter(down))
        async with started(plan_of(setup)):
            for name in ("a", "b", "c"):
                await setup.send(name, f"{name}2")
        path, start, frame = records_of(tmp_path / "outbox")[1]
        at = start + 20 if where == "header" else frame.end - 12
        overwrite(path, at, b"\xff\xfe\xfd")

        again = replace(fresh(setup, tmp_path), left=ScriptedExporter(), right=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert imbalance(service) == 0
            assert sorted(again.left.names) == ["a", "a2", "c", "c2"]
            lost = {"signal": "traces", "exporter": "left", "outcome": "lost"}
            assert service.meter.value("fleetslo_items_total", **lost) == 2
        async with started(plan_of(fresh(again, tmp_path))) as service:
            await settled(service)
            assert imbalance(service) == 0

    asyncio.run(scenario())


def test_an_output_that_the_disk_lost_is_made_again_while_its_request_is_there(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path / "live", left=ScriptedExporter(down))
        async with started(plan_of(setup)) as service:
            await until(service.is_ready)
            for name in ("a", "b", "c"):
                await setup.send(name)
            await until(lambda: setup.right.names == ["a", "b", "c"])
            shutil.copytree(tmp_path / "live", tmp_path / "crashed")
        path, start, _ = records_of(tmp_path / "crashed" / "outbox")[1]
        overwrite(path, start + 20, b"\xff\xfe\xfd")

        again = replace(fresh(setup, tmp_path / "crashed"), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert sorted(again.left.names) == ["a", "b", "c"]
            assert imbalance(service) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("has_snapshot", [True, False])
@pytest.mark.parametrize("waits", [True, False])
def test_what_a_deleted_outbox_held_is_booked_as_lost_with_one_line_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, has_snapshot: bool, waits: bool
) -> None:
    """Some was delivered before the snapshot and some after it, and some waits."""

    async def scenario() -> None:
        answer = down if waits else up
        setup = Setup(tmp_path / "live", left=ScriptedExporter(answer))
        async with started(plan_of(setup)) as service:
            for name in ("a", "b"):
                await setup.send(name, f"{name}2")
            await until(lambda: setup.right.names == ["a", "a2", "b", "b2"])
        async with started(plan_of(setup)) as service:
            await until(service.is_ready)
            for name in ("c", "d"):
                await setup.send(name, f"{name}2")
            await until(lambda: len(setup.right.names) == 8)
            await until(lambda: noted(tmp_path / "live", "right") == 8)
            shutil.copytree(tmp_path / "live", tmp_path / "killed")
        shutil.rmtree(tmp_path / "killed" / "outbox")
        if not has_snapshot:
            (tmp_path / "killed" / "state" / "snapshot").unlink()

        again = replace(fresh(setup, tmp_path / "killed"), left=ScriptedExporter())
        caplog.clear()
        for _ in range(3):
            async with started(plan_of(again)) as service:
                await settled(service)
                await until(lambda: imbalance(service) == 0)
                await again.send("e")
                await settled(service)
                assert imbalance(service) == 0
        lost = [r.getMessage() for r in caplog.records if "were lost to damage" in r.getMessage()]
        if has_snapshot:
            assert {"c", "c2", "d", "d2", "e"} <= set(again.left.names)  # made again
            assert lost == (["left: 4 traces were lost to damage of the outbox"] if waits else [])

    asyncio.run(scenario())


def noted(directory: Path, name: str) -> int:
    recent = Recent(directory / "state" / "recent")
    recent.close()
    return recent.cursors[name].delivered[TRACES] if name in recent.cursors else 0
