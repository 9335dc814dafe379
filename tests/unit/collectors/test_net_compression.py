"""Decompression takes what it is allowed to take, of memory and of time."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable

import pytest
import zstandard as zstd

from collectors.net.compression import BrokenError, TooLargeError, compress, decompress

TEXT = bytes(range(256)) * 5000
LIMIT = 64 << 20


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
def test_what_was_compressed_comes_back_and_not_a_byte_beyond_the_limit(encoding: str) -> None:
    packed = {"gzip": gzip.compress, "zstd": zstd.compress, "deflate": zlib.compress}
    data = packed[encoding](TEXT)

    assert decompress(data, encoding, len(TEXT)) == TEXT
    with pytest.raises(TooLargeError):
        decompress(data, encoding, len(TEXT) - 1)
    for cut in (len(data) - 1, len(data) // 2):
        with pytest.raises(BrokenError, match="cut off"):
            decompress(data[:cut], encoding, LIMIT)
    with pytest.raises(BrokenError):
        decompress(data + b"no more of it", encoding, LIMIT)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_members_of_a_stream_are_put_together_whatever_their_length(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    pieces = [TEXT[:at] for at in (0, 1, 40_000, 0, 70_000, len(TEXT))]

    assert decompress(b"".join(map(pack, pieces)), encoding, LIMIT) == b"".join(pieces)


def test_what_zstd_says_to_skip_is_skipped() -> None:
    skipped = (0x184D2A50).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"aside"

    assert decompress(skipped + zstd.compress(TEXT) + skipped, "zstd", LIMIT) == TEXT


def test_a_body_of_a_million_empty_members_takes_no_longer_than_its_length() -> None:
    def seconds(members: int) -> float:
        body = compress(b"", "gzip") * members
        began = time.process_time()
        assert decompress(body, "gzip", LIMIT) == b""
        return time.process_time() - began

    few, many = min(seconds(10_000) for _ in range(3)), seconds(80_000)

    assert many < few * 8 * 3  # in proportion; in the square of it, it would be 64 times
