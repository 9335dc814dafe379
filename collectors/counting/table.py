"""The series of one metric: counts in arrays, one row for each series.

Everything is a whole number, so that the order in which spans come, and how they are cut
into requests, leaves no trace in the result.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from collectors.counting.counts import FIRST_ROOM, Bounded, Counts, Spread
from collectors.counting.exponential import Exponential, Exponents
from collectors.counting.keys import OVERFLOW, Groups, Key
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs, Words

Exemplar: TypeAlias = tuple[int, int, bytes, bytes]
"""Duration and end in nanoseconds, trace id, span id."""

OVERFLOWED: Final = "fleetslo_connector_overflow_items_total"
"""Spans that a connector counted in an overflow series, by connector and metric."""

_HALF: Final = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Series:
    """One series as it stands.

    Attributes:
        began_ns: Unix time of its first span.
        buckets: Spans by bucket with a bound; empty where there is none.
        total_ns: Sum of the durations.
        spread: Exponential buckets, where they were asked for.
    """

    resource: int
    key: Key
    began_ns: int
    calls: int
    buckets: tuple[int, ...]
    total_ns: int
    exemplars: tuple[Exemplar, ...]
    spread: Spread | None = None


class Table:
    """Counts calls, and with buckets durations too."""

    def __init__(self, buckets: tuple[int, ...] | Exponents, limit: int, exemplars: int) -> None:
        """Begin empty.

        Args:
            buckets: Upper bounds of the buckets in nanoseconds, ascending, or what exponential
                ones there are; no bounds count calls alone.
            limit: Most series of a resource, 0 for any number.
            exemplars: Most exemplars of a series.
        """
        self._buckets = buckets
        self._limit = limit
        self._most = buckets.most_series if isinstance(buckets, Exponents) else 0
        self._most_exemplars = exemplars
        self.clear()

    def clear(self) -> None:
        """Forget every series."""
        self._rows: dict[tuple[int, Key], int] = {}
        self._of_resource: Counter[int] = Counter()
        self._overflowing: set[int] = set()
        self._counts = _counts(self._buckets)
        self._seen_ns = np.zeros(FIRST_ROOM, np.int64)
        self._began_ns: list[int] = []
        self._totals_ns: list[int] = []
        self._exemplars: dict[int, list[Exemplar]] = {}

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._rows)

    def add(
        self, groups: Groups, resources: Longs, durations: Words, wall_ns: int, steady_ns: int
    ) -> Longs:
        """Count spans; returns the row of each group, for `show`.

        Args:
            groups: The spans by series.
            resources: Identity of each resource row.
            durations: Of each span.
            wall_ns: When the request came, for series that begin.
            steady_ns: Likewise, for those that expire.
        """
        rows = np.array(
            [self._row(int(resources[row]), key, wall_ns) for row, key in groups.keys], np.int64
        )
        self._counts.add(rows[groups.of_span], durations)
        self._seen_ns[rows] = steady_ns
        if self._counts.sums:
            # Halves of 32 bits, so that the floating sums of `bincount` stay exact.
            size = len(groups.keys)
            low = np.bincount(groups.of_span, durations & np.uint64(0xFFFFFFFF), size)
            high = np.bincount(groups.of_span, durations >> _HALF, size)
            for row, above, below in zip(rows.tolist(), high.tolist(), low.tolist(), strict=True):
                self._totals_ns[row] += (int(above) << 32) + int(below)
        return rows

    def beyond(self, groups: Groups, rows: Longs) -> int:
        """How many of the spans that `add` counted are in an overflow series.

        Args:
            groups: As given to `add`.
            rows: As `add` returned.
        """
        if not self._overflowing:
            return 0
        of_group = np.isin(rows, list(self._overflowing))
        return int(of_group[groups.of_span].sum())

    def begin(self, resource: int, key: Key, wall_ns: int, steady_ns: int) -> None:
        """Let a series exist, at zero where it is new."""
        row = self._row(resource, key, wall_ns)
        self._seen_ns[row] = steady_ns

    def show(self, row: int, found: list[Exemplar]) -> None:
        """Keep the slowest of `found` and of those that the series has."""
        kept = self._exemplars.get(row, []) + found
        kept.sort(key=lambda exemplar: -exemplar[0])
        self._exemplars[row] = kept[: self._most_exemplars]

    def forget_exemplars(self) -> None:
        """They were told."""
        self._exemplars = {}

    def series(self) -> Iterator[Series]:
        """Every series, in the order in which they began."""
        for (resource, key), row in self._rows.items():
            yield Series(
                resource,
                key,
                self._began_ns[row],
                self._counts.calls(row),
                self._counts.buckets(row),
                self._totals_ns[row],
                tuple(self._exemplars.get(row, ())),
                self._counts.spread(row),
            )

    def expire(self, before_ns: int) -> None:
        """Let series go that had no span since."""
        self._keep([key for key, row in self._rows.items() if self._seen_ns[row] >= before_ns])

    def drop(self, resources: frozenset[int]) -> None:
        """Let all series of `resources` go."""
        self._keep([key for key in self._rows if key[0] not in resources])

    def snapshot(self) -> bytes:
        """All state."""
        size = len(self._rows)
        words = {
            "keys": [[of, [_word(part) for part in key]] for of, key in self._rows],
            "began": self._began_ns,
            "totals": self._totals_ns,
            "exemplars": [
                [row, [[*of[:2], of[2].hex(), of[3].hex()] for of in kept]]
                for row, kept in self._exemplars.items()
            ],
        }
        return pack(
            {
                "words": json.dumps(words).encode(),
                "seen": self._seen_ns[:size].tobytes(),
                **self._counts.snapshot(size),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`; where the buckets are others now, series begin anew."""
        parts = unpack(state)
        words = json.loads(parts["words"])
        self.clear()
        if not self._counts.restore(parts, len(words["keys"])):
            return
        self._index((int(of), tuple(_part(part) for part in key)) for of, key in words["keys"])
        self._seen_ns = np.frombuffer(parts["seen"], np.int64).copy()
        self._began_ns = [int(value) for value in words["began"]]
        self._totals_ns = [int(value) for value in words["totals"]]
        self._exemplars = {
            int(row): [
                (int(took), int(end), bytes.fromhex(trace), bytes.fromhex(span))
                for took, end, trace, span in kept
            ]
            for row, kept in words["exemplars"]
        }

    def _row(self, resource: int, key: Key, wall_ns: int) -> int:
        row = self._rows.get((resource, key))
        if row is None and self._is_full(resource):
            key = OVERFLOW
            row = self._rows.get((resource, key))
        if row is not None:
            return row
        row = self._rows[resource, key] = len(self._rows)
        self._of_resource[resource] += key != OVERFLOW
        if key == OVERFLOW:
            self._overflowing.add(row)
        self._began_ns.append(wall_ns)
        self._totals_ns.append(0)
        if row >= len(self._seen_ns):
            room = max(FIRST_ROOM, len(self._seen_ns))
            if self._most:
                room = max(FIRST_ROOM, min(room, self._most - row))
            self._counts.grow(room)
            self._seen_ns = np.concatenate((self._seen_ns, np.zeros(room, np.int64)))
        return row

    def _is_full(self, resource: int) -> bool:
        """Whether there is no room for a further series of this resource."""
        if self._most and len(self._rows) - len(self._overflowing) >= self._most:
            return True
        return bool(self._limit) and self._of_resource[resource] >= self._limit

    def _index(self, keys: Iterable[tuple[int, Key]]) -> None:
        """Number the rows by their keys."""
        self._rows = {key: place for place, key in enumerate(keys)}
        self._of_resource = Counter(of for of, key in self._rows if key != OVERFLOW)
        self._overflowing = {row for (_, key), row in self._rows.items() if key == OVERFLOW}

    def _keep(self, keys: list[tuple[int, Key]]) -> None:
        if len(keys) == len(self._rows):
            return
        rows = [self._rows[key] for key in keys]
        self._counts.keep(rows)
        self._seen_ns = self._seen_ns[rows]
        self._began_ns = [self._began_ns[row] for row in rows]
        self._totals_ns = [self._totals_ns[row] for row in rows]
        self._exemplars = {
            place: self._exemplars[row] for place, row in enumerate(rows) if row in self._exemplars
        }
        self._index(keys)


def _counts(buckets: tuple[int, ...] | Exponents) -> Counts:
    return Exponential(buckets) if isinstance(buckets, Exponents) else Bounded(buckets)


def _word(part: bytes | None) -> str | None:
    return None if part is None else part.decode("latin-1")


def _part(word: str | None) -> bytes | None:
    return None if word is None else word.encode("latin-1")
