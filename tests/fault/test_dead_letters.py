"""Dead letters: listed with the reason, put back once, within their share and their age."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collectors.cli.buffer import buffer
from collectors.component import Batch, Delivery, NeverTaken
from collectors.service import courier
from collectors.service.budget import Budget
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import QUICK, TRACES, Setup, SumView, imbalance, until
from tests.recovered_daemon import fresh, overwrite, plan_of, records_of, settled, started


def never(_: Batch) -> Delivery:
    msg = "400: not that"
    raise NeverTaken(msg)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(buffer, list(arguments))


async def bury(setup: Setup, *names: str) -> None:
    async with started(plan_of(setup)) as service:
        await until(service.is_ready)
        for name in names:
            await setup.send(name, f"{name}2")
        await settled(service)


def test_letters_are_listed_put_back_once_and_delivered(tmp_path: Path) -> None:
    setup = Setup(tmp_path, left=ScriptedExporter(never))
    asyncio.run(bury(setup, "a", "b"))

    shown = command("ls", str(tmp_path)).output
    assert "2 letters, 4 items, left, waits: 400: not that" in shown
    done = command("requeue", str(tmp_path), "--to", "left", "--offset", "0")
    assert "1 dead letters with 2 items were put back" in done.output
    assert (
        "letter 0  2 traces  to left  requeued" in command("ls", "--letters", str(tmp_path)).output
    )
    done = command("requeue", str(tmp_path))
    assert "1 dead letters with 2 items were put back" in done.output
    assert "0 dead letters" in command("requeue", str(tmp_path)).output

    async def deliver() -> None:
        again = replace(fresh(setup, tmp_path), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert sorted(again.left.names) == ["a", "a2", "b", "b2"]
            assert again.right.names == []
            assert imbalance(service) == 0
            assert again.view.items == 6  # nothing passed the graph again
            await again.send("c")
            await settled(service)
            assert again.right.names == ["c"]

    asyncio.run(deliver())


def test_a_request_that_the_graph_gave_up_passes_it_again(tmp_path: Path) -> None:
    async def scenario(setup: Setup, *names: str) -> None:
        async with started(setup.plan()) as service:
            await until(service.is_ready)
            for name in names:
                await setup.send(name)
            await until(lambda: service.books.balance(TRACES).buffered <= 1)
            assert imbalance(service) == 0

    setup = Setup(tmp_path)
    asyncio.run(scenario(setup, "poison"))
    assert setup.right.names == []
    assert "1 letter, 1 item, graph, waits: hold failed" in command("ls", str(tmp_path)).output
    assert "1 dead letters with 1 items" in command("requeue", str(tmp_path)).output

    plan = setup.plan()
    mended = replace(
        plan,
        processors={},
        pipelines={n: replace(p, processors=()) for n, p in plan.pipelines.items()},
        fingerprint="mended",
    )

    async def deliver() -> None:
        async with started(mended) as service:
            await settled(service)
            assert setup.right.names == ["poison"]
            assert imbalance(service) == 0

    asyncio.run(deliver())


def test_requeue_leaves_alone_what_a_daemon_owns_and_what_cannot_go_back(tmp_path: Path) -> None:
    setup = Setup(tmp_path, view=SumView())

    async def scenario() -> None:
        async with started(plan_of(setup)) as service:
            await setup.send("unviewable")
            await settled(service)
            refused = command("requeue", str(tmp_path))
            assert refused.exit_code == 1
            assert "in use" in refused.output

    asyncio.run(scenario())
    done = command("requeue", str(tmp_path))

    assert "0 dead letters with 0 items were put back" in done.output
    assert "1 stay: it can only be looked at" in done.output
    assert command("requeue", str(tmp_path.parent)).exit_code == 1


def test_a_letter_of_which_a_part_was_taken_goes_back_only_on_demand(tmp_path: Path) -> None:
    setup = Setup(tmp_path, left=ScriptedExporter(lambda _: Delivery(1, "one was too old")))
    asyncio.run(bury(setup, "a"))

    assert "1 stay: a part of it was taken" in command("requeue", str(tmp_path)).output
    done = command("requeue", str(tmp_path), "--partial")
    assert "1 dead letters with 2 items" in done.output


class Letters:
    size_bytes = 0

    def growth_bytes(self, size_bytes: int) -> int:
        return size_bytes


def test_dead_letters_have_a_share_of_their_own_and_no_more() -> None:
    dead = Letters()
    budget = Budget(1000, [], 1, lambda: 0, dead)

    assert budget.used_bytes == 100  # kept free for them
    assert budget.has_dead_room(80, 0.8)
    assert not budget.has_dead_room(81, 0.8)
    dead.size_bytes = 80
    assert budget.has_dead_room(20)
    assert not budget.has_dead_room(21)


def test_a_destination_waits_where_its_dead_letters_have_no_room_and_others_go_on(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(never), max_size_bytes=2 << 20)
        async with started(plan_of(setup)) as service:
            for number in range(40):
                await setup.send(f"{number}" + "x" * 9000)
            await until(lambda: len(setup.right.names) == 40)
            taken = {"signal": "traces", "pipeline": "traces", "exporter": "left"}
            buried = service.meter.value("fleetslo_items_total", **taken, outcome="dead_lettered")
            assert 5 < buried < 40
            waiting = service.books.waiting("left")[1][TRACES]
            assert waiting == 40 - buried
            assert imbalance(service) == 0
        size = sum(path.stat().st_size for path in (tmp_path / "dead_letters").glob("*.seg"))
        assert size <= 0.1 * (2 << 20)

    asyncio.run(scenario())


def test_dead_letters_that_are_too_old_are_let_go_by_segments_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SAVE_SECONDS", 0.05)

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(never))
        plan = plan_of(setup)
        storage = replace(plan.storage, dead_max_age_seconds=0.2, segment_bytes=64 << 10)
        one_by_one = replace(plan.exporters["left"], queue=replace(QUICK, max_items=1))
        exporters = {**plan.exporters, "left": one_by_one}
        async with started(replace(plan, storage=storage, exporters=exporters)) as service:
            for number in range(20):
                await setup.send(f"{number}" + "x" * 9000)
            expired = {"signal": "traces", "outcome": "expired"}
            await until(lambda: service.meter.value("fleetslo_items_total", **expired) >= 12)
            await settled(service)
            assert imbalance(service) == 0

    asyncio.run(scenario())

    assert len(list((tmp_path / "dead_letters").glob("*.seg"))) == 1


def test_a_repaired_log_verifies_keeps_the_damage_aside_and_still_tells_the_loss(
    tmp_path: Path,
) -> None:
    async def fill() -> None:
        setup = Setup(tmp_path)
        plan = plan_of(setup)
        plan = replace(plan, storage=replace(plan.storage, retain_seconds=3600))
        async with started(plan) as service:
            for name in ("a", "b", "c", "d"):
                await setup.send(name, f"{name}2")
            await settled(service)

    asyncio.run(fill())
    requests = [r for r in records_of(tmp_path / "inbox") if r[2].record.items]
    overwrite(requests[1][0], requests[1][1] + 20, b"\xff\xfe\xfd")
    overwrite(requests[3][0], requests[3][2].end - 12, b"\xff\xfe\xfd")
    assert command("verify", str(tmp_path)).exit_code == 1

    mended = command("repair", str(tmp_path))

    assert mended.exit_code == 0, mended.output
    assert "records 2 to 2 are gone, with 2 traces" in mended.output
    assert "outbox: nothing to repair" in mended.output
    assert list((tmp_path / "damaged" / "inbox").glob("*.seg"))
    assert not any(path.stat().st_mode & 0o077 for path in tmp_path.rglob("*.seg"))
    verified = command("verify", str(tmp_path))
    assert verified.exit_code == 0, verified.output
    assert "nothing to repair" in command("repair", str(tmp_path)).output

    async def go_on() -> None:
        setup = Setup(tmp_path)
        async with started(plan_of(setup)) as service:
            await setup.send("e")
            await settled(service)
            assert imbalance(service) == 0

    asyncio.run(go_on())
