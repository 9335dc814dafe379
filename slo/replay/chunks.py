"""Samples of one series as chunks of Prometheus' database, many samples at once.

A chunk holds the first time and value whole, then what changes: the difference of the
distances of times, and the bits in which a value differs from the last one.

Source: Prometheus, tsdb/docs/format/chunks.md, and tsdb/chunkenc/xor.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_MOST: Final = 960
"""Samples of a chunk, eight of those that Prometheus itself cuts: the fewer, the less is said of
each. A chunk has sixteen bits for the number."""
_WORD: Final = 64
_LEADING_MOST: Final = 31
_STEPS: Final = ((14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4))
"""Bits of a difference, the prefix that says so, and the bits of that."""
_ALL: Final = (0b1111, 4)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples of a series.

    Attributes:
        first: Time of the first one in milliseconds since 1970; `last` likewise.
        data: Encoded, without length and checksum.
    """

    first: int
    last: int
    data: bytes


def chunks(times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Iterator[Chunk]:
    """The samples of a series, ascending in time, as chunks; at least one sample."""
    bits, lengths = _fields(times, values)
    starts = np.arange(0, len(times), _MOST)
    sizes = np.add.reduceat(lengths.sum(axis=1), starts)
    whole = -(-sizes // 8)
    begins = np.cumsum(whole) - whole
    packed = _packed(bits, lengths, starts, begins, int(whole.sum()))
    for number, start in enumerate(starts.tolist()):
        end = min(start + _MOST, len(times))
        begin = int(begins[number])
        data = packed[begin : begin + int(whole[number])]
        head = (end - start).to_bytes(2, "big")
        yield Chunk(int(times[start]), int(times[end - 1]), head + data)


def _fields(
    times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Of each sample four fields and their lengths in bits: time twice, value twice."""
    count = len(times)
    bits = np.zeros((count, 4), np.uint64)
    lengths = np.zeros((count, 4), np.int64)
    place = np.arange(count) % _MOST
    raw = values.view(np.uint64)
    apart = np.diff(times, prepend=times[0])
    _later(np.diff(apart, prepend=0), bits, lengths)
    _changes(raw ^ np.concatenate([raw[:1], raw[:-1]]), bits, lengths)
    for at in np.flatnonzero(place == 0).tolist():
        bits[at, 0], lengths[at, 0] = _varint(signed(int(times[at])))
        bits[at, 1], lengths[at, 1] = raw[at], _WORD
        lengths[at, 2:] = 0
        if at + 1 < count:
            bits[at + 1, 0], lengths[at + 1, 0] = _varint(int(apart[at + 1]))
            lengths[at + 1, 1] = 0
    return bits, lengths


def _later(
    change: npt.NDArray[np.int64],
    bits: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
) -> None:
    """Times from the third sample of a chunk on: how their distance changes."""
    lengths[:, 0] = 1
    left = change != 0
    for size, prefix, length in _STEPS:
        fits = left & (change >= -((1 << (size - 1)) - 1)) & (change <= 1 << (size - 1))
        lengths[fits, 0], bits[fits, 0] = length, prefix
        lengths[fits, 1] = size
        bits[fits, 1] = change[fits].astype(np.uint64) & np.uint64((1 << size) - 1)
        left &= ~fits
    bits[left, 0], lengths[left, 0] = _ALL
    lengths[left, 1] = _WORD
    bits[left, 1] = change[left].astype(np.uint64)


def _changes(
    differs: npt.NDArray[np.uint64],
    bits: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
) -> None:
    """Values after the first one of a chunk: one zero, or where the bits differ and which."""
    lengths[:, 2] = 1
    at = np.flatnonzero(differs)
    some = differs[at]
    leading = np.minimum(_leading(some), _LEADING_MOST)
    trailing = 63 - _leading(some & (~some + np.uint64(1)))
    size = _WORD - leading - trailing
    control = (0b11 << 11) | (leading << 6) | (size & 63)
    bits[at, 2], lengths[at, 2] = control.astype(np.uint64), 13
    bits[at, 3], lengths[at, 3] = some >> trailing.astype(np.uint64), size


def _leading(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Zero bits at the top of each word, none of which is 0."""
    high = (words >> np.uint64(32)).astype(np.float64)
    low = (words & np.uint64(0xFFFFFFFF)).astype(np.float64)
    top = np.where(high > 0, np.frexp(high)[1] + 32, np.frexp(low)[1])
    return _WORD - top.astype(np.int64)


def _packed(
    bits: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    size: int,
) -> bytes:
    """All fields one after the other, each chunk beginning at its own byte."""
    flat = lengths.ravel()
    used = np.flatnonzero(flat)
    flat, fields = flat[used], bits.ravel()[used]
    offsets = np.cumsum(lengths.ravel()) - lengths.ravel()
    chunk = np.arange(len(lengths)) // _MOST
    moved = begins * 8 - offsets[starts * 4]
    places = (offsets.reshape(-1, 4) + moved[chunk][:, None]).ravel()[used]
    words = np.zeros(-(-size // 8) + 2, np.uint64)
    word, shift = places // _WORD, (places % _WORD).astype(np.uint64)
    left = fields << (_WORD - flat).astype(np.uint64)
    _put(words, word, left >> shift)
    over = np.flatnonzero(places % _WORD + flat > _WORD)
    _put(words, word[over] + 1, left[over] << (np.uint64(_WORD) - shift[over]))
    return words.astype(">u8").tobytes()[:size]


def _put(
    words: npt.NDArray[np.uint64], at: npt.NDArray[np.int64], parts: npt.NDArray[np.uint64]
) -> None:
    """Let `parts`, ascending in place, into `words`; those of one word share it."""
    if not len(at):
        return
    firsts = np.flatnonzero(np.diff(at, prepend=-1))
    words[at[firsts]] |= np.bitwise_or.reduceat(parts, firsts)


def _varint(number: int) -> tuple[int, int]:
    """An unsigned number in groups of seven bits, the lowest first; and its length in bits."""
    data = varint(number)
    return int.from_bytes(data, "big"), len(data) * 8


def signed(number: int) -> int:
    """A number with a sign as one without. Source: Go, encoding/binary, `PutVarint`."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def varint(number: int) -> bytes:
    """An unsigned number in groups of seven bits, the lowest first.

    Source: Go, encoding/binary, `PutUvarint`.
    """
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
