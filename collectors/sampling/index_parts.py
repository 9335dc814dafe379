"""What the index hands out and takes in beside rows, and how its arrays grow."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.sampling.index_kernel import Rows
from collectors.sampling.plan import Flags
from collectors.wire.kernel import Codes, Longs, Words

_MAPPED_BYTES: Final = 1 << 20
_LEAST_ROWS: Final = 256
_GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of traces, oldest first within each.

    Attributes:
        nodes: Their nodes in the index.
        payloads: Row of the payload that each stands in.
        entries: Its row in the scan of that payload.
        owners: Place of its trace among those asked about.
    """

    nodes: Codes
    payloads: Codes
    entries: Codes
    owners: Codes

    def only(self, wanted: Flags | Longs) -> Spans:
        """Those that are wanted."""
        columns = (self.nodes, self.payloads, self.entries, self.owners)
        return Spans(*(column[wanted] for column in columns))

    def by_payload(self) -> Iterator[tuple[int, Spans]]:
        """Those of each payload, by its row, in the order that they have there."""
        order = np.lexsort((self.entries, self.payloads))
        edges = np.flatnonzero(np.diff(self.payloads[order])) + 1
        for of in np.split(order, edges) if len(order) else ():
            yield int(self.payloads[of[0]]), self.only(of)


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of spans beside their rows.

    Attributes:
        extras: Shape (extras, spans).
        states: Shape (2, spans): the randomness that a span states, plus one, and the
            threshold; 0 for none. None where no span states anything.
    """

    extras: Words
    states: Words | None = None

    def only(self, wanted: Longs) -> Told:
        """Of some of the spans."""
        states = None if self.states is None else self.states[:, wanted]
        return Told(self.extras[:, wanted], states)


def zeros(rows: int, like: np.dtype, *rest: int) -> Rows:
    """Rows of zeros that take memory only once they are written, and give it back when freed.

    The allocator keeps large blocks for itself once it has seen them come and go; what is
    mapped is the system's again.
    """
    size = like.itemsize * math.prod((rows, *rest))
    if size < _MAPPED_BYTES:
        return np.zeros((rows, *rest), like)
    return np.frombuffer(mmap.mmap(-1, size), like).reshape(rows, *rest)


def longer(array: Rows, rows: int) -> Rows:
    """`array` with more rows; those that nobody has touched take no memory yet."""
    made = zeros(rows, array.dtype, *array.shape[1:])
    made[: len(array)] = array
    return made


def grown(rows: int, needed: int) -> int:
    """How many rows there are to be where `needed` are and `rows` were."""
    return max(needed, _LEAST_ROWS, int(rows * _GROWTH))


def table_size(traces: int) -> int:
    """A power of two that is at most two thirds full."""
    return 1 << max(9, (traces * 3 // 2).bit_length())
