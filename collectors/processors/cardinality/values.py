"""Values of attributes: each counted once where it is limited, and known while a series has it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.processors.cardinality.limits import Limits, Scope
from collectors.series.table import Table, firsts, ranks
from collectors.wire.kernel import Longs, Words

Mask = NDArray[np.bool_]

MAX_SCOPES: Final = 10_000
"""Attributes that are counted at most; every value of a further one is one too many."""

_MAX_VALUES: Final = 4_000_000
_MAX_KEY: Final = 255


@dataclass(frozen=True, slots=True)
class Pairs:
    """Attributes of series that are looked at, one row each, in the order of the series.

    Attributes:
        scope: Row of the scope that the value is counted in; -1 where there was no room for it.
        identity: Of the value within its scope.
    """

    scope: Longs
    identity: Words


class _Table(Table):
    """Values, each with the row of its scope."""

    scope: Longs

    def __init__(self) -> None:
        super().__init__(_MAX_VALUES, {"scope": (np.int64, (), -1)})


class Values:
    """The values by scope, and which series has which."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._table = _Table()
        self._scopes: list[Scope] = []
        self._count = np.empty(0, np.int64)
        self._links = np.empty((0, 2), np.int64)
        self._number()

    def _number(self) -> None:
        """What follows from the scopes."""
        self._place = {of: row for row, of in enumerate(self._scopes)}
        self._limit = np.array([self._limits.values(of) for of in self._scopes], np.int64)
        self._salt = np.array([_salt(of) for of in self._scopes], np.uint64).reshape(-1, 2)

    def scopes(self, wanted: Iterable[Scope]) -> Longs:
        """The row of each scope, -1 where there is no room for a new one."""
        listed = list(wanted)
        new = [of for of in dict.fromkeys(listed) if of not in self._place]
        fitting = [of for of in new if len(of.key) <= _MAX_KEY][: MAX_SCOPES - len(self._scopes)]
        if fitting:
            self._scopes += fitting
            self._count = np.concatenate((self._count, np.zeros(len(fitting), np.int64)))
            self._number()
        return np.array([self._place.get(of, -1) for of in listed], np.int64)

    def salts(self, scope: Longs) -> Words:
        """Two words for each scope that set its values apart from all others."""
        found: Words = np.zeros((len(scope), 2), np.uint64)
        found[scope >= 0] = self._salt[scope[scope >= 0]]
        return found

    def admit(self, pairs: Pairs) -> Longs:
        """The row of each value, new ones within the limits included; -1 for those too many."""
        row = self._table.find(pairs.identity)
        new = np.flatnonzero((row < 0) & (pairs.scope >= 0))
        if not len(new):
            return row
        first = firsts(pairs.identity[new])
        first = new[first]
        scope = pairs.scope[first]
        chosen = first[ranks(scope) < (self._limit - self._count)[scope]]
        added = self._table.assign(pairs.identity[chosen])
        scope, added = pairs.scope[chosen][added >= 0], added[added >= 0]
        self._table.scope[added] = scope
        np.add.at(self._count, scope, 1)
        row[new] = self._table.find(pairs.identity[new])
        return row

    def link(self, series: Longs, value: Longs) -> None:
        """Series have values: these stay known as long as one of the series does."""
        self._links = np.concatenate((self._links, np.column_stack((series, value))))

    def sweep(self, renamed: Longs) -> None:
        """Series have other rows now, -1 for those that went: their values go too."""
        links = np.column_stack((renamed[self._links[:, 0]], self._links[:, 1]))
        links = links[links[:, 0] >= 0]
        kept = np.zeros(len(self._table), np.bool_)
        kept[links[:, 1]] = True
        moved = self._table.keep(kept)
        self._links = np.column_stack((links[:, 0], moved[links[:, 1]]))
        counts = np.bincount(self._table.scope[: len(self._table)], minlength=len(self._scopes))
        rows = np.flatnonzero(counts)
        names = np.full(len(counts) + 1, -1, np.int64)
        names[rows] = np.arange(len(rows))
        self._table.scope[:] = names[self._table.scope]
        self._scopes = [self._scopes[row] for row in rows.tolist()]
        self._count = counts[rows]
        self._number()

    def snapshot(self) -> bytes:
        """All state."""
        scopes = [[of.metric, of.key] for of in self._scopes]
        return pack(
            {
                "words": json.dumps([scopes, self._count.tolist()]).encode(),
                "table": self._table.snapshot(),
                "links": self._links.tobytes(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        scopes, counts = json.loads(parts["words"])
        self._scopes = [Scope(metric, key) for metric, key in scopes]
        self._count = np.array(counts, np.int64)
        self._number()
        self._table.restore(parts["table"])
        self._links = np.frombuffer(parts["links"], np.int64).reshape(-1, 2).copy()


def _salt(scope: Scope) -> tuple[int, int]:
    """Two words that set the values of a scope apart from all others."""
    name = json.dumps([scope.metric, scope.key]).encode()
    digest = blake2b(name, digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
