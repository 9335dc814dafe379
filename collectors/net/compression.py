"""Compression with a bound: a small request never becomes a large one unseen."""

from __future__ import annotations

import gzip
import zlib
from typing import Final, Literal, TypeAlias

import zstandard

Encoding: TypeAlias = Literal["", "identity", "gzip", "zstd", "deflate", "zlib"]

ACCEPTED: Final = ("gzip", "zstd", "deflate", "zlib")
"""Content encodings that `decompress` reads, beside none at all."""

_GZIP_WBITS: Final = 31  # zlib manual, inflateInit2: 15 + 16 for a gzip wrapper
_ZLIB_WBITS: Final = 15
_CHUNK_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 16 * 1024
_ZSTD_PIECE_BYTES: Final = 256
"""Four bytes are 128 KiB at the most (RFC 8878, 3.1.1.2): so a piece is never above 8 MiB."""
_CUT_OFF: Final = "the compressed body is cut off"
_GZIP_LEVEL: Final = 1  # on OTLP level 6 is 3 times slower and 7 % smaller


class TooLargeError(Exception):
    """The decompressed text is longer than allowed."""


class BrokenError(Exception):
    """The bytes are not what the encoding says."""


def decompress(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """The plain text of `data`; memory stays below `max_bytes` and 8 MiB.

    Args:
        data: The body as received.
        encoding: A content encoding, lower case; empty or ``identity`` returns `data`.
        max_bytes: Longest plain text allowed.

    Raises:
        TooLargeError: It is longer.
        BrokenError: It is damaged, cut off, followed by something else, or the encoding
            is not one of `ACCEPTED`.
    """
    if encoding in {"", "identity"}:
        if len(data) > max_bytes:
            raise TooLargeError
        return data
    if encoding == "gzip":
        return _inflate(data, _GZIP_WBITS, max_bytes)
    if encoding in {"deflate", "zlib"}:
        return _inflate(data, _ZLIB_WBITS, max_bytes)
    if encoding == "zstd":
        return _zstd(data, max_bytes)
    msg = f"content encoding must be one of {', '.join(ACCEPTED)}, got {encoding!r}"
    raise BrokenError(msg)


def _inflate(data: bytes, wbits: int, max_bytes: int) -> bytes:
    """All members of a gzip or zlib stream.

    It is given in pieces: what is left over is copied for every member and every chunk, and a
    body of a million empty members would take the square of its length.
    """
    parts: list[bytes] = []
    total, at, view = 0, 0, memoryview(data)
    while at < len(view):
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            piece = view[at : at + _PIECE_BYTES]
            try:
                part = stream.decompress(piece, _CHUNK_BYTES)
            except zlib.error as error:
                raise BrokenError(str(error)) from error
            at += len(piece) - len(stream.unconsumed_tail) - len(stream.unused_data)
            total += len(part)
            if total > max_bytes:
                raise TooLargeError
            if not part and not piece and not stream.eof:
                raise BrokenError(_CUT_OFF)
            parts.append(part)
    return b"".join(parts)


def _zstd(data: bytes, max_bytes: int) -> bytes:
    """All frames of a zstd stream; only frame by frame is told whether the last one is whole."""
    parts: list[bytes] = []
    total, at, view = 0, 0, memoryview(data)
    decompressor = zstandard.ZstdDecompressor(max_window_size=max(max_bytes, 1 << 23))
    while at < len(view):
        stream = decompressor.decompressobj()
        while not stream.eof:
            piece = view[at : at + _ZSTD_PIECE_BYTES]
            if not piece:
                raise BrokenError(_CUT_OFF)
            try:
                part = stream.decompress(piece)
            except zstandard.ZstdError as error:
                raise BrokenError(str(error)) from error
            at += len(piece) - len(stream.unused_data)
            total += len(part)
            if total > max_bytes:
                raise TooLargeError
            parts.append(part)
    return b"".join(parts)


def compress(data: bytes, encoding: Encoding) -> bytes:
    """`data` in the given content encoding; the same input gives the same bytes."""
    if encoding == "gzip":
        return gzip.compress(data, _GZIP_LEVEL, mtime=0)
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(data)
    if encoding in {"deflate", "zlib"}:
        return zlib.compress(data, _GZIP_LEVEL)
    return data
