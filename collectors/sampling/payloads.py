"""The payloads that waiting spans stand in: where each is read again, and in whose context."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import numpy as np

from collectors.component import Context
from collectors.sampling.index_kernel import Rows
from collectors.sampling.plan import Flags
from collectors.waiting import Pins, Place
from collectors.wire.kernel import Codes

PAYLOAD: Final = np.dtype(
    [
        ("place", "i8"),
        ("wall", "i8"),
        ("arrival", "u8"),
        ("items", "i4"),
        ("waiting", "i4"),
        ("dropped", "i4"),
        ("context", "i4"),
    ]
)
"""A payload: spans in all, spans that wait, spans that were dropped and are still known."""

_LEAST_ROOM: Final = 64


class Payloads:
    """Rows of payloads, used again as they fall free."""

    def __init__(self) -> None:
        self._rows: Rows = np.zeros(0, PAYLOAD)
        self._free: list[int] = []
        self._arrivals = 0
        self._contexts: list[Context] = []
        self._numbers: dict[Context, int] = {}

    def add(self, place: Place, items: int, wall_ns: int, context: Context) -> int:
        """A row for a payload of `items` spans of which none is counted yet; see `begin`."""
        if not self._free:
            before = len(self._rows)
            self._rows.resize(max(_LEAST_ROOM, before * 3 // 2), refcheck=False)
            self._free = list(range(len(self._rows) - 1, before - 1, -1))
        row = self._free.pop()
        self._rows[row] = (place, wall_ns, self._arrivals, items, 0, 0, self._number(context))
        self._arrivals += 1
        return row

    def _number(self, context: Context) -> int:
        number = self._numbers.get(context)
        if number is None:
            number = self._numbers[context] = len(self._contexts)
            self._contexts.append(context)
        return number

    def begin(self, row: int, *, waiting: int, dropped: int) -> None:
        """Say how many spans of a new row wait, and how many were dropped before they came."""
        self._rows["waiting"][row] = waiting
        self._rows["dropped"][row] = dropped

    def count(self, rows: Codes, *, waiting: int = 0, dropped: int = 0) -> None:
        """Count spans in: `waiting` and `dropped`, each 1, 0 or -1, for each of `rows`.

        A payload in which none is left loses its row.
        """
        found, spans = np.unique(rows, return_counts=True)
        self._rows["waiting"][found] += (spans * waiting).astype(np.int32)
        self._rows["dropped"][found] += (spans * dropped).astype(np.int32)
        empty = (self._rows["waiting"][found] | self._rows["dropped"][found]) == 0
        self._free += found[empty].tolist()

    def __getitem__(self, rows: Codes) -> Rows:
        """Rows of `PAYLOAD`."""
        return self._rows[rows]

    def row(self, row: int) -> tuple[int, ...]:
        """One row: place, wall, arrival, items, waiting, dropped, context."""
        values: tuple[int, ...] = self._rows[row].item()
        return values

    def context(self, number: int) -> Context:
        """The context that a row names."""
        return self._contexts[number]

    def replace(self, row: int, place: Place, items: int) -> None:
        """Say that a payload stands elsewhere, with `items` spans."""
        self._rows["place"][row] = place
        self._rows["items"][row] = items

    def part(self, row: int) -> int:
        """A second row of the same payload, of which no span is counted yet."""
        of = self._rows[row]
        twin = self.add(Place(int(of["place"])), int(of["items"]), 0, self.context(of["context"]))
        self._rows["wall"][twin] = self._rows["wall"][row]
        self._rows["arrival"][twin] = self._rows["arrival"][row]
        return twin

    def pins(self) -> Pins:
        """The oldest places of spans that wait."""
        places = self._rows["place"][self._rows["waiting"] > 0]
        inbox = places[places >= 0]
        held = places[places < 0]
        return Pins(
            int(inbox.min()) if len(inbox) else None,
            -1 - int(held.max()) if len(held) else None,
        )

    def below(self, inbox_before: int, held_before: int) -> Flags:
        """For each row, whether it is a payload at a lower offset with spans that wait."""
        places = self._rows["place"]
        is_low = np.where(places >= 0, places < inbox_before, -1 - places < held_before)
        found: Flags = is_low & (self._rows["waiting"] > 0)
        return found

    def in_order(self, rows: Codes) -> Codes:
        """`rows` in the order of arrival."""
        return rows[np.argsort(self._rows["arrival"][rows], kind="stable")]

    def forget_contexts(self) -> None:
        """Let go of contexts that no payload has any more."""
        used = self._used()
        numbers, self._rows["context"][used] = np.unique(
            self._rows["context"][used], return_inverse=True
        )
        self._contexts = [self._contexts[number] for number in numbers.tolist()]
        self._numbers = {context: number for number, context in enumerate(self._contexts)}

    @property
    def contexts(self) -> int:
        """How many contexts are known."""
        return len(self._contexts)

    def _used(self) -> Codes:
        used = (self._rows["waiting"] > 0) | (self._rows["dropped"] > 0)
        return self.in_order(np.flatnonzero(used).astype(np.int32))

    def dump(self) -> tuple[dict[str, bytes], Codes]:
        """All state, rows packed together; and the new number of each row, -1 of a free one."""
        used = self._used()
        numbers = np.full(len(self._rows), -1, np.int32)
        numbers[used] = np.arange(len(used))
        parts = {
            "rows": self._rows[used].tobytes(),
            "contexts": json.dumps(
                [[c.tenant, c.peer, c.headers] for c in self._contexts]
            ).encode(),
            "arrivals": str(self._arrivals).encode(),
        }
        return parts, numbers

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Continue from what `dump` gave."""
        self._rows = np.frombuffer(parts["rows"], PAYLOAD).copy()
        self._free = []
        self._arrivals = int(parts["arrivals"])
        self._contexts = [
            Context(tenant, peer, tuple((name, value) for name, value in headers))
            for tenant, peer, headers in json.loads(parts["contexts"])
        ]
        self._numbers = {context: number for number, context in enumerate(self._contexts)}
