"""Single spans that come late, of the same traces: which are first, and what comes before them.

Whatever is found is what would be found if each span came in a request of its own.
"""

from __future__ import annotations

import numpy as np

from collectors.ottl.columns import Mask
from collectors.sampling.plan import Facts
from collectors.wire.kernel import Longs


class Late:
    """Late spans, in the order in which they came."""

    def __init__(self, facts: Facts) -> None:
        """Tell them apart by their traces."""
        halves = np.ascontiguousarray(facts.ids).view(np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 0], halves[:, 1]))
        is_other = (np.diff(halves[order], axis=0) != 0).any(axis=1)
        self._facts = facts
        self._owners: Longs = np.zeros(len(order), np.int64)
        self._owners[order[1:]] = np.cumsum(is_other)
        self._places = np.arange(len(facts))

    def since(self, chosen: Mask) -> Mask:
        """The first of `chosen` of each trace, and all behind it."""
        first = np.full(len(self._owners), len(self._owners))
        np.minimum.at(first, self._owners[chosen], self._places[chosen])
        found: Mask = self._places >= first[self._owners]
        return found

    def behind(self, chosen: Mask) -> Mask:
        """What comes behind the first of `chosen` of its trace."""
        found = self.since(chosen)
        found[self.firsts(chosen)] = False
        return found

    def firsts(self, chosen: Mask) -> Longs:
        """The first of `chosen` of each trace, in order."""
        rows = np.flatnonzero(chosen)
        _, first = np.unique(self._owners[rows], return_index=True)
        found: Longs = rows[np.sort(first)]
        return found

    def costs(self) -> Longs:
        """Bytes of each span's trace until then: what is held, those before it here, itself."""
        order = np.argsort(self._owners, kind="stable")
        ends = np.cumsum(self._facts.sizes[order])
        is_first = np.diff(self._owners[order], prepend=-1) != 0
        first = np.flatnonzero(is_first)
        before = (ends - self._facts.sizes[order])[first][np.cumsum(is_first) - 1]
        costs = np.zeros(len(order), np.int64) if self._facts.held is None else self._facts.held
        found: Longs = costs.copy()
        found[order] += ends - before
        return found
