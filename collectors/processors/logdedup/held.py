"""Distinct records that wait, as bytes in one buffer, with their counts and times."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import numpy as np

from collectors.graph import pack, unpack
from collectors.processors.logdedup.identities import Identified
from collectors.processors.logdedup.writing import Suffixes, wrapped
from collectors.series.arena import BODY, END, MAX_POINT_BYTES, Arena
from collectors.series.table import Table, firsts
from collectors.wire.keep import delimited
from collectors.wire.kernel import Longs
from collectors.wire.points import Keys, rests, trimmed
from collectors.wire.scan import Scan

Identity = tuple[int, int]

_CHILDREN = 2  # ResourceLogs.scope_logs and ScopeLogs.log_records
_ATTRIBUTES = 6  # LogRecord.attributes
_TIMES = 1, 11  # LogRecord.time_unix_nano and .observed_time_unix_nano
_CHUNK = 10_000
_RESOURCE_TAG, _SCOPE_TAG = b"\x0a", b"\x12"


class _Rows(Table):
    """Distinct records: how many there were, when, of which scope, and where the first is."""

    count: Longs
    first_ns: Longs
    last_ns: Longs
    scope: Longs
    slot: Longs

    def __init__(self, limit: int) -> None:
        columns = dict.fromkeys(("count", "first_ns", "last_ns", "scope"), (np.int64, (), 0))
        super().__init__(limit, {**columns, "slot": (np.int64, (4,), 0)})


class Held:
    """What waits for the end of an interval."""

    def __init__(self, max_records: int, max_bytes: int, dropped: Keys) -> None:
        """Begin empty.

        Args:
            max_records: Most distinct records.
            max_bytes: Most bytes of them, and of their scopes.
            dropped: Attributes that records are kept with.
        """
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._keys = dropped
        self._rows = _Rows(max_records)
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()
        self._arena = Arena()
        self._scopes: dict[Identity, int] = {}
        self._heads: list[tuple[bytes, bytes]] = []
        self._bytes = 0

    def __len__(self) -> int:
        """How many distinct records wait."""
        return len(self._rows)

    def add(self, found: Identified, wanted: Longs, wall_ns: int) -> Longs:
        """Count records.

        Args:
            found: The records.
            wanted: Which of them.
            wall_ns: When they came.

        Returns:
            The row of each of `wanted`; -1 for those that there is no room for.
        """
        rows = self._rows
        scope = self._scope_rows(found, found.scanned.entries[wanted, 3])
        identity = np.ascontiguousarray(found.record[wanted])
        row = rows.find(identity)
        before = len(rows)
        fitting = np.flatnonzero(row < 0)
        fitting = fitting[firsts(identity[fitting])]
        fitting = fitting[scope[fitting] >= 0]
        at = found.scanned.entries[wanted[fitting]]
        size = at[:, 2] - at[:, 1]
        short = size <= MAX_POINT_BYTES
        fitting, size = fitting[short], size[short]
        fits = self._bytes + np.cumsum(size) <= self._max_bytes
        fitting = fitting[fits][: self._max_records - before]
        if len(fitting):
            new = rows.assign(identity[fitting])
            self._bytes += int(size[: len(fitting)].sum())
            self._keep(found.scanned, new, wanted[fitting])
            rows.scope[new], rows.first_ns[new] = scope[fitting], wall_ns
            row = rows.find(identity)
        taken = row[row >= 0]
        np.add.at(rows.count, taken, 1)
        rows.last_ns[taken] = wall_ns
        return row

    def _scope_rows(self, found: Identified, scopes: Longs) -> Longs:
        """The row of each record's scope; -1 where there is no room for it."""
        used, place = np.unique(scopes, return_inverse=True)
        identities = [(low, high) for low, high in found.scope[used].tolist()]
        new = [at for at, of in enumerate(identities) if of not in self._scopes]
        if new:
            self._add_scopes(found.scanned, used[new], [identities[at] for at in new])
        row = np.array([self._scopes.get(of, -1) for of in identities], np.int64)
        found_rows: Longs = row[place.ravel()]
        return found_rows

    def _add_scopes(self, scanned: Scan, scopes: Longs, identities: list[Identity]) -> None:
        at = scanned.scopes[scopes]
        inner = _rests(scanned, at)
        outer = _rests(scanned, scanned.resources[at[:, 3]])
        for identity, resource, scope in zip(identities, outer, inner, strict=True):
            size = len(resource) + len(scope)
            if identity not in self._scopes and self._bytes + size <= self._max_bytes:
                self._scopes[identity] = len(self._heads)
                self._heads.append((resource, scope))
                self._bytes += size

    def _keep(self, scanned: Scan, row: Longs, records: Longs) -> None:
        """Keep records without their times, and without attributes that go."""
        at = np.ascontiguousarray(scanned.entries[records, 1:3])
        bare, places = rests(np.frombuffer(scanned.payload, np.uint8), at, _TIMES)
        edited, bodies = trimmed(bare, places, _ATTRIBUTES, self._keys)
        spots = np.ascontiguousarray(bodies[:, [0, 0, 1]])
        self._arena.put(self._rows.slot, row, edited, spots)

    def requests(self, wall_ns: int, suffixes: Suffixes) -> Iterator[tuple[bytes, int]]:
        """What waits, as requests, each with how many records it has."""
        rows = self._rows
        order = np.argsort(rows.scope[: len(rows)], kind="stable")
        for first in range(0, len(order), _CHUNK):
            chosen = order[first : first + _CHUNK]
            columns = (rows.count, rows.first_ns, rows.last_ns)
            told = np.column_stack([column[chosen] for column in columns])
            distinct, of = np.unique(told, axis=0, return_inverse=True)
            added = [
                suffixes.of(count, first_ns, last_ns, wall_ns)
                for count, first_ns, last_ns in distinct.tolist()
            ]
            slots = rows.slot[chosen][:, [BODY, END]]
            written, extents = wrapped(self._arena.buffer, slots, added, of.ravel())
            yield self._request(rows.scope[chosen], written.tobytes(), extents), len(chosen)

    def _request(self, scope: Longs, written: bytes, extents: Longs) -> bytes:
        edges = np.flatnonzero(np.diff(scope, prepend=-1))
        bounds = [*extents[edges, 0].tolist(), len(written)]
        parts: list[bytes] = []
        for at, (start, end) in enumerate(itertools.pairwise(bounds)):
            resource, head = self._heads[int(scope[edges[at]])]
            inner = delimited(head + written[start:end], _SCOPE_TAG)
            parts.append(delimited(resource + inner, _RESOURCE_TAG))
        return b"".join(parts)

    def snapshot(self) -> bytes:
        """All state."""
        heads = [part for pair in self._heads for part in pair]
        words = [list(self._scopes), [len(part) for part in heads], self._bytes]
        return pack(
            {
                "words": json.dumps(words).encode(),
                "heads": b"".join(heads),
                "rows": self._rows.snapshot(),
                "arena": self._arena.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        identities, lengths, self._bytes = json.loads(parts["words"])
        ends = list(itertools.accumulate(lengths, initial=0))
        heads = [parts["heads"][start:end] for start, end in itertools.pairwise(ends)]
        self._scopes = {(low, high): row for row, (low, high) in enumerate(identities)}
        self._heads = list(zip(heads[::2], heads[1::2], strict=True))
        self._rows.restore(parts["rows"])
        self._arena.restore(parts["arena"])


def _rests(scanned: Scan, at: Longs) -> list[bytes]:
    """What stands in messages beside their children."""
    spots = np.ascontiguousarray(at[:, 1:3])
    buffer, extents = rests(np.frombuffer(scanned.payload, np.uint8), spots, (_CHILDREN,))
    data = buffer.tobytes()
    return [data[start:end] for start, end in extents.tolist()]
