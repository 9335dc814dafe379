"""A request body that is bytes already, sent piece by piece without a thread.

One large body must not hold up all other connections, so it is not written at once; and it
needs no file and no worker thread to be read from, so it gets none.
"""

from __future__ import annotations

from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

PIECE_BYTES: Final = 256 * 1024
"""What is written before others get their turn."""


class Pieces(Payload):
    """The body `value`, its length known beforehand."""

    _value: bytes
    _autoclose = True  # nothing to close

    def __init__(self, value: bytes, content_type: str) -> None:
        super().__init__(value, content_type=content_type)
        self._size = len(value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, for who prints requests."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it, waiting after each piece until it has left."""
        view = memoryview(self._value)
        for start in range(0, len(view), PIECE_BYTES):
            await writer.write(view[start : start + PIECE_BYTES])
