"""What stands around points: their metrics, scopes and resources, each kept once as bytes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import ATTRIBUTES, EVERY, Columns, Keys, Parts, assemble, gather, rests

Identity = tuple[int, int]

MAX_HEAD_BYTES: Final = 1 << 16
"""Longest resource, scope or metric that is kept, points aside."""

_CHUNK: Final = 10_000
"""Points in a request that is put out."""


class _Level:
    """Heads of one kind by identity."""

    def __init__(self) -> None:
        self.of: dict[Identity, int] = {}
        self.heads: list[bytes] = []
        self.parents: list[int] = []

    def add(self, identity: Identity, head: bytes, parent: int) -> int:
        self.of[identity] = len(self.heads)
        self.heads.append(head)
        self.parents.append(parent)
        return len(self.heads) - 1

    def snapshot(self) -> bytes:
        words = [list(self.of), self.parents, [len(head) for head in self.heads]]
        return pack({"words": json.dumps(words).encode(), "heads": b"".join(self.heads)})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        identities, self.parents, lengths = json.loads(parts["words"])
        self.of = {(low, high): row for row, (low, high) in enumerate(identities)}
        ends = np.cumsum([0, *lengths]).tolist()
        self.heads = [parts["heads"][start:end] for start, end in itertools.pairwise(ends)]


class Frames:
    """Metrics with their scopes and resources; a row is a metric."""

    def __init__(self, limit: int, resource: Keys = EVERY) -> None:
        """Begin empty.

        Args:
            limit: Most metrics.
            resource: Attributes that a resource keeps.
        """
        self._limit = limit
        self._keys = resource
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._resources, self._scopes, self._metrics = _Level(), _Level(), _Level()
        self._kinds: list[int] = []
        self._temporalities: list[int] = []
        self._data: list[bytes] = []

    def __len__(self) -> int:
        """How many metrics there are."""
        return len(self._kinds)

    def kinds(self, rows: Longs) -> Longs:
        """Of which kind the metrics are."""
        return np.array(self._kinds, np.int64)[rows]

    def temporalities(self, rows: Longs) -> Longs:
        """What the temporality of the metrics is, 0 where they have none."""
        return np.array(self._temporalities, np.int64)[rows]

    def rows(self, columns: Columns) -> Longs:
        """The row of each point's metric; -1 where there is no room or its head is too long."""
        entries = columns.at[:, 3]
        used, place = np.unique(entries, return_inverse=True)
        identities = [(low, high) for low, high in columns.entry_id[used].tolist()]
        found = np.array([self._metrics.of.get(of, -1) for of in identities], np.int64)
        new = np.flatnonzero(found < 0)
        if len(new):
            self._add(columns, used[new], [identities[which] for which in new.tolist()])
            found = np.array([self._metrics.of.get(of, -1) for of in identities], np.int64)
        rows: Longs = found[place.ravel()]
        return rows

    def _add(self, columns: Columns, entries: Longs, identities: Sequence[Identity]) -> None:
        scanned = columns.scanned
        scopes = scanned.entries[entries, 3]
        resources = scanned.scopes[scopes, 3]
        heads = [
            _heads(columns, scanned.resources[resources, 1:3], (2,)),
            _heads(columns, scanned.scopes[scopes, 1:3], (2,)),
            _heads(columns, scanned.entries[entries, 1:3], ATTRIBUTES),
            _heads(columns, columns.data[entries, :2], (1,)),
        ]
        of_scope = columns.scope_id[scopes].tolist()
        of_resource = columns.resource_id[resources].tolist()
        kinds = columns.data[entries, 2:].tolist()
        for place, identity in enumerate(identities):
            resource, scope, metric, data = (level[place] for level in heads)
            longest = max(len(resource), len(scope), len(metric), len(data))
            if longest > MAX_HEAD_BYTES or len(self) >= self._limit:
                continue
            above = self._level(self._resources, of_resource[place], resource, -1)
            within = self._level(self._scopes, of_scope[place], scope, above)
            if identity not in self._metrics.of:
                self._metrics.add(identity, metric, within)
                self._kinds.append(kinds[place][0])
                self._temporalities.append(kinds[place][1])
                self._data.append(data)

    def _level(self, level: _Level, pair: list[int], head: bytes, parent: int) -> int:
        identity = (pair[0], pair[1])
        row = level.of.get(identity)
        if row is not None:
            return row
        if level is self._resources and self._keys:
            head = _stripped(head, self._keys)
        return level.add(identity, head, parent)

    def requests(self, source: Octets, extents: Longs, rows: Longs) -> Iterator[tuple[bytes, int]]:
        """Requests of points, each with how many there are.

        Args:
            source: Where the points are.
            extents: Start and end of each with its tag.
            rows: Of which metric each is.
        """
        order = self._order()
        position = np.empty(len(order[2]), np.int64)
        position[order[2]] = np.arange(len(order[2]))
        sequence = np.argsort(position[rows], kind="stable")
        for first in range(0, len(sequence), _CHUNK):
            chosen = sequence[first : first + _CHUNK]
            points, places = gather(source, extents[chosen])
            parts = self._parts(points, places, position[rows[chosen]], order)
            yield assemble(parts), len(chosen)

    def _order(self) -> tuple[Longs, Longs, Longs]:
        """Rows of resources, scopes and metrics such that parents are in order."""
        resources = np.arange(len(self._resources.heads))
        scopes = np.argsort(np.array(self._scopes.parents, np.int64), kind="stable")
        place = np.empty(len(scopes), np.int64)
        place[scopes] = np.arange(len(scopes))
        parents = place[np.array(self._metrics.parents, np.int64)]
        return resources, scopes, np.argsort(parents, kind="stable")

    def _parts(
        self, source: Octets, extents: Longs, metric: Longs, order: tuple[Longs, Longs, Longs]
    ) -> Parts:
        """Only what these points need is copied; `metric` is in the order of `order`."""
        metrics, of_point = np.unique(metric, return_inverse=True)
        rows = order[2][metrics]
        place = np.empty(len(order[1]), np.int64)
        place[order[1]] = np.arange(len(order[1]))
        scopes, of_metric = np.unique(
            place[np.array(self._metrics.parents, np.int64)[rows]], return_inverse=True
        )
        scope_rows = order[1][scopes]
        resources, of_scope = np.unique(
            np.array(self._scopes.parents, np.int64)[scope_rows], return_inverse=True
        )
        buffers = [
            [self._resources.heads[row] for row in resources.tolist()],
            [self._scopes.heads[row] for row in scope_rows.tolist()],
            [self._metrics.heads[row] for row in rows.tolist()],
            [self._data[row] for row in rows.tolist()],
        ]
        base, spots = len(source), list[Longs]()
        for heads in buffers:
            ends = np.cumsum([0, *map(len, heads)]) + base
            spots.append(np.column_stack((ends[:-1], ends[1:])))
            base = int(ends[-1])
        joined = np.frombuffer(b"".join(head for heads in buffers for head in heads), np.uint8)
        kinds = np.array(self._kinds, np.int64)[rows]
        return Parts(
            np.concatenate((source, joined)),
            _flat(spots[0]),
            _flat(np.column_stack((spots[1], of_scope.ravel()))),
            _flat(np.column_stack((spots[2], of_metric.ravel(), kinds, spots[3]))),
            _flat(np.column_stack((extents, of_point.ravel()))),
        )

    def keep(self, rows: Longs) -> Longs | None:
        """Let metrics go that none of `rows` is of, once they are half: the new row of each."""
        used = np.unique(rows[rows >= 0])
        if 2 * len(used) >= len(self):
            return None
        old = self._resources, self._scopes, self._metrics
        kinds, temporalities, data = self._kinds, self._temporalities, self._data
        identities = [list(level.of) for level in old]
        self.clear()
        renamed = np.full(len(kinds), -1, np.int64)
        for row in used.tolist():
            scope = old[2].parents[row]
            resource = old[1].parents[scope]
            above = self._moved(
                self._resources, identities[0][resource], old[0].heads[resource], -1
            )
            within = self._moved(self._scopes, identities[1][scope], old[1].heads[scope], above)
            renamed[row] = self._metrics.add(identities[2][row], old[2].heads[row], within)
            self._kinds.append(kinds[row])
            self._temporalities.append(temporalities[row])
            self._data.append(data[row])
        return renamed

    def _moved(self, level: _Level, identity: Identity, head: bytes, parent: int) -> int:
        row = level.of.get(identity)
        return level.add(identity, head, parent) if row is None else row

    def snapshot(self) -> bytes:
        """All state."""
        lengths = [len(data) for data in self._data]
        return pack(
            {
                "resources": self._resources.snapshot(),
                "scopes": self._scopes.snapshot(),
                "metrics": self._metrics.snapshot(),
                "kinds": json.dumps([self._kinds, self._temporalities, lengths]).encode(),
                "data": b"".join(self._data),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._resources.restore(parts["resources"])
        self._scopes.restore(parts["scopes"])
        self._metrics.restore(parts["metrics"])
        self._kinds, self._temporalities, lengths = json.loads(parts["kinds"])
        ends = np.cumsum([0, *lengths]).tolist()
        self._data = [parts["data"][a:b] for a, b in itertools.pairwise(ends)]


def _heads(columns: Columns, spots: Longs, skipped: Iterable[int]) -> list[bytes]:
    buffer, extent = rests(
        columns.bytes, np.ascontiguousarray(spots), skipped, kernel=columns.kernel
    )
    data = buffer.tobytes()
    return [data[start:end] for start, end in extent.tolist()]


def _stripped(head: bytes, keys: Keys) -> bytes:
    """A resource's own fields with less attributes."""
    message = ResourceMetrics.FromString(head)
    kept = [pair for pair in message.resource.attributes if (pair.key in keys.names) == keys.only]
    del message.resource.attributes[:]
    message.resource.attributes.extend(kept)
    return message.SerializeToString()


def _flat(rows: Longs) -> Longs:
    return np.ascontiguousarray(rows, np.int64)
