"""`file`: OTLP JSON, one request a line, on the disk before it counts as delivered.

Whole lines only: what a crash or a full disk left of a line is cut off before the next one
is written, and the request that it belonged to is delivered again.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from collectors.component import (
    Batch,
    Config,
    Delivery,
    ExporterFactory,
    NeverTaken,
    Settings,
    Signal,
    StartError,
    TryLater,
)
from collectors.net.fields import Count, DestinationConfig, OutputFile, Positive, differs
from collectors.net.otlp_json import NotOtlpError, to_json

_MEBIBYTE: Final = 1024 * 1024
_TAIL_BYTES: Final = 64 * 1024
_SECONDS_PER_DAY: Final = 86_400
_STAMP: Final = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(-\d{4,})?"
"""What stands in the name of a file that was set aside; all else is somebody else's."""


class RotationConfig(Config):
    """`rotation`: when a new file begins, and how many old ones stay.

    Attributes:
        max_megabytes: Size at which the file is set aside, MiB.
        max_days: Age in days at which a file set aside is removed; 0 for never.
        max_backups: How many stay; 0 for all.
    """

    max_megabytes: Positive = 100
    max_days: Count = 0
    max_backups: Count = 100


class FileConfig(DestinationConfig):
    """Configuration of `file`.

    Attributes:
        path: The file; its directory is made if it is not there.
        append: Go on with what is there; false begins anew at every start.
        rotation: Absent, the file grows without end.
    """

    path: OutputFile
    format: Literal["json"] = "json"
    append: bool = Field(default=True, json_schema_extra=differs("false"))
    rotation: RotationConfig | None = None


class FileExporter:
    """Writes lines to one file, one delivery at a time.

    Attributes:
        wall: The wall clock; names the files that are set aside.
    """

    def __init__(self, config: FileConfig, component_id: str, wall: Callable[[], datetime]) -> None:
        self._config = config
        self._component_id = component_id
        self._wall = wall
        self._lock = asyncio.Lock()
        self._file: int | None = None
        self._size = 0

    async def start(self) -> None:
        """Open the file.

        Raises:
            StartError: It cannot be written.
        """
        try:
            await asyncio.to_thread(self._open, truncate=not self._config.append)
        except OSError as error:
            path, why = self._config.path, error.strerror or error
            msg = f"{self._component_id} cannot write {path}: {why}"
            raise StartError(msg) from error

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        async with self._lock:
            self._close()

    async def deliver(self, batch: Batch) -> Delivery:
        """Write `batch` as one line; returning means that it is on the disk.

        Raises:
            TryLater: The disk is full or failing.
            NeverTaken: The batch cannot be read.
        """
        async with self._lock:
            try:
                await _to_its_end(asyncio.to_thread(self._append, batch))
            except NotOtlpError as error:
                raise NeverTaken(str(error)) from error
            except OSError as error:
                msg = f"cannot write {self._config.path}: {error.strerror or error}"
                raise TryLater(msg) from error
        return Delivery()

    def _append(self, batch: Batch) -> None:
        line = to_json(batch.signal, batch.payload).encode() + b"\n"
        self._rotate(len(line))
        if self._file is None:
            self._open(truncate=False)
        if self._file is None:
            msg = "the file is closed"
            raise OSError(msg)
        try:
            _write_all(self._file, line)
            os.fdatasync(self._file)
        except OSError:
            # After a failed fsync nothing is known about what the file holds: close it, so
            # that the next try opens it again and cuts off what is not a whole line.
            self._cut_back()
            raise
        self._size += len(line)

    def _cut_back(self) -> None:
        if self._file is not None:
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                pass
            finally:
                self._close()

    def _open(self, *, truncate: bool) -> None:
        if self._file is not None:
            return
        path = self._config.path
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(path, flags | (os.O_TRUNC if truncate else 0), 0o640)
        try:
            self._size = _end_of_last_line(file)
            os.ftruncate(file, self._size)
            _sync_directory(path.parent)
        except OSError:
            os.close(file)
            raise
        self._file = file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _rotate(self, coming_bytes: int) -> None:
        rotation = self._config.rotation
        if rotation is None or self._file is None or self._size == 0:
            return
        if self._size + coming_bytes <= rotation.max_megabytes * _MEBIBYTE:
            return
        path = self._config.path
        self._close()
        path.rename(self._free_name())
        self._open(truncate=False)
        self._remove_old(rotation)

    def _free_name(self) -> Path:
        """Where the file goes that is set aside: ``traces-2026-11-20T12-00-00.000.json``."""
        path = self._config.path
        stamp = self._wall().strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
        candidate = path.with_name(f"{path.stem}-{stamp}{path.suffix}")
        number = 1
        while candidate.exists():
            candidate = path.with_name(f"{path.stem}-{stamp}-{number:04}{path.suffix}")
            number += 1
        return candidate

    def _remove_old(self, rotation: RotationConfig) -> None:
        path = self._config.path
        ours = re.compile(f"{re.escape(path.stem)}-{_STAMP}{re.escape(path.suffix)}")
        backups = sorted(one for one in path.parent.iterdir() if ours.fullmatch(one.name))
        keep = backups[-rotation.max_backups :] if rotation.max_backups else backups
        oldest = self._wall().timestamp() - rotation.max_days * _SECONDS_PER_DAY
        for backup in backups:
            too_old = rotation.max_days and backup.stat().st_mtime < oldest
            if backup not in keep or too_old:
                backup.unlink(missing_ok=True)


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Wait for `work` in a thread, cancelled or not: it must not meet whoever closes the file."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # it is told to nobody, and sent again
        raise


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _end_of_last_line(file: int) -> int:
    """The length up to and with the last newline; 0 where there is none."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(end - _TAIL_BYTES, 0)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _create(config: FileConfig, settings: Settings) -> FileExporter:
    return FileExporter(config, settings.component_id, lambda: datetime.now(UTC))


FACTORY = ExporterFactory(config=FileConfig, create=_create, signals=frozenset(Signal))
