"""Two saves of one file at a time: the later one is what stands."""

from __future__ import annotations

import threading
from pathlib import Path

from collectors.log import OsFileSystem
from collectors.service.books import no_counts
from collectors.service.state import SavedCursor, StateFiles


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
