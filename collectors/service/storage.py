"""The data directory: owned, recovered, and opened in the order in which it must be.

The outbox comes before the inbox: it may hold outputs of requests that the inbox lost, and
then their offsets must not be given to others.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
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
from collectors.service.budget import budget_bytes, decisions_bytes, segment_bytes
from collectors.service.keeper import last_identity
from collectors.service.marker import Marker
from collectors.service.plan import KIBI, MEBI, Durability, StorageSettings
from collectors.service.recent import Recent, newest
from collectors.service.shelving import WaitingLogs
from collectors.service.state import Boot, Identity, SavedCursor, Snapshot, StateFiles

_log = logging.getLogger(__name__)

INBOX, OUTBOX, DEAD, STATE = "inbox", "outbox", "dead_letters", "state"
HELD, DECISIONS = "held", "decisions"
LOGS = (INBOX, OUTBOX, DEAD)
WAITING_LOGS = (HELD, DECISIONS)
"""Those that there are only where items wait on disk, or have waited."""

_LEAST_SEGMENT_BYTES = 16 * KIBI
_DECISIONS_SEGMENTS = 8  # one of them is let go at a time
_HELD_CACHE_BYTES = 8 * MEBI


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The open data directory.

    Attributes:
        waiting: None where nothing waits on disk.
        cursors: Where each destination stood when that was noted last.
        recent: Where that is noted.
        budget_bytes: What the logs may take together.
        last: The last output that the outbox holds.
        lost_tail: Whether the machine may have lost what was acknowledged last.
    """

    owned: Owned
    inbox: Log
    outbox: Log
    dead: Log
    state: StateFiles
    marker: Marker
    snapshot: Snapshot | None
    cursors: Mapping[str, SavedCursor]
    recent: Recent
    budget_bytes: int
    segment_bytes: int
    last: Identity
    boot: str
    is_synced: bool
    lost_tail: bool
    waiting: WaitingLogs | None = None

    @property
    def logs(self) -> tuple[Log, ...]:
        """All logs: inbox, outbox, dead letters, and those of what waits."""
        waiting = self.waiting
        more = () if waiting is None else (waiting.held, waiting.decisions)
        return (self.inbox, self.outbox, self.dead, *more)

    def spare_bytes(self) -> int:
        """Bytes free on the disk beyond the next segments of inbox, outbox and held log."""
        return _free_bytes(self.state.directory) - self.kept_free_bytes

    @property
    def kept_free_bytes(self) -> int:
        """Room for the next segments of the logs that grow with what is taken."""
        return (2 if self.waiting is None else 3) * self.segment_bytes

    def save_boot(self, *, is_clean: bool) -> None:
        """Save under which boot the logs are written; a failure is told at the next start."""
        with contextlib.suppress(OSError):
            self.state.save_boot(Boot(self.boot, is_clean, self.is_synced))

    def close(self) -> None:
        """Close everything; what was appended is on disk. Safe twice."""
        saved = None
        with contextlib.suppress(OSError):  # a disk that answers no more
            saved = self.state.load_boot()
        is_clean = saved is not None and saved.boot == self.boot  # else a loss is yet to be told
        for log in self.logs:
            is_clean = log.close() and is_clean
        if is_clean:
            self.save_boot(is_clean=True)
        self.marker.close()
        self.recent.close()
        self.owned.close()


def _store_settings(settings: StorageSettings, budget: int, free: int) -> StoreSettings:
    """How inbox and outbox are kept, on a disk with `free` bytes."""
    return StoreSettings(
        segment_bytes=segment_bytes(settings.segment_bytes, budget, free),
        sync=settings.durability is Durability.FSYNC,
    )


def _tell_of_a_full_disk(storage: Storage, directory: Path, free: int) -> None:
    """Say once that nothing fits. No refusal to start: what is held can still be delivered."""
    if storage.spare_bytes() <= 0:
        _log.warning(
            "data directory %s: %d bytes are free on its disk, and %d must stay so: "
            "requests are refused until there is more",
            directory,
            free,
            storage.kept_free_bytes,
        )


