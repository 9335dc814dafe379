"""The data directory: owned, recovered, and opened in the order in which it must be.

The outbox comes before the inbox: it may hold outputs of requests that the inbox lost, and
then their offsets must not be given to others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collectors.component import StartError
from collectors.log import (
    FileSystem,
    Locked,
    Log,
    LogHooks,
    Mark,
    NewerFormat,
    Store,
    StoreSettings,
)
from collectors.log.disk import Owned
from collectors.service.budget import budget_bytes, segment_bytes
from collectors.service.keeper import last_identity
from collectors.service.marker import Marker
from collectors.service.plan import Durability, StorageSettings
from collectors.service.state import Identity, Snapshot, StateFiles

INBOX, OUTBOX, DEAD, STATE = "inbox", "outbox", "dead_letters", "state"
LOGS = (INBOX, OUTBOX, DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The open data directory.

    Attributes:
        budget_bytes: What the logs may take together.
        last: The last output that the outbox holds.
    """

    owned: Owned
    inbox: Log
    outbox: Log
    dead: Log
    state: StateFiles
    marker: Marker
    snapshot: Snapshot | None
    budget_bytes: int
    last: Identity

    def close(self) -> None:
        """Close everything; what was appended is on disk. Safe twice."""
        for log in (self.inbox, self.outbox, self.dead):
            log.close()
        self.marker.close()
        self.owned.close()


def open_storage(
    settings: StorageSettings, files: FileSystem, hooks: Callable[[str], LogHooks]
) -> Storage:
    """Own and recover the data directory.

    Args:
        settings: Where and how.
        files: The disk.
        hooks: Who is told of what the log of a name does.

    Raises:
        StartError: It is in use, not writable, or of a later version.
    """
    directory = settings.directory
    opened: list[Log] = []
    owned: Owned | None = None
    try:
        files.make_directory(directory)
        owned = files.lock(directory / "lock")
        state = StateFiles(files, directory / STATE)
        snapshot = state.load_snapshot()
        budget = budget_bytes(settings.max_size_bytes, _free_bytes(directory), _held(directory))
        store = StoreSettings(
            segment_bytes=segment_bytes(settings.segment_bytes, budget),
            sync=settings.durability is Durability.FSYNC,
        )

        def opening(name: str, floor: Mark | None, *, sync: bool = store.sync) -> Log:
            of = StoreSettings(segment_bytes=store.segment_bytes, sync=sync)
            log = Log(Store(files, directory / name, of, floor=floor), hooks=hooks(name))
            opened.append(log)
            return log

        outbox = opening(OUTBOX, snapshot.outbox if snapshot else None)
        last = last_identity(outbox)
        inbox = opening(INBOX, _inbox_floor(snapshot, last))
        dead = opening(DEAD, None, sync=True)
        return Storage(
            owned=owned,
            inbox=inbox,
            outbox=outbox,
            dead=dead,
            state=state,
            marker=Marker(state.directory / "working"),
            snapshot=snapshot,
            budget_bytes=budget,
            last=last,
        )
    except (OSError, Locked, NewerFormat) as error:
        for log in opened:
            log.close()
        if owned is not None:
            owned.close()
        msg = f"data directory {directory}: {error}"
        raise StartError(msg) from error


def _inbox_floor(snapshot: Snapshot | None, last: Identity) -> Mark:
    mark = snapshot.inbox if snapshot is not None else Mark()
    return Mark(max(mark.end, last[0] + 1), mark.totals, mark.steady_ns)


def _free_bytes(directory: Path) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def _held(directory: Path) -> int:
    """Bytes that the logs take already."""
    return sum(path.stat().st_size for name in LOGS for path in (directory / name).glob("*.seg"))
