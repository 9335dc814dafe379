"""Two saves of one file at a time: the later one is what stands."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from collectors.component import Signal
from collectors.log import Mark, OsFileSystem
from collectors.service.books import no_counts
from collectors.service.budget import Budget
from collectors.service.state import SavedCursor, Snapshot, StateFiles


class SlowFileSystem(OsFileSystem):
    """Lets a rename wait until it is told, as one does on a busy disk."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def rename(self, source: Path, target: Path) -> None:
        self.began.set()
        assert self.may_go_on.wait(20)
        super().rename(source, target)


def cursor(low: int) -> dict[str, SavedCursor]:
    return {"file": SavedCursor(low, (), no_counts(), no_counts(), no_counts())}


def test_a_save_that_goes_on_after_its_task_was_cancelled_spoils_no_later_one(
    tmp_path: Path,
) -> None:
    files = SlowFileSystem()
    state = StateFiles(files, tmp_path / "state")
    failed: list[BaseException] = []

    def save(low: int) -> None:
        try:
            state.save_cursors(cursor(low))
        except OSError as error:
            failed.append(error)

    first = threading.Thread(target=save, args=(1,))
    first.start()
    assert files.began.wait(20)
    second = threading.Thread(target=save, args=(2,))
    second.start()
    second.join(0.2)
    files.may_go_on.set()
    first.join(20)
    second.join(20)

    assert failed == []
    assert state.load_cursors() == cursor(2)


def snapshot_of(state: bytes) -> Snapshot:
    nothing = (0, 0, 0)
    return Snapshot(
        inbox=Mark(),
        outbox=Mark(),
        known_from=0,
        dead_end=0,
        read=nothing,
        lost=nothing,
        last=(0, 0),
        queued={},
        fingerprint="f",
        state={"tail": state},
    )


def test_the_size_is_that_of_the_files_and_of_the_largest_while_it_is_replaced(
    tmp_path: Path,
) -> None:
    state = StateFiles(OsFileSystem(), tmp_path)
    assert state.size_bytes == 0

    for size in (50_000, 20_000):
        state.save_snapshot(snapshot_of(bytes(size)))
        state.save_cursors(cursor(3))
        state.save_configuration("f", b"words")
        on_disk = [path.stat().st_size for path in tmp_path.iterdir()]

        assert state.size_bytes == sum(on_disk) + max(on_disk)
        assert max(on_disk) > size
        assert StateFiles(OsFileSystem(), tmp_path).size_bytes == state.size_bytes
    state.forget_configurations(set())
    assert state.size_bytes == StateFiles(OsFileSystem(), tmp_path).size_bytes


def test_room_that_the_state_takes_is_not_given_to_requests(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = StateFiles(OsFileSystem(), tmp_path)
    budget = Budget(1_000_000, [], copies=1, reclaim=lambda: 0, state=state)
    assert budget.admits(Signal.TRACES, 400_000)

    state.save_snapshot(snapshot_of(bytes(100_000)))

    assert budget.used_bytes == state.size_bytes > 200_000
    assert not budget.admits(Signal.TRACES, 400_000)
    assert budget.admits(Signal.TRACES, 300_000)
    assert not caplog.records
    state.save_snapshot(snapshot_of(bytes(2_000_000)))
    assert budget.used_bytes == 500_000, "a state that is too large does not refuse everything"
    assert budget.admits(Signal.TRACES, 200_000)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "max_size of file_storage is too small" in line
