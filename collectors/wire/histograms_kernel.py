"""The seam between the two that add up histograms: the compiled one, and its twin in Python.

A *row* says what a histogram counted, in `COLUMNS` words; its buckets are *cells* in a pool that
rows share. With bounds, the first cells are the bounds and the others the counts; of exponential
buckets the first are the positive ones and the others the negative ones, no empty one at either
end.
"""

from __future__ import annotations

import importlib
from typing import Final, Protocol, TypeAlias, cast

from collectors.wire.kernel import Longs, Octets, Words

KIND, HAS, COUNT, SUM, LEAST, MOST, SCALE, ZEROS, THRESHOLD, WIDTH = range(10)
"""Words of a row: `HISTOGRAM`, `EXPONENTIAL` or 0 for none; which of the next but one are known;
count; bits of sum, least and greatest value; then of exponential ones the scale, the zero count,
the bits of the zero threshold, and how many buckets of each sign it may have."""

FIRST_A, SIZE_A, FIRST_B, SIZE_B, START, ROOM = range(10, 16)
"""Index of the first bucket (exponential ones) and number of cells, of either list; where the
cells begin in the pool, and how many have room there."""

COLUMNS: Final = 16

HAS_SUM, HAS_LEAST, HAS_MOST = 1, 2, 4
"""Bits of `HAS`."""

COPY, ADD, TAKE_OUT, FITS = 1, 2, 3, 4
"""What `combine` does with a row: it becomes the other one, both together, what is not in the
other, or is only looked at. An empty row becomes what is added to it."""

UNFIT, DONE, FELL = 0, 1, 2
"""Outcomes: the buckets are others, or there is nothing to add; done; the other cannot be
earlier, since it has more. Unless it is done, nothing is."""

MAX_BUCKETS: Final = 160
"""Buckets of each sign that a merged exponential histogram has at most, as SDKs have it; more
only where one that came had more."""

MOST_BUCKETS: Final = 10_000
"""Buckets that a point may have of a sign, and bounds: SDKs make a few hundred."""

MOST_SCALE: Final = 64
"""Finest scale that makes sense, and the coarsest below 0; doubles need -11 to 20."""

HIGHEST: Final = 2**31 - 1
"""Highest index of a bucket: offsets are 32 bits wide."""

LARGEST: Final = 2**64 - 1
"""What a count can be: more than that stays that."""

ROUND: Final = 32
"""Cells by which the room of an exponential row grows."""

HEAD_BYTES: Final = 160
"""Most bytes of a written point beside its template and ten for each cell."""

BankParts: TypeAlias = tuple[Words, Words, Longs]
"""Rows, pool, and in one word how much of the pool is used."""


class HistogramsKernel(Protocol):
    """Functions over histograms. Arrays are C-contiguous and of the types named."""

    def unfold(self, payload: Octets, point: Longs, head: Words, pool: Words) -> int:
        """Read what points counted; the cells used, -1 where the payload makes no sense.

        Args:
            payload: Where the points are.
            point: Start and end of each message, and its kind.
            head: Becomes their rows; empty for other kinds, and where scale or buckets are
                beyond what makes sense.
            pool: Takes the cells; a cell for each byte of the points is enough.
        """
        ...

    def combine(
        self,
        how: int,
        left: BankParts,
        left_row: Longs,
        right: BankParts,
        right_row: Longs,
        outcome: Octets,
        first: int,
    ) -> int:
        """Let rows become others, in order; the place of the first for which there is no room.

        Scale and zero threshold become the coarser ones of the two.

        Args:
            how: `COPY`, `ADD`, `TAKE_OUT` or `FITS`.
            left: Whose rows these are; may be the same arrays as `right`.
            left_row: Which of them.
            right: What they are combined with.
            right_row: Likewise.
            outcome: Becomes `UNFIT`, `DONE` or `FELL`, of each.
            first: Where to go on, after `left` got more room.

        Raises:
            ValueError: A row is outside, or says of its cells what cannot be.
        """
        ...

    def tidy(self, head: Words, pool: Words, out: Words) -> int:
        """Copy the cells of all rows to `out`, one after the other, and say so in the rows.

        Returns:
            The cells used.

        Raises:
            ValueError: A row says of its cells what cannot be.
        """
        ...

    def fold(
        self,
        bank: BankParts,
        which: Longs,
        payload: Octets,
        spot: Longs,
        times: Words,
        out: Octets,
        extent: Longs,
    ) -> int:
        """Write rows as data points; the bytes used, -1 if wrong.

        Args:
            bank: The rows.
            which: Which of them.
            payload: Where the templates are.
            spot: Start and end of the template of each: a message of the row's kind, of which
                attributes, flags and exemplars are taken.
            times: Start and time of each; what is 0 is left out.
            out: Takes the points, each as field 1 of a message.
            extent: Becomes start and end of each in `out`.
        """
        ...


def compiled_histograms() -> HistogramsKernel | None:
    """The compiled one, or None where the project was installed without a C compiler."""
    try:
        return cast("HistogramsKernel", importlib.import_module("collectors.wire._histograms"))
    except ImportError:
        return None


def twin_histograms() -> HistogramsKernel:
    """The one in Python."""
    return cast("HistogramsKernel", importlib.import_module("collectors.wire.histograms_reference"))
