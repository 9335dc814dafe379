"""Chunks that we write, read as Prometheus reads them, bit by bit: no sample is another one.

The reader follows tsdb/chunkenc/xor.go. promtool shows every value but the bits of a NaN, of
which one kind means that a series ended; here they count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from slo.replay.chunks import Chunk, chunks

STALE = 0x7FF0000000000002
ONE = 0x3FF0000000000000
MOST = 960
_STEPS = (
    st.sampled_from([1, 15_000, 30_000, 8_192, 8_193, 65_537, 524_289, 1 << 33]),
    st.integers(1, 1 << 40),
)
_WORDS = (
    st.sampled_from([STALE, ONE, 0, 1 << 63, 1, (1 << 64) - 1, 0x7FF8000000000001]),
    st.integers(0, (1 << 64) - 1),
)
SAMPLES = st.lists(st.tuples(st.one_of(*_STEPS), st.one_of(*_WORDS)), min_size=1, max_size=40)


class Bits:
    """Bits of a chunk, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._whole, self._left = int.from_bytes(data, "big"), len(data) * 8

    def take(self, count: int) -> int:
        self._left -= count
        assert self._left >= 0, "the chunk ends within a sample"
        return self._whole >> self._left & (1 << count) - 1

    def ones(self, most: int) -> int:
        """How many ones stand before a zero, which is taken too, or before the most are there."""
        found = 0
        while found < most and self.take(1):
            found += 1
        return found

    def varint(self) -> int:
        found = shift = 0
        while True:
            part = self.take(8)
            found |= (part & 0x7F) << shift
            shift += 7
            if part < 0x80:
                return found


def change(bits: Bits) -> int:
    """How the distance of times changes."""
    size = (0, 14, 17, 20, 64)[bits.ones(4)]
    found = bits.take(size)
    return found - (1 << size) if found > 1 << max(size - 1, 0) else found


def decoded(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """Times in milliseconds, and values as bits."""
    bits = Bits(chunk.data[2:])
    time, word = 0, 0
    apart = leading = trailing = 0
    for number in range(int.from_bytes(chunk.data[:2], "big")):
        if number == 0:
            raw = bits.varint()
            time, word = raw >> 1 ^ -(raw & 1), bits.take(64)
            yield time, word
            continue
        apart = bits.varint() if number == 1 else apart + change(bits)
        time += apart
        if bits.take(1):
            if bits.take(1):
                leading = bits.take(5)
                trailing = 64 - leading - (bits.take(6) or 64)
            word ^= bits.take(64 - leading - trailing) << trailing
        yield time, word


def held(samples: list[tuple[int, int]], began: int) -> None:
    times = began + np.cumsum([step for step, _ in samples])
    words = np.array([word for _, word in samples], np.uint64)

    found = list(chunks(times.astype(np.int64), words.view(np.float64)))

    read = [list(decoded(chunk)) for chunk in found]
    assert [sample for each in read for sample in each] == list(
        zip(times.tolist(), words.tolist(), strict=True)
    )
    assert [(one.first, one.last) for one in found] == [(each[0][0], each[-1][0]) for each in read]


@given(samples=SAMPLES, began=st.sampled_from([0, -(1 << 40), 1_767_571_200_000]))
@example(samples=[(30_000, ONE), (30_000, STALE), (30_000, 0)], began=1_767_571_200_000)
def test_every_time_and_every_bit_comes_back(samples: list[tuple[int, int]], began: int) -> None:
    held(samples, began)


@given(samples=SAMPLES, count=st.sampled_from([MOST - 1, MOST, MOST + 1, MOST + 2, 2 * MOST + 1]))
def test_so_it_does_across_chunks(samples: list[tuple[int, int]], count: int) -> None:
    held((samples * count)[:count], 1_767_571_200_000)
