"""Copy what survives a decision, byte for byte, under its resource and scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan

_RESOURCE_TAG = b"\x0a"
_CHILD_TAG = b"\x12"
_LENGTHS: Final = 4096
"""Lengths of messages whose bytes are remembered: spans are mostly shorter."""

_NONE: Final[Mapping[int, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Level:
    """Parents of what is kept, each with what stands in it beside its children.

    Attributes:
        rows: The parents.
        above: Place in `rows` of the parent of each that is kept.
        gaps: Start and end of each part that is no child.
        around: Place in `rows` of each gap's parent.
    """

    rows: Longs
    above: Longs
    gaps: Longs
    around: Longs

    @classmethod
    def of(cls, kept: Longs, parents: Longs, children: Longs) -> _Level:
        """The parents in rows `kept`, in order; children of one follow each other."""
        is_new = _is_new(kept)
        rows = kept[is_new]
        at = np.searchsorted(rows, children[:, 3])
        mine = np.flatnonzero(rows[np.minimum(at, len(rows) - 1)] == children[:, 3])
        at, starts, ends = at[mine], children[mine, 0], children[mine, 2]
        is_first = _is_new(at)
        first = np.flatnonzero(is_first)
        last = np.concatenate((first[1:], [len(at)])) - 1
        gaps = np.empty((len(at) + len(rows), 2), np.int64)
        gaps[1 : len(at), 0] = ends[:-1]
        gaps[first, 0] = parents[rows, 1]
        gaps[: len(at), 1] = starts
        gaps[len(at) :, 0] = ends[last]
        gaps[len(at) :, 1] = parents[rows, 2]
        some = np.flatnonzero(gaps[:, 0] < gaps[:, 1])
        around = np.concatenate((at, np.arange(len(rows))))[some]
        return cls(rows, np.cumsum(is_new) - 1, gaps[some], around)

    def sizes(self, kept: Longs) -> list[int]:
        """Bytes of each parent with nothing but kept children of those lengths in it."""
        beside = np.bincount(self.around, self.gaps[:, 1] - self.gaps[:, 0], len(self.rows))
        inside = np.bincount(self.above, kept, len(self.rows))
        sizes: list[int] = (beside + inside).astype(np.int64).tolist()
        return sizes


def _is_new(rows: Longs) -> NDArray[np.bool_]:
    """Which of `rows` are not the one before them."""
    found = np.ones(len(rows), np.bool_)
    found[1:] = rows[1:] != rows[:-1]
    return found


def keep(scanned: Scan, wanted: NDArray[np.bool_], edited: Mapping[int, bytes] = _NONE) -> bytes:
    """The request with those entries (spans, log records, metrics) that are `wanted`.

    Everything else of a scope and resource that still has an entry is copied as it stands,
    fields of a later protocol included. Scopes and resources without one are left out.

    Args:
        scanned: The request.
        wanted: One value per row of `scanned.entries`.
        edited: New messages in place of wanted entries, by row.

    Returns:
        A valid request; `payload` itself where all entries are wanted, ``b""`` for none.
    """
    if not edited and bool(wanted.all()):
        return scanned.payload
    kept = np.flatnonzero(wanted)
    if not len(kept):
        return b""
    entries = scanned.entries[kept]
    spots, texts = _replaced(scanned, kept, entries[:, [0, 2]], edited)
    scopes = _Level.of(entries[:, 3], scanned.scopes, scanned.entries)
    sizes = scopes.sizes(spots[:, 1] - spots[:, 0])
    scope_heads = [_CHILD_TAG + _varint(size) for size in sizes]
    resources = _Level.of(scanned.scopes[scopes.rows, 3], scanned.resources, scanned.scopes)
    sizes = [size + len(head) for size, head in zip(sizes, scope_heads, strict=True)]
    resource_heads = [_RESOURCE_TAG + _varint(size) for size in resources.sizes(np.array(sizes))]
    texts += (*resource_heads, *scope_heads)
    heads = _behind(len(scanned.payload), texts)[-len(scope_heads) - len(resource_heads) :]
    # A resource, what is in it beside its scopes, then each scope likewise.
    first = np.searchsorted(resources.above, np.arange(len(resource_heads)))
    places = (first, first[resources.around], np.arange(len(scope_heads)), scopes.around)
    kinds = np.repeat(np.arange(5), [*map(len, places), len(kept)])
    order = np.lexsort((kinds, np.concatenate((*places, scopes.above))))
    count = len(resource_heads)
    parts = np.concatenate((heads[:count], resources.gaps, heads[count:], scopes.gaps, spots))
    return _gathered(scanned, parts[order], texts)


def _replaced(
    scanned: Scan, kept: Longs, spots: Longs, edited: Mapping[int, bytes]
) -> tuple[Longs, list[bytes]]:
    """Where the entries that are kept stand, and what is written behind the request for that."""
    if not edited:
        return spots, []
    places = [place for place, row in enumerate(kept.tolist()) if row in edited]
    texts = [delimited(edited[row]) for row in kept[places].tolist()]
    spots[places] = _behind(len(scanned.payload), texts)
    return spots, texts


def _behind(start: int, texts: Sequence[bytes]) -> Longs:
    """Where `texts` stand, one after the other."""
    ends = np.cumsum([start, *map(len, texts)])
    return np.array((ends[:-1], ends[1:])).T


def _gathered(scanned: Scan, spots: Longs, texts: Sequence[bytes]) -> bytes:
    """The parts of the request, and of `texts` behind it, at `spots`."""
    out = np.empty(int((spots[:, 1] - spots[:, 0]).sum()), np.uint8)
    source = b"".join((scanned.payload, *texts))
    written = scanned.kernel.gather(source, np.ascontiguousarray(spots), out)
    if written != len(out):
        msg = f"rows of another request: {written} of {len(out)} bytes copied"
        raise ValueError(msg)
    return out.tobytes()


def beside(scanned: Scan, parent: Longs, children: Longs) -> bytes:
    """What stands in a message beside these children of it: the gaps between them."""
    edges = np.concatenate(([parent[1]], children[:, [0, 2]].ravel(), [parent[2]]))
    starts, ends = edges[::2], edges[1::2]
    gaps = np.flatnonzero(starts < ends)
    return b"".join(
        scanned.payload[start:end]
        for start, end in zip(starts[gaps].tolist(), ends[gaps].tolist(), strict=True)
    )


def delimited(message: bytes, tag: bytes = _CHILD_TAG) -> bytes:
    """`message` as a field: `tag`, length, message."""
    return tag + _varint(len(message)) + message


@lru_cache(_LENGTHS)
def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
