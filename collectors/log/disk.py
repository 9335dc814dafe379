"""What a log asks of a disk: a seam, so that tests can let a disk fail and forget.

Nothing written is safe before `File.sync` returned, no name before `sync_directory` did.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

DRAFT = ".new"
"""How the name of a file ends that is to replace another, and is not whole yet."""

_NO_PREALLOCATION = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class Locked(Exception):  # noqa: N818 - an answer, not an error of ours
    """Somebody else owns the directory; the text names who."""


class File(Protocol):
    """One open file."""

    def write(self, data: bytes, position: int) -> None:
        """Write all of `data` at `position`, or raise OSError with any part of it written."""
        ...

    def read(self, position: int, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end of the file."""
        ...

    def sync(self) -> None:
        """Make what was written safe. After an OSError nothing is known of any of it."""
        ...

    def allocate(self, size: int) -> None:
        """Make the file `size` bytes long, zeros, and reserve the space."""
        ...

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long."""
        ...

    def size(self) -> int:
        """Length in bytes."""
        ...

    def close(self) -> None:
        """Let go. Safe twice."""
        ...


class Owned(Protocol):
    """A lock that is held."""

    def close(self) -> None:
        """Let go. Safe twice."""
        ...


class FileSystem(Protocol):
    """Names and files below a directory."""

    def make_directory(self, path: Path) -> None:
        """Make `path` and its parents, for their owner only, and their names safe."""
        ...

    def create(self, path: Path) -> File:
        """Make a new file; raises FileExistsError."""
        ...

    def open(self, path: Path) -> File:
        """Open an existing file for reading and writing."""
        ...

    def names(self, directory: Path) -> list[str]:
        """Names in `directory`, sorted."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, replacing what has it."""
        ...

    def remove(self, path: Path) -> None:
        """Take a name away; fine if it is not there."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Make the names in `directory` safe."""
        ...

    def lock(self, path: Path) -> Owned:
        """Own `path` alone until closed or dead.

        Raises:
            Locked: Another process owns it.
        """
        ...


class OsFile:
    """A file of the operating system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes, position: int) -> None:
        """See `File.write`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, position)
            view = view[written:]
            position += written

    def read(self, position: int, size: int) -> bytes:
        """See `File.read`."""
        parts: list[bytes] = []
        while size and (part := os.pread(self._descriptor, size, position)):
            parts.append(part)
            position += len(part)
            size -= len(part)
        return b"".join(parts)

    def sync(self) -> None:
        """See `File.sync`."""
        os.fdatasync(self._descriptor)

    def allocate(self, size: int) -> None:
        """See `File.allocate`."""
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError as error:
            if error.errno not in _NO_PREALLOCATION:
                raise
            os.ftruncate(self._descriptor, size)

    def truncate(self, size: int) -> None:
        """See `File.truncate`."""
        os.ftruncate(self._descriptor, size)

    def size(self) -> int:
        """See `File.size`."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """See `File.close`."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class OsFileSystem:
    """The operating system's files; files are for their owner only."""

    def make_directory(self, path: Path) -> None:
        """See `FileSystem.make_directory`."""
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            wrong = next((f for f in (path, *path.parents) if f.exists() and not f.is_dir()), path)
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(wrong)) from error
        for folder in new:
            self.sync_directory(folder.parent)

    def create(self, path: Path) -> OsFile:
        """See `FileSystem.create`."""
        return OsFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def open(self, path: Path) -> OsFile:
        """See `FileSystem.open`."""
        return OsFile(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def names(self, directory: Path) -> list[str]:
        """See `FileSystem.names`."""
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are what is asked for

    def rename(self, source: Path, target: Path) -> None:
        """See `FileSystem.rename`."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """See `FileSystem.remove`."""
        path.unlink(missing_ok=True)

    def sync_directory(self, directory: Path) -> None:
        """See `FileSystem.sync_directory`."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> OsFile:
        """See `FileSystem.lock`."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            msg = f"{path.parent} is in use by process {owner or 'unknown'}"
            raise Locked(msg) from error
        with contextlib.suppress(OSError):  # who owns it is told for comfort only
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return OsFile(descriptor)


def write_atomically(files: FileSystem, path: Path, data: bytes) -> None:
    """Replace `path` by `data`: after a crash it is the old or the new, never a mix.

    Raises:
        OSError: The old content stands.
    """
    draft = path.with_name(path.name + DRAFT)
    files.remove(draft)
    file = files.create(draft)
    try:
        file.write(data, 0)
        file.sync()
    finally:
        file.close()
    files.rename(draft, path)
    files.sync_directory(path.parent)


def read_whole(files: FileSystem, path: Path) -> bytes | None:
    """All bytes of `path`, None where there is no such file."""
    try:
        file = files.open(path)
    except FileNotFoundError:
        return None
    try:
        return file.read(0, file.size())
    finally:
        file.close()
