"""Where two rare things meet: a kill and a requeue, a full budget and a disk that fails."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.collector_parts import ScriptedExporter
from tests.collector_setup import Setup, imbalance, until
from tests.fault.test_dead_letters import bury, command, never
from tests.recovered_daemon import fresh, plan_of, settled, started


def test_letters_that_are_put_back_after_a_kill_bring_nothing_back_but_themselves(
    tmp_path: Path,
) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    setup = Setup(live, left=ScriptedExporter(never))
    asyncio.run(bury(setup, "letter"))

    async def until_killed() -> None:
        again = fresh(setup, live)
        again.left.answer = ScriptedExporter().answer
        async with started(plan_of(again)) as service:
            await until(service.is_ready)
            for name in ("a", "b", "c"):
                await again.send(name)
            await until(lambda: sorted(again.left.names) == ["a", "b", "c"])
            await settled(service)
            await asyncio.sleep(0.1)  # the cursors are noted a moment later
            shutil.copytree(live, killed)

    async def after() -> None:
        again = replace(fresh(setup, killed), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert Counter(again.left.names) == {"letter": 1, "letter2": 1}
            assert again.right.names == []
            assert imbalance(service) == 0

    asyncio.run(until_killed())
    assert "1 dead letters with 2 items" in command("requeue", str(killed)).output
    asyncio.run(after())
