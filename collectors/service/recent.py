"""Where the destinations stood a moment ago: written often, without waiting for the disk.

What is written here is with the operating system at once and outlives the process, not the
machine. Two slots take turns, each with its checksum: a write that was cut off leaves the
other. After the machine went down neither may be whole, and then the saved cursors stand.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from google_crc32c import extend

from collectors.service.state import SavedCursor, decode_cursors, encode_cursors

_SLOT_BYTES: Final = 128 * 1024
_HEADER: Final = struct.Struct("<QII")  # number of the write, length and checksum of what follows
_SLOTS: Final = 2


class Recent:
    """A file of two slots."""

    def __init__(self, path: Path) -> None:
        """Open `path`, and read what the process before left in it; raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        found = [read for slot in range(_SLOTS) if (read := self._read(slot)) is not None]
        self._number, data = max(found, default=(0, b"{}"))
        self.cursors: Mapping[str, SavedCursor] = decode_cursors(data)

    def write(self, cursors: Mapping[str, SavedCursor]) -> None:
        """Note them; what does not fit or cannot be written stays as it was saved last."""
        data = encode_cursors(cursors)
        if len(data) > _SLOT_BYTES - _HEADER.size:
            return
        self._number += 1
        checksum = extend(_seed(self._number), data)
        whole = _HEADER.pack(self._number, len(data), checksum) + data
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, whole, self._number % _SLOTS * _SLOT_BYTES)

    def close(self) -> None:
        """Let go. Safe twice."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _read(self, slot: int) -> tuple[int, bytes] | None:
        whole = os.pread(self._descriptor, _SLOT_BYTES, slot * _SLOT_BYTES)
        if len(whole) < _HEADER.size:
            return None
        number, length, checksum = _HEADER.unpack_from(whole)
        data = whole[_HEADER.size : _HEADER.size + length]
        is_whole = number and len(data) == length and extend(_seed(number), data) == checksum
        return (number, data) if is_whole else None


def newest(
    saved: Mapping[str, SavedCursor], recent: Mapping[str, SavedCursor]
) -> dict[str, SavedCursor]:
    """Of each destination the place that is farther: neither is ever ahead of what was done."""
    every = {**recent, **saved}
    return {
        name: max((of[name] for of in (saved, recent) if name in of), key=_progress)
        for name in every
    }


def _progress(cursor: SavedCursor) -> tuple[int, int]:
    counts = (cursor.delivered, cursor.dead_lettered, cursor.lost)
    return sum(sum(of.values()) for of in counts), cursor.low


def _seed(number: int) -> int:
    """The checksum covers the number, too."""
    return int(extend(0, number.to_bytes(8, "little")))
