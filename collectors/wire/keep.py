"""Copy what survives a decision, byte for byte, under its resource and scope."""

from __future__ import annotations

from collections.abc import Mapping
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
    resources: dict[int, list[bytes]] = {}
    found = np.unique(scanned.entries[kept, 3])
    for scope, mine in zip(found.tolist(), _children(scanned.entries, found), strict=True):
        body = _body(scanned, scanned.scopes[scope], mine, wanted, edited)
        resources.setdefault(int(scanned.scopes[scope, 3]), []).append(
            _CHILD_TAG + _varint(len(body)) + body
        )
    parts: list[bytes] = []
    each = _children(scanned.scopes, np.array(list(resources), np.int64))
    for (resource, scopes), mine in zip(resources.items(), each, strict=True):
        head = beside(scanned, scanned.resources[resource], scanned.scopes[mine])
        body = b"".join((head, *scopes))
        parts += (_RESOURCE_TAG, _varint(len(body)), body)
    return b"".join(parts)


def _children(rows: Longs, parents: Longs) -> list[slice]:
    """Where the rows of each of `parents` stand: in a request they follow each other."""
    first = np.searchsorted(rows[:, 3], parents, "left")
    last = np.searchsorted(rows[:, 3], parents, "right")
    return [slice(*pair) for pair in zip(first.tolist(), last.tolist(), strict=True)]


def _body(
    scanned: Scan,
    scope: Longs,
    mine: slice,
    wanted: NDArray[np.bool_],
    edited: Mapping[int, bytes],
) -> bytes:
    rows = mine.start + np.flatnonzero(wanted[mine])
    survivors = scanned.entries[rows]
    head = beside(scanned, scope, scanned.entries[mine])
    if edited:
        return head + b"".join(
            delimited(edited[row]) if row in edited else scanned.payload[tag:end]
            for row, (tag, end) in zip(rows.tolist(), survivors[:, [0, 2]].tolist(), strict=True)
        )
    spots = np.ascontiguousarray(survivors[:, [0, 2]])
    out = np.empty(int((spots[:, 1] - spots[:, 0]).sum()), np.uint8)
    written = scanned.kernel.gather(scanned.payload, spots, out)
    if written != len(out):
        msg = f"rows of another request: {written} of {len(out)} bytes copied"
        raise ValueError(msg)
    return head + out.tobytes()


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
