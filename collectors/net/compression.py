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
_GZIP_LEVEL: Final = 1  # on OTLP level 6 is 3 times slower and 7 % smaller


class TooLargeError(Exception):
    """The decompressed text is longer than allowed."""


class BrokenError(Exception):
    """The bytes are not what the encoding says."""


def decompress(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """The plain text of `data`; memory stays below `max_bytes` and one chunk.

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
    """All members of a gzip or zlib stream."""
    parts: list[bytes] = []
    total = 0
    rest = data
    while rest:
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            try:
                part = stream.decompress(rest, _CHUNK_BYTES)
            except zlib.error as error:
                raise BrokenError(str(error)) from error
            total += len(part)
            if total > max_bytes:
                raise TooLargeError
            if not part and not stream.unconsumed_tail and not stream.eof:
                msg = "the compressed body is cut off"
                raise BrokenError(msg)
            parts.append(part)
            rest = stream.unconsumed_tail
        rest = stream.unused_data
    return b"".join(parts)


def _zstd(data: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=max(max_bytes, 1 << 23))
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            while part := reader.read(_CHUNK_BYTES):
                total += len(part)
                if total > max_bytes:
                    raise TooLargeError
                parts.append(part)
    except zstandard.ZstdError as error:
        raise BrokenError(str(error)) from error
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
