"""What was decided about traces that are gone, so that a late span follows its trace.

A table of 31-bit fingerprints in buckets of 64, each a ring: a new one takes the place of
the bucket's oldest. So it always knows the last traces, whatever it has seen, needs no
room to move things about and is never full; a cuckoo filter forgets nothing until it
refuses, and a rotating pair of them forgets half at a blow.

With 1.9 places for each trace that is to be remembered, one that was among the last `size`
is forgotten with a probability below one in a million (Poisson, mean 33.7, 64 and more). One of
which spans still come when 48 newer ones stand in its bucket is written anew: as long as a trace
lives its decision is known, however many have come since. A trace that was never seen is taken
for a known one with one below 64 / 2**27.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from collectors.sampling.index_kernel import INDEX_KERNEL, PRINT, WAYS, IndexKernel, Prints, Rows
from collectors.sampling.index_parts import zeros
from collectors.wire.kernel import Longs, Octets, Words

PLACES_PER_TRACE: Final = 1.9
"""Of four bytes each, and one for every 64: 7.7 bytes a trace."""

_LEVELS: Final = 4
"""How often the table doubles on its way from its first to its full size."""

_OLD: Final = WAYS * 3 // 4
"""So many newer ones in its bucket are more than there are among the last `size`, mostly."""

_FULL_SHARE: Final = 2
_MARK: Final = np.uint32(PRINT + 1)
_LAYOUT: Final = b"1"


class Memory:
    """Fingerprints of the last traces, each with a mark and a row of notes.

    Attributes:
        notes: Shape (places,): what `remember` is to keep with each trace, if anything.
    """

    def __init__(
        self, size: int, notes: np.dtype | None = None, kernel: IndexKernel = INDEX_KERNEL
    ) -> None:
        """Remember the last `size` traces; 0 remembers none.

        Args:
            size: Traces.
            notes: Type of what is kept with each; None keeps the mark only.
            kernel: The loops.
        """
        self._kernel = kernel
        self._size = size
        self._first = -(-int(size * PLACES_PER_TRACE) // (WAYS << _LEVELS))
        self._type = notes
        self._open(0)

    def _open(self, level: int) -> None:
        buckets = self._first << level
        self._level = level
        self._written = 0
        self._prints: Prints = zeros(buckets, np.dtype(np.uint32), WAYS)
        self._heads: Octets = np.zeros(buckets, np.uint8)
        self.notes: Rows = zeros(
            buckets * WAYS if self._type else 0, self._type or np.dtype(np.uint8)
        )

    @property
    def size_bytes(self) -> int:
        """Bytes that it takes by now."""
        return self._prints.nbytes + self._heads.nbytes + self.notes.nbytes

    def recall(self, digests: Words) -> Longs:
        """The place of each trace, -1 for one that is not remembered."""
        places = np.full(len(digests), -1, np.int64)
        if self._written and len(digests):
            buckets, prints = self._aim(digests)
            self._kernel.recall(self._prints, self._heads, buckets, prints, places)
        return places

    def marks(self, places: Longs) -> Rows:
        """Whether the traces at `places` carry the mark; -1 does not."""
        if not self._size:
            return places >= 0
        found: Rows = (places >= 0) & ((self._prints.reshape(-1)[places] & _MARK) != 0)
        return found

    def remember(
        self, digests: Words, marks: Rows | None = None, notes: Rows | None = None
    ) -> None:
        """Keep traces in mind, in their order.

        Args:
            digests: Of their ids.
            marks: Which of them get the mark; None marks none.
            notes: What to keep with each, of the type of `notes`.
        """
        if not self._size or not len(digests):
            return
        while self._level < _LEVELS and (
            (self._written + len(digests)) * _FULL_SHARE > self._prints.size
        ):
            self._grow()
        buckets, prints = self._aim(digests)
        if marks is not None:
            prints |= np.where(marks, _MARK, np.uint32(0))
        self._write(buckets, prints, notes)

    def renew(self, digests: Words) -> None:
        """Let traces of which spans have come not be forgotten before those that are silent."""
        places = self.recall(digests)
        known = np.flatnonzero(places >= 0)
        buckets, ways = np.divmod(places[known], WAYS)
        ages = (self._heads[buckets].astype(np.int64) - 1 - ways) % WAYS
        old = known[ages >= _OLD]
        if not len(old):
            return
        _, first = np.unique(digests[old], return_index=True)
        old = old[np.sort(first)]
        notes = self.notes[places[old]] if self._type else None
        self.remember(digests[old], self.marks(places[old]), notes)

    def _write(self, buckets: Longs, prints: Prints, notes: Rows | None) -> None:
        places = np.empty(len(buckets), np.int64)
        self._kernel.remember(self._prints, self._heads, buckets, prints, places)
        if notes is not None:
            self.notes[places] = notes  # of two at one place the later one stays
        self._written += len(buckets)

    def _aim(self, digests: Words) -> tuple[Longs, Prints]:
        """The bucket and the fingerprint of each; a print of zero would be an empty place."""
        prints = (digests & np.uint64(PRINT)).astype(np.uint32)
        prints[prints == 0] = 1
        first = ((digests >> np.uint64(32)) * np.uint64(self._first)) >> np.uint64(32)
        return self._below(first.astype(np.int64), prints), prints

    def _below(self, first: Longs, prints: Prints) -> Longs:
        """Each bucket of the first table is `2**level` by now, told apart by low bits."""
        buckets: Longs = (first << self._level) | (prints & ((1 << self._level) - 1))
        return buckets

    def _grow(self) -> None:
        """Double the table; within a bucket the order of age stays."""
        rows = np.arange(len(self._prints))[:, None]
        ways = (self._heads[:, None] + np.arange(WAYS)) % WAYS
        prints, notes = self._prints[rows, ways], self.notes
        filled = prints != 0
        first = np.broadcast_to(rows >> self._level, prints.shape)[filled]
        kept = notes.reshape(-1, WAYS)[rows, ways][filled] if self._type else None
        self._open(self._level + 1)
        self._write(self._below(first, prints[filled] & np.uint32(PRINT)), prints[filled], kept)

    @classmethod
    def of(cls, parts: Mapping[str, bytes], notes: np.dtype | None = None) -> Memory:
        """The memory that `dump` told of, of whatever size; raises ValueError like `load`."""
        first = int(np.frombuffer(parts["counts"], np.int64)[0])
        made = cls(int(first * (WAYS << _LEVELS) / PLACES_PER_TRACE), notes)
        made.load(parts)
        return made

    def dump(self) -> dict[str, bytes]:
        """All state."""
        counts = np.array([self._first, self._level, self._written], np.int64)
        return {
            "layout": _LAYOUT,
            "counts": counts.tobytes(),
            "prints": self._prints.tobytes(),
            "heads": self._heads.tobytes(),
            "notes": self.notes.tobytes(),
        }

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Continue from what `dump` gave; of a memory of another size nothing is taken over.

        Raises:
            ValueError: It is of another layout.
        """
        if parts["layout"] != _LAYOUT:
            msg = f"a memory of layout {_LAYOUT.decode()}, got {parts['layout'][:8]!r}"
            raise ValueError(msg)
        first, level, written = np.frombuffer(parts["counts"], np.int64).tolist()
        self._open(0)
        if first != self._first:
            return
        self._open(level)
        self._written = written
        self._prints.reshape(-1)[:] = np.frombuffer(parts["prints"], np.uint32)
        self._heads[:] = np.frombuffer(parts["heads"], np.uint8)
        self.notes[:] = np.frombuffer(parts["notes"], self.notes.dtype)
