"""How many bad events of each SLO a trace has: numbers that are added up beside its bits.

A number is half of a word, two SLOs share one: 4 bytes for each trace that waits. It cannot
overflow, for a trace has fewer than 2^31 spans in the index.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeAlias

import numpy as np

from collectors.sampling.dynamic.keys import Fields
from collectors.sampling.plan import Extra, Facts, Fold
from collectors.wire.kernel import Longs, Words
from collectors.wire.scan import Scan

_HALVES: Final = 2
_HALF_BITS: Final = 32
_HALF: Final = np.uint64(2**_HALF_BITS - 1)


class Counting(Protocol):
    """Who knows which spans are bad events."""

    @property
    def names(self) -> tuple[str, ...]:
        """What is counted, by number; at least one."""
        ...

    def bad(self, scanned: Scan) -> Words:
        """Shape (names, entries): 1 for each span that is counted, else 0."""
        ...


Counts: TypeAlias = Callable[[Facts, int], Longs]
"""How many of a number, within its group, each trace has."""


class Tallies:
    """All numbers that a plan adds up; among its extras they come behind its `Fields`."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._groups: list[Counting] = []
        self._names: list[str] = []

    def group(self, group: Counting) -> Counts:
        """Add up what `group` counts."""
        first = len(self._names)
        names = group.names
        self._names += [
            " | ".join(names[at : at + _HALVES]) for at in range(0, len(names), _HALVES)
        ]
        self._groups.append(group)
        return partial(self._of, first)

    def extras(self) -> tuple[Extra, ...]:
        """See `Plan.extras`."""
        return tuple(Extra(f"count: {name}", Fold.SUM) for name in self._names)

    def measure(self, scanned: Scan) -> Words:
        """See `Plan.measure`."""
        found = [np.zeros((0, len(scanned.entries)), np.uint64)]
        for group in self._groups:
            ones = group.bad(scanned)
            words = ones[::_HALVES].copy()
            words[: len(ones) // _HALVES] |= ones[1::_HALVES] << np.uint64(_HALF_BITS)
            found.append(words)
        return np.concatenate(found)

    def _of(self, first: int, facts: Facts, number: int) -> Longs:
        words = facts.extras[len(self._fields) + first + number // _HALVES]
        half = (words >> np.uint64(_HALF_BITS * (number % _HALVES))) & _HALF
        found: Longs = half.astype(np.int64)
        return found
