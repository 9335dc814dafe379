"""The policies that are made of policies: and, not, drop, composite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collectors.ottl.columns import Mask
from collectors.sampling.limits import Second, admitted
from collectors.sampling.votes import (
    Asking,
    Policy,
    Vote,
    certain,
    chance_elsewhere,
    higher,
    nothing,
    opposite,
)


class _Several:
    """Base of policies with others inside; their state is a list."""

    def __init__(self, parts: Sequence[Policy]) -> None:
        self._parts = tuple(parts)

    @property
    def has_memory(self) -> bool:
        """Whether one of them has."""
        return any(part.has_memory for part in self._parts)

    def words(self) -> object:
        """State of each."""
        return [part.words() for part in self._parts] if self.has_memory else None

    def take(self, words: object) -> None:
        """Continue with the state of each."""
        if isinstance(words, list) and len(words) == len(self._parts):
            for part, own in zip(self._parts, words, strict=True):
                part.take(own)


class All(_Several):
    """Traces that every part wants; `drop` drops those, `and` keeps them."""

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """One part after the other.

        One with a memory is asked about the traces only that all before it want.
        """
        sampled = rows
        thresholds = certain(rows).thresholds
        for part in self._parts:
            asked = sampled if part.has_memory else rows
            vote = part.ask(asking, asked)
            thresholds = np.where(asked, higher(thresholds, vote.thresholds), thresholds)
            sampled = sampled & vote.sampled
        return Vote(sampled, thresholds)


class Not(_Several):
    """Traces that its only part does not want."""

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """The opposite; an inverted decision stays what it is."""
        if asking.is_alone:
            return nothing(rows)
        (part,) = self._parts
        vote = part.ask(asking, rows)
        if vote.is_inverted:
            return vote
        return opposite(vote, rows)


@dataclass(frozen=True, slots=True)
class Allocated:
    """A part of a composite policy, and the spans by the second that it may let through."""

    policy: Policy
    second: Second


class Composite(_Several):
    """The first part that wants a trace decides, as long as the second's spans last."""

    @property
    def has_memory(self) -> bool:
        """Of the second."""
        return True

    def __init__(self, parts: Sequence[Allocated]) -> None:
        super().__init__([part.policy for part in parts])
        self._allocated = tuple(parts)

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """Each part about the traces that no part before it wants."""
        if asking.is_alone:
            return nothing(rows)
        sampled: Mask = np.zeros_like(rows)
        left = rows
        spans = asking.facts.spans
        for part in self._allocated:
            wanted = np.flatnonzero(part.policy.ask(asking, left).sampled)
            room = part.second.at(asking.steady_ns)
            chosen = wanted[admitted(spans[wanted].astype(np.int64), room)]
            part.second.spend(int(spans[chosen].sum()))
            sampled[chosen] = True
            left = left.copy()
            left[wanted] = False
        return chance_elsewhere(rows, sampled)

    def words(self) -> object:
        """State of each part, and what it has let through."""
        return [[part.policy.words(), part.second.words()] for part in self._allocated]

    def take(self, words: object) -> None:
        """Continue with both."""
        if isinstance(words, list) and len(words) == len(self._allocated):
            for part, own in zip(self._allocated, words, strict=True):
                match own:
                    case [inner, second]:
                        part.policy.take(inner)
                        part.second.take(second)
                    case _:
                        pass