_Closable = Log | Owned | Recent


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens logs below a directory.

    Attributes:
        opened: Told of each, so that somebody closes them if one cannot be opened.
    """

    files: FileSystem
    directory: Path
    hooks: Callable[[str], LogHooks]
    opened: list[_Closable]

    def log(
        self,
        name: str,
        settings: StoreSettings,
        floor: Mark | None = None,
        *,
        cut: Mark | None = None,
        cache_bytes: int = 32 * MEBI,
    ) -> Log:
        """Open one; what of it lies behind `cut` is let go."""
        store = Store(self.files, self.directory / name, settings, floor=floor)
        try:
            if cut is not None:
                store.cut(cut)
        except OSError:
            store.close()
            raise
        log = Log(store, cache_bytes=cache_bytes, hooks=self.hooks(name))
        self.opened.append(log)
        return log

    def waiting(
        self, like: StoreSettings, snapshot: Snapshot | None, decisions_bytes: int
    ) -> WaitingLogs:
        """Open those of what waits, without what no snapshot relies on: it is held again."""
        relied_on = snapshot.shelved.held if snapshot is not None else Mark()
        whole = replace(like, sync=True)
        held = self.log(HELD, whole, relied_on, cut=relied_on, cache_bytes=_HELD_CACHE_BYTES)
        piece = max(_LEAST_SEGMENT_BYTES, decisions_bytes // _DECISIONS_SEGMENTS)
        loose = StoreSettings(segment_bytes=piece, sync=False)
        return WaitingLogs(held, self.log(DECISIONS, loose, cache_bytes=0), decisions_bytes)


def open_storage(
    settings: StorageSettings,
    files: FileSystem,
    hooks: Callable[[str], LogHooks],
    boot: Callable[[], str],
    *,
    waits: bool = False,
) -> Storage:
    """Own and recover the data directory.

    Args:
        settings: Where and how.
        files: The disk.
        hooks: Who is told of what the log of a name does.
        boot: Tells under which boot of the machine this is.
        waits: Items will wait on disk; if they only did once, what is left is opened as well.

    Raises:
        StartError: It is in use, not writable, or of a later version.
    """
    opened: list[_Closable] = []
    try:
        return _opened(settings, files, hooks, boot(), opened, waits=waits)
    except BaseException as error:
        for one in reversed(opened):  # whoever comes next must find the directory free
            one.close()
        if not isinstance(error, OSError | Locked | NewerFormat):
            raise
        msg = f"data directory {settings.directory}: {_words(error)}"
        if isinstance(error, Locked):
            msg = f"data directory {error}: stop it, or give this one another directory"
        raise StartError(msg) from error


def _opened(
    settings: StorageSettings,
    files: FileSystem,
    hooks: Callable[[str], LogHooks],
    boot: str,
    opened: list[_Closable],
    *,
    waits: bool,
) -> Storage:
    """See `open_storage`; what is in `opened` is to be closed if this raises."""
    directory = settings.directory
    files.make_directory(directory)
    opened.append(owned := files.lock(directory / "lock"))
    state = StateFiles(files, directory / STATE)
    opened.append(recent := Recent(state.directory / "recent"))
    snapshot, before = state.load_snapshot(), state.load_boot()
    cursors = newest(state.load_cursors(), recent.cursors)
    free = _free_bytes(directory)
    budget = budget_bytes(settings.max_size_bytes, free, _held(directory))
    store = _store_settings(settings, budget, free)
    opening = _Opening(files, directory, hooks, opened)
    outbox = opening.log(OUTBOX, store, _outbox_floor(snapshot, cursors))
    last = last_identity(outbox)
    inbox = opening.log(INBOX, store, _inbox_floor(snapshot, last))
    dead = opening.log(DEAD, replace(store, sync=True))
    waiting = None
    if waits or (directory / HELD).is_dir():
        most = decisions_bytes(settings.decisions_max_bytes, budget)
        waiting = opening.waiting(store, snapshot, most)
    storage = Storage(
        owned=owned,
        inbox=inbox,
        outbox=outbox,
        dead=dead,
        state=state,
        marker=Marker(state.directory / "working"),  # last: it forgets what it has read
        snapshot=snapshot,
        cursors=cursors,
        recent=recent,
        budget_bytes=budget,
        segment_bytes=store.segment_bytes,
        last=last,
        boot=boot,
        is_synced=store.sync,
        lost_tail=before is not None and before.may_have_lost(boot),
        waiting=waiting,
    )
    if not storage.lost_tail:  # else once the graph was told
        storage.save_boot(is_clean=False)
    _tell_of_a_full_disk(storage, directory, free)
    return storage


def boot_identity() -> str:
    """Differs from boot to boot of this machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _words(error: Exception) -> str:
    """What went wrong, and with what, without the number of the error."""
    if isinstance(error, OSError) and error.strerror:
        what = error.strerror.lower()
        return f"{error.filename}: {what}" if error.filename else what
    return str(error)


def _outbox_floor(snapshot: Snapshot | None, cursors: Mapping[str, SavedCursor]) -> Mark:
    """An end that the outbox had: no cursor may stand above records that are to come."""
    mark = snapshot.outbox if snapshot is not None else Mark()
    passed = max((max((c.low, *(at + 1 for at in c.done))) for c in cursors.values()), default=0)
    return Mark(max(mark.end, passed), mark.totals, mark.steady_ns)


def _inbox_floor(snapshot: Snapshot | None, last: Identity) -> Mark:
    mark = snapshot.inbox if snapshot is not None else Mark()
    return Mark(max(mark.end, last[0] + 1), mark.totals, mark.steady_ns)


def _free_bytes(directory: Path) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def _held(directory: Path) -> int:
    """Bytes that the logs and the state take already."""
    segments = [(directory / name).glob("*.seg") for name in (*LOGS, *WAITING_LOGS)]
    return sum(path.stat().st_size for path in chain((directory / STATE).iterdir(), *segments))
