"""What was decided and why, in a file that is only ever appended to.

Each line carries the signature of itself and of the line before: a line that was changed,
left out or put in breaks the chain. An entry is on disk before anybody acts on it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias, cast

from alerts.throttle.signature import is_signed, sign

Field: TypeAlias = "str | float | bool | list[str] | list[dict[str, str | bool]]"
Entry: TypeAlias = Mapping[str, Field]

_FIRST: Final = "the first line"
_SIGNED: Final = "signature"
MAX_LINE_BYTES: Final = 4 * 1024 * 1024


class BrokenLedgerError(ValueError):
    """A line is not what was written there; names the line."""


def entries(path: Path, key: bytes) -> Iterator[Entry]:
    """All entries, each checked before it is handed out; a torn last line is left out.

    Raises:
        BrokenLedgerError: The chain is broken.
        OSError: The file cannot be read.
    """
    before = _FIRST
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
            if not line.endswith(b"\n"):
                if len(line) < MAX_LINE_BYTES:
                    return  # the write that a crash cut short was acknowledged to nobody
                msg = f"{path} line {number} is longer than {MAX_LINE_BYTES} bytes"
                raise BrokenLedgerError(msg)
            entry = _parsed(line)
            signature = str(entry.pop(_SIGNED, ""))
            if not is_signed(key, _bytes(before, entry), signature):
                msg = f"{path} line {number} is not what was written there"
                raise BrokenLedgerError(msg)
            yield entry
            before = signature


class Ledger:
    """The open file. One process writes it; whoever opens it a second time is refused."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open `path`, or begin it.

        Raises:
            BrokenLedgerError: What is there already is broken.
            OSError: It cannot be written, or another process has it.
        """
        self._key = key
        self._before = _FIRST
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._known = list(entries(path, key))
            self._cut(path)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def past(self) -> list[Entry]:
        """What was there when it was opened."""
        return list(self._known)

    def add(self, entry: Entry) -> None:
        """Append `entry`; on disk when this returns.

        Raises:
            OSError: The disk refuses.
        """
        signature = sign(self._key, _bytes(self._before, entry))
        line = json.dumps({**entry, _SIGNED: signature}, ensure_ascii=False).encode() + b"\n"
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write_all(self._file, line)
        except OSError:
            os.ftruncate(self._file, end)
            raise
        self._before = signature

    def _cut(self, path: Path) -> None:
        """Take a torn last line away, and remember the signature of the last whole one."""
        whole = 0
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(MAX_LINE_BYTES), b""):
                if line.endswith(b"\n"):
                    whole += len(line)
                    self._before = str(_parsed(line)[_SIGNED])
        os.ftruncate(self._file, whole)


def _write_all(file: int, line: bytes) -> None:
    if os.write(file, line) != len(line):
        raise OSError(errno.ENOSPC, "no room for a whole line")
    os.fdatasync(file)


def _parsed(line: bytes) -> dict[str, Field]:
    try:
        found = cast("object", json.loads(line))
    except ValueError:
        return {}
    return cast("dict[str, Field]", found) if isinstance(found, dict) else {}


def _bytes(before: str, entry: Entry) -> bytes:
    whole = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{before}\n{whole}".encode()
