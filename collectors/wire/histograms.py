"""Histograms as rows in flat arrays: read, added, subtracted and written many at a time.

Whole numbers only: buckets never lose an event. Attributes and exemplars of a point are not
part of a row; they come from a template when it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.histograms_kernel import (
    COLUMNS,
    COPY,
    HEAD_BYTES,
    KIND,
    MOST_BUCKETS,
    SIZE_A,
    SIZE_B,
    BankParts,
    HistogramsKernel,
    compiled_histograms,
    twin_histograms,
)
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.parse import Malformed
from collectors.wire.points import Columns

KERNEL: Final[HistogramsKernel] = compiled_histograms() or twin_histograms()

CHUNK_BYTES: Final = 1 << 19
"""Points that are worked upon together: a byte can be a bucket, and that is a word here."""

_ROW: Final = 2 * MOST_BUCKETS
"""Most cells of a row."""


class Bank:
    """Rows of histograms, and the pool of their cells."""

    def __init__(self, rows: int = 0, kernel: HistogramsKernel = KERNEL) -> None:
        """Begin with empty rows."""
        self._kernel = kernel
        self.head: Words = np.zeros((rows, COLUMNS), np.uint64)
        self.pool: Words = np.zeros(0, np.uint64)
        self._used: Longs = np.zeros(1, np.int64)

    @classmethod
    def read(cls, payload: Octets, points: Longs, kernel: HistogramsKernel = KERNEL) -> Bank:
        """What points counted, a row for each; see `sensible`.

        Args:
            payload: Where they are.
            points: Start and end of each message, and its kind.
            kernel: The reader.

        Raises:
            Malformed: The payload was never validated.
        """
        found = cls(len(points), kernel)
        size = min(int((points[:, 1] - points[:, 0]).sum()), _ROW * len(points))
        found.pool = np.empty(max(size, 0), np.uint64)
        used = kernel.unfold(payload, np.ascontiguousarray(points), found.head, found.pool)
        if used < 0:
            msg = "malformed metrics request: a histogram is unsound"
            raise Malformed(msg)
        found.pool, found._used[0] = found.pool[:used].copy(), used
        return found

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.head)

    @property
    def sensible(self) -> NDArray[np.bool_]:
        """Which rows hold a histogram."""
        found: NDArray[np.bool_] = self.head[:, KIND] > 0
        return found

    def clone(self) -> Bank:
        """One that can be changed without changing this."""
        found = Bank(0, self._kernel)
        found.head, found.pool, found._used = self.head.copy(), self.pool.copy(), self._used.copy()
        return found

    def combine(self, how: int, rows: Longs, other: Bank, others: Longs) -> Octets:
        """Let rows become others, in order; the outcomes. See `HistogramsKernel.combine`.

        Args:
            how: `COPY`, `ADD`, `TAKE_OUT` or `FITS`.
            rows: Which of this bank.
            other: The bank of the others; may be this one.
            others: Which of them, one for each.
        """
        outcome = np.zeros(len(rows), np.uint8)
        mine, theirs = np.ascontiguousarray(rows), np.ascontiguousarray(others)
        first = 0
        while first < len(rows):
            left, right = self._parts, other._parts
            first = self._kernel.combine(how, left, mine, right, theirs, outcome, first)
            if first < len(rows):
                more = np.zeros(len(self.pool) + _ROW, np.uint64)
                self.pool = np.concatenate((self.pool, more))
        return outcome

    def grow(self, rows: int) -> None:
        """Have `rows` rows more, empty ones."""
        self.head = np.concatenate((self.head, np.zeros((rows, COLUMNS), np.uint64)))

    def keep(self, rows: Longs) -> None:
        """Have these rows and no others, in this order."""
        self.head = np.ascontiguousarray(self.head[rows])
        size = int((self.head[:, SIZE_A] + self.head[:, SIZE_B]).sum())
        if 2 * size < len(self.pool):
            pool = np.zeros(size, np.uint64)
            self._used[0] = self._kernel.tidy(self.head, self.pool, pool)
            self.pool = pool

    def points(
        self, rows: Longs, template: Octets, spots: Longs, times: Words
    ) -> tuple[Octets, Longs]:
        """Rows as data points: bytes, and start and end in them of each point with its tag.

        Args:
            rows: Which of this bank; none is empty.
            template: Where what else a point says is taken from.
            spots: Start and end there of a message for each row.
            times: Start and time of each.

        Raises:
            Malformed: A template is unsound.
        """
        cells = self.head[rows, SIZE_A] + self.head[rows, SIZE_B]
        size = 10 * int(cells.sum()) + HEAD_BYTES * len(rows)
        out = np.empty(size + int((spots[:, 1] - spots[:, 0]).sum()), np.uint8)
        extent = np.zeros((len(rows), 2), np.int64)
        spots, times = np.ascontiguousarray(spots), np.ascontiguousarray(times)
        which = np.ascontiguousarray(rows)
        used = self._kernel.fold(self._parts, which, template, spots, times, out, extent)
        if used < 0:
            msg = "malformed metrics request: a histogram is unsound"
            raise Malformed(msg)
        return out[:used].copy(), extent

    def snapshot(self) -> dict[str, bytes]:
        """All state."""
        return {"head": self.head.tobytes(), "pool": self.pool[: self._used[0]].tobytes()}

    def restore(self, head: bytes, pool: bytes) -> None:
        """Continue from what `snapshot` told."""
        self.head = np.frombuffer(head, np.uint64).reshape(-1, COLUMNS).copy()
        self.pool = np.frombuffer(pool, np.uint64).copy()
        self._used[0] = len(self.pool)

    @property
    def _parts(self) -> BankParts:
        return self.head, self.pool, self._used


def bank_of(columns: Columns) -> Bank:
    """What each point counted; an empty row for what is no histogram, or makes no sense."""
    return Bank.read(
        columns.bytes, np.column_stack((columns.bodies, columns.mark[:, 0].astype(np.int64)))
    )


def chunks(columns: Columns, places: Longs) -> Iterator[Longs]:
    """`places` in runs of points that have about `CHUNK_BYTES`."""
    if not len(places):
        return
    ends = np.cumsum(columns.at[places, 2] - columns.at[places, 1])
    yield from np.split(places, np.flatnonzero(np.diff(ends // CHUNK_BYTES)) + 1)


__all__ = ["CHUNK_BYTES", "COPY", "Bank", "bank_of", "chunks"]
