"""Which inbox record is being worked on: eight bytes that outlive the process.

A record that ends the process three times, by a crash in C code or by taking all memory,
is found by its offset and skipped. The bytes are shared memory over a file: writing them
costs nothing, and the operating system keeps them when the process is gone.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

MOST_DEATHS = 3

_SLOT = struct.Struct("<Q")


class Marker:
    """The offset of the record that is being worked on."""

    def __init__(self, path: Path) -> None:
        """Open `path`, and read what the process before left in it."""
        with path.open("a+b") as file:
            file.truncate(_SLOT.size)
            self._memory = mmap.mmap(file.fileno(), _SLOT.size)
        (left,) = _SLOT.unpack_from(self._memory)
        self.died_at: int | None = left - 1 if left else None
        self.leave()

    def enter(self, offset: int) -> None:
        """Work on `offset` begins."""
        _SLOT.pack_into(self._memory, 0, offset + 1)

    def leave(self) -> None:
        """It ended well."""
        _SLOT.pack_into(self._memory, 0, 0)

    def close(self) -> None:
        """Let go."""
        self._memory.close()
