"""A disk in memory that forgets what was not synced, and fails when it is told to.

What a crash leaves is any subset of the writes since the last sync of a file, each of them
possibly torn at a sector, and any subset of the changes of names since the last sync of
the directory. A sync that failed leaves its writes in limbo: a later sync that succeeds
does not bring them to the disk.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SECTOR_BYTES = 512


class Crash(BaseException):
    """The machine goes down here."""


@dataclass
class Write:
    position: int
    data: bytes
    truncate: bool = False

    def apply(self, content: bytearray) -> None:
        if self.truncate:
            del content[self.position :]
            content.extend(bytes(self.position - len(content)))
            return
        if len(content) < self.position:
            content.extend(bytes(self.position - len(content)))
        content[self.position : self.position + len(self.data)] = self.data


@dataclass
class Inode:
    durable: bytearray = field(default_factory=bytearray)
    seen: bytearray = field(default_factory=bytearray)
    limbo: list[Write] = field(default_factory=list)
    pending: list[Write] = field(default_factory=list)

    def do(self, write: Write) -> None:
        write.apply(self.seen)
        self.pending.append(write)

    def after_crash(self, random: Random) -> Inode:
        content = bytearray(self.durable)
        for write in (*self.limbo, *self.pending):
            for part in _parts(write, random):
                part.apply(content)
        return Inode(bytearray(content), bytearray(content))


def _parts(write: Write, random: Random) -> list[Write]:
    """What of a write reached the disk: all, nothing, or some of its sectors."""
    fate = random.randrange(3)
    if fate == 0:
        return []
    if fate == 1 or write.truncate:
        return [write]
    end = write.position + len(write.data)
    cuts = [write.position]
    while cuts[-1] < end:
        cuts.append(min(end, (cuts[-1] // SECTOR_BYTES + 1) * SECTOR_BYTES))
    return [
        Write(start, write.data[start - write.position : stop - write.position])
        for start, stop in itertools.pairwise(cuts)
        if random.random() < 0.5
    ]


Fault = Callable[[str, str], None]


class SimDisk:
    """A `FileSystem` in memory.

    Attributes:
        fault: Called before each operation with its name and the file's; may raise.
        operations: How many there were.
    """

    def __init__(self) -> None:
        self.names_now: dict[Path, Inode] = {}
        self.names_safe: dict[Path, Inode] = {}
        self._changes: list[tuple[Path | None, Path | None, Inode | None]] = []
        self.fault: Fault = lambda _operation, _name: None
        self.operations = 0
        self.locked: set[Path] = set()

    def touch(self, operation: str, name: str) -> None:
        self.operations += 1
        self.fault(operation, name)

    def after_crash(self, random: Random) -> SimDisk:
        """The disk as the machine finds it when it comes up again."""
        names = dict(self.names_safe)
        for removed, added, inode in self._changes:
            if random.random() < 0.5:
                continue
            if removed is not None:
                names.pop(removed, None)
            if added is not None and inode is not None:
                names[added] = inode
        disk = SimDisk()
        for path, inode in names.items():
            disk.names_now[path] = disk.names_safe[path] = inode.after_crash(random)
        return disk

    def make_directory(self, path: Path) -> None:
        del path

    def create(self, path: Path) -> SimFile:
        self.touch("create", path.name)
        if path in self.names_now:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        inode = Inode()
        self.names_now[path] = inode
        self._changes.append((None, path, inode))
        return SimFile(self, inode, path.name)

    def open(self, path: Path) -> SimFile:
        self.touch("open", path.name)
        if path not in self.names_now:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path))
        return SimFile(self, self.names_now[path], path.name)

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.names_now if path.parent == directory)

    def rename(self, source: Path, target: Path) -> None:
        self.touch("rename", source.name)
        inode = self.names_now.pop(source)
        self.names_now[target] = inode
        self._changes.append((source, target, inode))

    def remove(self, path: Path) -> None:
        self.touch("remove", path.name)
        if self.names_now.pop(path, None) is not None:
            self._changes.append((path, None, None))

    def sync_directory(self, directory: Path) -> None:
        self.touch("sync_directory", directory.name)
        self.names_safe = dict(self.names_now)
        self._changes = []

    def lock(self, path: Path) -> SimLock:
        assert path not in self.locked, "two owners"
        self.locked.add(path)
        return SimLock(self, path)


class SimLock:
    def __init__(self, disk: SimDisk, path: Path) -> None:
        self._disk = disk
        self._path = path

    def close(self) -> None:
        self._disk.locked.discard(self._path)


class SimFile:
    def __init__(self, disk: SimDisk, inode: Inode, name: str) -> None:
        self._disk = disk
        self._inode = inode
        self._name = name

    def write(self, data: bytes, position: int) -> None:
        try:
            self._disk.touch("write", self._name)
        except OSError:
            self._inode.do(Write(position, data[: len(data) // 2]))
            raise
        except Crash:
            self._inode.do(Write(position, data))
            raise
        self._inode.do(Write(position, data))

    def read(self, position: int, size: int) -> bytes:
        return bytes(self._inode.seen[position : position + size])

    def sync(self) -> None:
        try:
            self._disk.touch("sync", self._name)
        except OSError:
            self._inode.limbo += self._inode.pending
            self._inode.pending = []
            raise
        for write in self._inode.pending:
            write.apply(self._inode.durable)
        self._inode.pending = []

    def allocate(self, size: int) -> None:
        self._disk.touch("allocate", self._name)
        missing = size - len(self._inode.seen)
        if missing > 0:
            self._inode.do(Write(len(self._inode.seen), bytes(missing)))

    def truncate(self, size: int) -> None:
        self._disk.touch("truncate", self._name)
        self._inode.do(Write(size, b"", truncate=True))

    def size(self) -> int:
        return len(self._inode.seen)

    def close(self) -> None:
        pass


class FailAt:
    """Fails the operation number `at` from now on, once, or all from there on."""

    def __init__(self, at: int, error: BaseException, *, forever: bool = False) -> None:
        self._left = at
        self._error = error
        self._forever = forever

    def __call__(self, operation: str, name: str) -> None:
        self._left -= 1
        if self._left == 0 or (self._forever and self._left < 0):
            raise self._error


def disk_error(code: int) -> OSError:
    return OSError(code, errno.errorcode[code])
