"""Thresholds, randomness, and how one becomes text: 56-bit whole numbers.

An item with randomness R is kept where R >= T. So whoever keeps more keeps everything
that anybody keeps who keeps less, and `(2**56 - T) / 2**56` is the share that is kept.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Octets, Words

DIGITS: Final = 14
ALWAYS: Final = 0
NEVER: Final = 1 << 56
MOST_RANDOM: Final = NEVER - 1
"""Randomness of what has none: kept by every threshold but `NEVER`."""

LEAST_SHARE: Final = Fraction(1, NEVER)

_HASH_BITS: Final = 14
_BUCKETS: Final = 1 << _HASH_BITS
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_HEX_BITS: Final = 4


def threshold(share: Fraction, precision: int) -> int:
    """The threshold that keeps `share`, rounded to `precision` significant digits.

    Leading digits that are all ones or all zeros do not count. Below 2**-56 nothing is kept.
    """
    if share < LEAST_SHARE:
        return NEVER
    if share >= 1:
        return ALWAYS
    exact = NEVER - round(share * NEVER)
    leading = max(_leading_digits(share), _leading_digits(1 - share))
    shift = _HEX_BITS * (DIGITS - min(DIGITS, precision + leading))
    if shift:
        exact = ((exact + (1 << (shift - 1))) >> shift) << shift
    return exact


def share(of: int) -> Fraction:
    """The share that threshold `of` keeps."""
    return Fraction(NEVER - of, NEVER)


def show(of: int) -> str:
    """A threshold as `th` writes it: hexadecimal, without trailing zeros."""
    return f"{of:014x}".rstrip("0") or "0"


def show_randomness(of: int) -> str:
    """Randomness as `rv` writes it."""
    return f"{of:014x}"


def hash_threshold(percentage: float) -> int:
    """The threshold of mode `hash_seed`, of 14 bits."""
    scaled = int(np.float32(percentage) * np.float32(_BUCKETS / 100))
    return (_BUCKETS - scaled) << (56 - _HASH_BITS) if scaled else NEVER


def of_trace_ids(ids: Octets) -> Words:
    """The last 56 bits of each trace id, as W3C's random flag has it."""
    padded = ids[:, 8:].copy()
    padded[:, 0] = 0
    words: Words = padded.view(">u8").ravel().astype(np.uint64)
    return words


def of_hashes(hashes: NDArray[np.uint32]) -> Words:
    """56 bits of randomness whose first 14 decide as the hash itself did.

    Source: OpenTelemetry Collector, probabilistic sampler, mode `hash_seed`.
    """
    wide = hashes.astype(np.uint64)
    bucket = wide & np.uint64(_BUCKETS - 1)
    unused = wide >> np.uint64(32 - _HASH_BITS)
    mixed = unused ^ (unused << np.uint64(10))
    words: Words = (
        ((np.uint64(_BUCKETS - 1) - bucket) << np.uint64(42)) | (mixed << np.uint64(14)) | bucket
    )
    return words


def hash_ids(ids: Octets, seed: int) -> NDArray[np.uint32]:
    """FNV-1a, 32 bits, of the seed and each id."""
    start = fnv(b"", seed)
    hashes = np.full(len(ids), start, np.uint32)
    for column in range(ids.shape[1]):
        hashes = (hashes ^ ids[:, column]) * np.uint32(_FNV_PRIME)
    return hashes


def fnv(data: bytes, seed: int) -> int:
    """FNV-1a, 32 bits, of the seed, least byte first, and `data`."""
    value = _FNV_OFFSET
    for byte in seed.to_bytes(4, "little") + data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def _leading_digits(of: Fraction) -> int:
    """Hexadecimal digits of zero behind the point of a share above 0."""
    return -math.frexp(float(of))[1] // _HEX_BITS if of < Fraction(1, 2) else 0
