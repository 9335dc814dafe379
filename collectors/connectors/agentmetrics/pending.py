"""The spans that wait for their relatives, and those that are remembered for others to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.connectors.agentmetrics.kin import Found, Mask, Tree, Verdicts, judge
from collectors.connectors.agentmetrics.rows import (
    ALIKE,
    ATTEMPT,
    ATTEMPT_TAKEN,
    COUNTED,
    COUNTS_ITSELF,
    LINK,
    LLM,
    PASSED,
    ROW,
    SHOWN,
    TOKENS_TAKEN,
    WAITING,
    Rows,
)
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs, Words

_NO_KEY: Final = np.uint64(0)


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided at one time.

    Attributes:
        rows: The spans that were decided on.
        agents: Name of the agent that each counts for, -1 for none.
        early: How many of them had not waited long enough.
        fresh: Spans that still wait and whose series were not shown yet.
        fresh_agents: Likewise for them.
        doubles: Spans that came twice.
    """

    rows: Rows
    agents: Longs
    verdicts: Verdicts
    early: int
    fresh: Rows
    fresh_agents: Longs
    doubles: Rows


class Pending:
    """Flat arrays, bounded; `settle` decides."""

    def __init__(self, wait_ns: int, remember_ns: int, lag_ns: int, most: int) -> None:
        """Begin empty.

        Args:
            wait_ns: How long a span waits.
            remember_ns: For how long it is known afterwards.
            lag_ns: Longest time between two calls of `settle`.
            most: Most rows, and most links.
        """
        self._wait_ns = wait_ns
        self._remember_ns = remember_ns
        self._links_ns = wait_ns + 2 * lag_ns
        self._most = most
        self._rows: Rows = np.zeros(0, ROW)
        self._links: Rows = np.zeros(0, LINK)
        self._new_rows: list[Rows] = []
        self._new_links: list[Rows] = []
        self._new = 0

    def add(self, rows: Rows, links: Rows) -> None:
        """Take in what came."""
        if len(rows):
            self._new_rows.append(rows)
            self._new += len(rows)
        if len(links):
            self._new_links.append(links)
            if sum(len(of) for of in self._new_links) > self._most:
                self._new_links = [np.concatenate(self._new_links)[-self._most :]]

    @property
    def is_full(self) -> bool:
        """There is no room for more: `settle` should come early."""
        return len(self._rows) + self._new > 2 * self._most

    def __len__(self) -> int:
        """Rows that wait or are remembered."""
        return len(self._rows) + self._new

    def settle(self, steady_ns: int) -> Decided:
        """Decide on what has waited long enough, and forget what is remembered for long enough."""
        arrived, doubles = self._merge()
        tree = Tree(self._rows, self._links)
        found = tree.look_up(arrived)
        self._note(found)
        agents = np.where(
            self._rows["agent"][found.walkers] >= 0,
            self._rows["agent"][found.walkers],
            found.agents,
        )
        waits = self._rows["state"][found.walkers] == WAITING
        due, early = self._due(found.walkers, waits, steady_ns)
        verdicts = judge(self._rows, found)
        fresh = waits & ~due & ((self._rows["flags"][found.walkers] & SHOWN) == 0)
        self._rows["flags"][found.walkers[waits & ~due]] |= np.uint8(SHOWN)
        self._write(found, verdicts, due)
        decided = Decided(
            rows=self._rows[found.walkers[due]],
            agents=agents[due],
            verdicts=Verdicts(verdicts.counts[due], verdicts.tokens[due], verdicts.attempts[due]),
            early=early,
            fresh=self._rows[found.walkers[fresh]],
            fresh_agents=agents[fresh],
            doubles=doubles,
        )
        self._forget(steady_ns)
        return decided

    def resources(self) -> frozenset[int]:
        """Those that some row still needs."""
        waiting = self._rows[self._rows["state"] == WAITING]
        found = np.unique(np.concatenate([waiting["resource"], *self._each("resource")]))
        return frozenset(found.tolist())

    def words(self, column: str) -> list[int]:
        """The numbers of words that `column` refers to, ascending, each once."""
        used = np.unique(np.concatenate([self._rows[column], *self._each(column)]))
        return [int(number) for number in used.tolist() if number >= 0]

    def renumber(self, columns: tuple[str, ...], moved: Longs) -> None:
        """Words have new numbers."""
        for rows in (self._rows, *self._new_rows):
            for column in columns:
                rows[column] = moved[rows[column]]

    def snapshot(self) -> bytes:
        """All rows and links, and what is new among them."""
        return pack(
            {
                "rows": self._rows.tobytes(),
                "links": self._links.tobytes(),
                "new_rows": np.concatenate([np.zeros(0, ROW), *self._new_rows]).tobytes(),
                "new_links": np.concatenate([np.zeros(0, LINK), *self._new_links]).tobytes(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._rows = np.frombuffer(parts["rows"], ROW).copy()
        self._links = np.frombuffer(parts["links"], LINK).copy()
        self._new_rows = [np.frombuffer(parts["new_rows"], ROW).copy()]
        self._new_links = [np.frombuffer(parts["new_links"], LINK).copy()]
        self._new = len(self._new_rows[0])

    def _each(self, column: str) -> list[Longs]:
        return [rows[column] for rows in self._new_rows]

    def _merge(self) -> tuple[Words, Rows]:
        """Put what is new to the rest; the new keys, and the rows that were there already."""
        rows = np.concatenate([self._rows, *self._new_rows])
        links = np.concatenate([self._links, *self._new_links])
        arrived: Words = np.concatenate(
            [of["key"] for of in (*self._new_rows, *self._new_links)] or [np.zeros(0, np.uint64)]
        )
        _, first = np.unique(rows["key"], return_index=True)
        keep: Mask = rows["key"] == _NO_KEY
        keep[first] = True
        self._rows, self._links = rows[keep], links
        self._new_rows, self._new_links, self._new = [], [], 0
        return arrived, rows[~keep]

    def _due(self, walkers: Longs, waits: Mask, steady_ns: int) -> tuple[Mask, int]:
        """Which walkers are decided on now, and how many of them early, for want of room."""
        mine = self._rows[walkers]
        due: Mask = waits & (mine["seen"] + self._wait_ns <= steady_ns)
        due &= (mine["flags"] & SHOWN) != 0
        surplus = int(np.count_nonzero(waits & ~due)) - self._most
        if surplus > 0:
            oldest = np.flatnonzero(waits & ~due)[:surplus]
            due[oldest] = True
        return due, max(0, surplus)

    def _note(self, found: Found) -> None:
        """Keep how far up each span could be followed, for when more of the way comes."""
        self._rows["open"][found.walkers] = found.open_ends
        self._rows["carried"][found.walkers] = found.carried
        flags = self._rows["flags"][found.walkers] & np.uint8(0xFF ^ ALIKE)
        self._rows["flags"][found.walkers] = np.where(found.alike, flags | ALIKE, flags)

    def _write(self, found: Found, verdicts: Verdicts, due: Mask) -> None:
        """Let the rows say what was decided, for those who come later."""
        decided = found.walkers[due]
        flags = self._rows["flags"][decided]
        counts_itself = (flags & COUNTS_ITSELF) != 0
        counted = verdicts.counts[due] | counts_itself
        self._rows["state"][decided] = np.where(counted, COUNTED, PASSED)
        kinds = self._rows["kind"][decided]
        sends = counts_itself & np.isin(kinds, (LLM, ATTEMPT))
        taken = np.where(verdicts.tokens[due], TOKENS_TAKEN, 0)
        sent = np.where(verdicts.attempts[due] | sends, ATTEMPT_TAKEN, 0)
        self._rows["flags"][decided] = flags | taken.astype(np.uint8) | sent.astype(np.uint8)

    def _forget(self, steady_ns: int) -> None:
        waits = self._rows["state"] == WAITING
        keep: Mask = waits | (
            (self._rows["seen"] + self._remember_ns > steady_ns) & (self._rows["key"] != _NO_KEY)
        )
        surplus = int(np.count_nonzero(keep)) - self._most
        if surplus > 0:
            keep[np.flatnonzero(keep & ~waits)[:surplus]] = False
        self._rows = self._rows[keep]
        self._links = self._links[self._links["seen"] + self._links_ns > steady_ns][-self._most :]
