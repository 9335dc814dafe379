"""The seam between the two makes of the index's loops, and the rows that they work on."""

from __future__ import annotations

import importlib
from typing import Any, Final, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Codes, Longs, Octets, Words

TRACE: Final = np.dtype(
    [
        ("high", "u8"),
        ("low", "u8"),
        ("bits", "u8"),
        ("start", "u8"),
        ("end", "u8"),
        ("order", "u8"),
        ("size", "i8"),
        ("spans", "i4"),
        ("last", "i4"),
        ("marks", "u1"),
    ]
)
"""A trace: `last` is its newest node, or, of a free slot, the next free one."""

SPAN: Final = np.dtype(
    [
        ("high", "u8"),
        ("low", "u8"),
        ("digest", "u8"),
        ("bits", "u8"),
        ("start", "u8"),
        ("end", "u8"),
        ("size", "i8"),
        ("entry", "i4"),
        ("marks", "u4"),
    ]
)
"""A span as it arrives; `entry` is its row in the scan of its payload."""

NODE: Final = np.dtype([("payload", "i4"), ("entry", "i4"), ("previous", "i4")])
"""A span that waits: its payload's row, its place in it, the node before it of its trace."""

ROOT: Final = 1
"""A mark: a span without a parent is among them."""

FREE_TRACE, USED_TRACES, FREE_NODE, USED_NODES, ORDER, COUNTS = range(6)
"""Places in the array of counts, and how many there are."""

FREE: Final = 0
"""The time at which a free slot is due."""

NEVER: Final = 2**63 - 1
"""A time that does not come."""

WAYS: Final = 64
"""Fingerprints in a bucket of the memory."""

PRINT: Final = 0x7FFFFFFF
"""The bits of a fingerprint; the one above is the caller's."""

Rows: TypeAlias = NDArray[Any]
"""Structured rows: numpy has no type that names their columns."""
Prints: TypeAlias = NDArray[np.uint32]


class IndexKernel(Protocol):
    """Loops over slots and nodes. Arrays are C-contiguous and of the types named."""

    def find(self, table: Codes, traces: Rows, spans: Rows, slots: Codes) -> None:
        """The slot of each span's trace, -1 where it has none."""
        ...

    def put(self, table: Codes, traces: Rows, seed: int, slots: Codes) -> None:
        """Enter slots whose traces are not in the table yet."""
        ...

    def absorb(  # noqa: PLR0913, PLR0917 - the columns of the index, not worth a class in C
        self,
        table: Codes,
        traces: Rows,
        due: Longs,
        nodes: Rows,
        counts: Longs,
        spans: Rows,
        slots: Codes,
        payload: int,
        wait_until: int,
        root_until: int,
    ) -> int:
        """Add spans to their traces and begin those there are none of; how many began."""
        ...

    def remove(
        self, table: Codes, traces: Rows, due: Longs, counts: Longs, seed: int, slots: Codes
    ) -> None:
        """Take traces out; their nodes are the caller's to release."""
        ...

    def walk(self, traces: Rows, nodes: Rows, slots: Codes, found: Codes, owners: Codes) -> None:
        """The nodes of traces, oldest first, and for each its place in `slots`."""
        ...

    def release(self, nodes: Rows, counts: Longs, given: Codes) -> None:
        """Free nodes for others."""
        ...

    def recall(
        self, prints: Prints, heads: Octets, buckets: Longs, wanted: Prints, places: Longs
    ) -> None:
        """Where each fingerprint stands, the newest one; -1 where it does not."""
        ...

    def remember(
        self, prints: Prints, heads: Octets, buckets: Longs, given: Prints, places: Longs
    ) -> None:
        """Write fingerprints, each over the oldest of its bucket; where it was written."""
        ...


def digests(ids: Octets, seed: int) -> Words:
    """64 bits for each id of shape (rows, 16), mixed such that nobody who lacks `seed` can aim.

    Source: the finalizer of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom
    Number Generators", 2014), once for each half.
    """
    halves = ids.view(np.uint64).reshape(-1, 2)
    return digest(halves[:, 0], halves[:, 1], seed)


def digest(high: Words, low: Words, seed: int) -> Words:
    """The same of ids in halves."""
    return _mixed(_mixed(high ^ np.uint64(seed)) + low)


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed


def compiled() -> IndexKernel | None:
    """The compiled loops, or None where the project was installed without a C compiler."""
    try:
        return cast("IndexKernel", importlib.import_module("collectors.sampling._index"))
    except ImportError:
        return None


def twin() -> IndexKernel:
    """The loops in Python."""
    return cast("IndexKernel", importlib.import_module("collectors.sampling.index_reference"))


INDEX_KERNEL: Final[IndexKernel] = compiled() or twin()
