"""All questions that a plan asks about spans, and the bit that each has."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from collectors.sampling.plan import MOST_LEAVES
from collectors.sampling.policies.leaves import Columns, Leaf
from collectors.wire.kernel import Words
from collectors.wire.scan import Scan


class TooManyLeaves(ValueError):  # noqa: N818 - said of policies
    """The policies ask more questions about spans than there are bits."""


class Group(Protocol):
    """Questions about a span that are answered together, each with a bit of its own."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Attribute keys that they read."""
        ...

    @property
    def texts(self) -> tuple[str, ...]:
        """Each question in words, from the lowest bit."""
        ...

    def words(self, scanned: Scan) -> Words:
        """The bits of each span of a request, from the lowest."""
        ...


class Leaves:
    """All questions of a plan."""

    def __init__(self) -> None:
        self._leaves: dict[Leaf, int] = {}
        self._groups: list[tuple[Group, int]] = []
        self._texts: list[str] = []

    def bit(self, leaf: Leaf) -> np.uint64:
        """The word in which only the bit of `leaf` is set.

        Raises:
            TooManyLeaves: There is no bit left.
        """
        if leaf not in self._leaves:
            self._leaves[leaf] = self._take((leaf.text,))
        return np.uint64(1 << self._leaves[leaf])

    def group(self, group: Group) -> int:
        """The lowest bit of `group`.

        Raises:
            TooManyLeaves: There are too few bits left.
        """
        place = self._take(group.texts)
        self._groups.append((group, place))
        return place

    def texts(self) -> tuple[str, ...]:
        """Each question in words, from the lowest bit."""
        return tuple(self._texts)

    def keys(self) -> list[str]:
        """Attribute keys that are read."""
        found = {key for leaf in self._leaves for key in leaf.keys}
        return sorted(found.union(*(group.keys for group, _ in self._groups)))

    def flags(self, scanned: Scan) -> Words:
        """The bits of each span of a request."""
        found = np.zeros(len(scanned.entries), np.uint64)
        if not len(found):
            return found
        columns = Columns(scanned, sorted({key for leaf in self._leaves for key in leaf.keys}))
        for leaf, place in self._leaves.items():
            found |= leaf.mask(columns).astype(np.uint64) << np.uint64(place)
        for group, place in self._groups:
            found |= group.words(scanned) << np.uint64(place)
        return found

    def _take(self, texts: tuple[str, ...]) -> int:
        place = len(self._texts)
        if place + len(texts) > MOST_LEAVES:
            msg = f"the policies may ask {MOST_LEAVES} different questions about spans, not more"
            raise TooManyLeaves(msg)
        self._texts += texts
        return place
