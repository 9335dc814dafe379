"""Metrics by name: how many series of each there are, and how many may be."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Final

import numpy as np

from collectors.graph import pack, unpack
from collectors.processors.cardinality.limits import Limits
from collectors.processors.cardinality.values import Mask
from collectors.wire.kernel import Longs
from collectors.wire.points import Columns
from collectors.wire.scan import slices, texts

_NAME: Final = 1  # Metric.name
_LONGEST: Final = 255


class Metrics:
    """The metrics of a sender's series.

    Attributes:
        names: One for each row; very long ones are cut, and set apart by a digest.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.names: list[str] = []
        self._came = np.empty(0, np.int64)
        self._admitted = np.empty(0, np.int64)
        self._number()

    def _number(self) -> None:
        self._place = {name: row for row, name in enumerate(self.names)}
        self._limit = np.array([self._limits.series(name) for name in self.names], np.int64)

    def rows(self, points: Columns) -> Longs:
        """The row of each point's metric."""
        used, place = np.unique(points.at[:, 3], return_inverse=True)
        scanned = points.scanned
        entries = np.ascontiguousarray(scanned.entries[used])
        coded = texts(scanned, slices(scanned, entries, (_NAME,))[0])
        names = [_short(value) for value in coded.values]
        new = [name for name in dict.fromkeys(names) if name not in self._place]
        if new:
            self.names += new
            more = np.zeros(len(new), np.int64)
            self._came = np.concatenate((self._came, more))
            self._admitted = np.concatenate((self._admitted, more))
            self._number()
        row = np.array([self._place[name] for name in names], np.int64)
        found: Longs = row[coded.codes][place.ravel()]
        return found

    def room(self, rows: Longs) -> Longs:
        """How many more series each metric may have."""
        left: Longs = (self._limit - self._admitted)[rows]
        return left

    def came(self, rows: Longs) -> None:
        """New series of these metrics came."""
        np.add.at(self._came, rows, 1)

    def admit(self, rows: Longs) -> None:
        """New series of these metrics are put out."""
        np.add.at(self._admitted, rows, 1)

    def most(self, top: int) -> list[tuple[str, int]]:
        """The metrics with the most series that came, each with how many."""
        order = np.lexsort((np.array(self.names, np.str_), -self._came))[:top]
        return [(self.names[row], int(self._came[row])) for row in order.tolist()]

    def sweep(self, metric: Longs, homes: Mask, passing: Mask) -> Longs:
        """Let metrics go that no series is of; the new row of each series' metric.

        Args:
            metric: Row of each series' metric.
            homes: Which of them are put out, and did not come as they are.
            passing: Which of them came as they are put out.
        """
        size = len(self.names)
        came = np.bincount(metric[~homes], minlength=size)
        admitted = np.bincount(metric[homes | passing], minlength=size)
        rows = np.flatnonzero(came + admitted)
        renamed = np.full(size + 1, -1, np.int64)
        renamed[rows] = np.arange(len(rows))
        self.names = [self.names[row] for row in rows.tolist()]
        self._came, self._admitted = came[rows], admitted[rows]
        self._number()
        moved: Longs = renamed[metric]
        return moved

    def snapshot(self) -> bytes:
        """All state."""
        words = [self.names, self._came.tolist(), self._admitted.tolist()]
        return pack({"words": json.dumps(words).encode()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        self.names, came, admitted = json.loads(unpack(state)["words"])
        self._came = np.array(came, np.int64)
        self._admitted = np.array(admitted, np.int64)
        self._number()


def _short(name: bytes) -> str:
    if len(name) <= _LONGEST:
        return name.decode(errors="replace")
    digest = blake2b(name, digest_size=16).hexdigest()
    return name[: _LONGEST - len(digest) - 1].decode(errors="replace") + "~" + digest
