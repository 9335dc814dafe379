"""What was delivered a moment before the process was killed is not delivered again."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Signal
from collectors.service import courier
from collectors.service.books import no_counts
from collectors.service.recent import Recent, newest
from collectors.service.state import SavedCursor
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import Setup, imbalance, until
from tests.recovered_daemon import fresh, plan_of, settled, started


def cursor(low: int, delivered: int, *done: int) -> SavedCursor:
    counts = no_counts() | {Signal.TRACES: delivered}
    return SavedCursor(low, done, counts, no_counts(), no_counts())


def test_what_was_noted_is_read_again_the_newest_first(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "recent")
    assert recent.cursors == {}
    for number in range(5):
        recent.write({"a": cursor(number, number, number + 2)})
        recent.close()
        recent = Recent(tmp_path / "recent")
        assert recent.cursors == {"a": cursor(number, number, number + 2)}
    recent.close()


@pytest.mark.parametrize("at", [0, 8, 12, 16, 40])
def test_a_note_that_was_cut_off_leaves_the_one_before(tmp_path: Path, at: int) -> None:
    path = tmp_path / "recent"
    recent = Recent(path)
    for number in (1, 2):
        recent.write({"a": cursor(number, number)})
    recent.close()
    whole = bytearray(path.read_bytes())
    whole[at] ^= 0xFF  # the second write stands in the first slot
    path.write_bytes(whole)

    again = Recent(path)

    assert again.cursors == {"a": cursor(1, 1)}
    again.close()


def test_a_note_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "recent")
    recent.write({"a": cursor(1, 1)})
    recent.write({"a": cursor(2, 2, *range(3, 200_000, 2))})
    recent.close()

    again = Recent(tmp_path / "recent")

    assert again.cursors == {"a": cursor(1, 1)}
    again.close()


def test_of_two_places_the_farther_holds() -> None:
    saved = {"a": cursor(5, 10), "b": cursor(9, 4), "old": cursor(1, 1)}
    recent = {"a": cursor(7, 12), "b": cursor(8, 3)}

    assert newest(saved, recent) == {"a": cursor(7, 12), "b": cursor(9, 4), "old": cursor(1, 1)}


def noted(directory: Path) -> int:
    recent = Recent(directory / "state" / "recent")
    recent.close()
    left = recent.cursors.get("left", cursor(0, 0))
    return left.delivered[Signal.TRACES]


def test_a_kill_sends_nothing_again_that_was_delivered_a_moment_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_FIRST_SAVE_SECONDS", 60.0)  # nothing is saved with a sync
    monkeypatch.setattr(courier, "SAVE_SECONDS", 60.0)

    async def scenario() -> None:
        setup = Setup(tmp_path / "live")
        async with started(plan_of(setup)) as service:
            for number in range(20):
                await setup.send(f"{number}")
            await settled(service)
            await until(lambda: noted(tmp_path / "live") == 20)
            shutil.copytree(tmp_path / "live", tmp_path / "killed")
        assert len(setup.left.names) == 20

        again = replace(fresh(setup, tmp_path / "killed"), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert again.left.names == []
            assert imbalance(service) == 0
            await again.send("new")
            await settled(service)
            assert again.left.names == ["new"]

    asyncio.run(scenario())
