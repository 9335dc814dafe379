"""Questions that a sampler asks beside those of its policies, and policies that only watch.

What is asked beside is a word for each span, folded into one for its trace like any other
answer of `Plan.measure`. A shadow is a second plan: its leaves are such a word, it is told of
the same spans, decides on the same traces at the same time, and nothing comes of it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from collectors.sampling.notes import Cause
from collectors.sampling.plan import Decisions, Extra, Facts, Fold, Plan
from collectors.wire.kernel import Shorts, Words
from collectors.wire.scan import Scan

_PREFIX: Final = "beside: "


class Questions(Protocol):
    """What is asked about spans as they arrive; see `Plan`."""

    @property
    def leaves(self) -> Sequence[str]:
        """See `Plan.leaves`."""
        ...

    @property
    def extras(self) -> Sequence[Extra]:
        """See `Plan.extras`."""
        ...

    def flags(self, scanned: Scan) -> Words:
        """See `Plan.flags`."""
        ...

    def measure(self, scanned: Scan) -> Words:
        """See `Plan.measure`."""
        ...


class Beside:
    """Questions whose leaves are the first of their extras: so several can be asked at once."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self.extras: tuple[Extra, ...] = (
            Extra(_PREFIX + json.dumps(list(questions.leaves)), Fold.OR),
            *(Extra(_PREFIX + extra.name, extra.fold) for extra in questions.extras),
        )

    def measure(self, scanned: Scan) -> Words:
        """Shape (extras, entries)."""
        flags = self._questions.flags(scanned)[None, :]
        return np.concatenate((flags, self._questions.measure(scanned)))


class Watch(Protocol):
    """Who wants to know of every decision, and something more about the spans."""

    @property
    def beside(self) -> Beside:
        """What that is: it comes last among `Facts.extras`."""
        ...

    def decided(self, facts: Facts, decisions: Decisions, cause: Cause) -> None:
        """Traces that were decided on; those brought back were decided on before."""
        ...


class Asked:
    """The questions of a plan, and after them those that are asked beside it."""

    def __init__(self, plan: Plan, besides: Sequence[Beside]) -> None:
        """Join them.

        Args:
            plan: Its extras come first, so that it finds them where it looks for them.
            besides: Each finds its own behind those of the ones before.
        """
        self._plan = plan
        self._besides = tuple(besides)
        self.leaves = plan.leaves
        self.extras = (*plan.extras, *(extra for of in besides for extra in of.extras))

    def flags(self, scanned: Scan) -> Words:
        """See `Plan.flags`."""
        return self._plan.flags(scanned)

    def measure(self, scanned: Scan) -> Words:
        """See `Plan.measure`."""
        found = self._plan.measure(scanned)
        if not self._besides:
            return found
        return np.concatenate((found, *(of.measure(scanned) for of in self._besides)))


class Shadow:
    """A plan that decides beside another one, and nothing comes of it."""

    def __init__(self, plan: Plan, first: int) -> None:
        """Watch.

        Args:
            plan: Decides.
            first: Its row among all extras.
        """
        self._plan = plan
        self._first = first
        self.beside = Beside(plan)

    @property
    def names(self) -> Sequence[str]:
        """The policies' names."""
        return self._plan.names

    def arrived(self, extras: Words, steady_ns: int) -> None:
        """See `Plan.arrived`; of all extras of the spans."""
        self._plan.arrived(extras[self._first], steady_ns)

    def decide(self, facts: Facts, steady_ns: int) -> Decisions:
        """See `Plan.decide`."""
        return self._plan.decide(self._own(facts), steady_ns)

    def reconsider(self, facts: Facts, steady_ns: int) -> Shorts:
        """See `Plan.reconsider`."""
        return self._plan.reconsider(self._own(facts), steady_ns)

    def _own(self, facts: Facts) -> Facts:
        """What its own questions were answered."""
        bits, extras = facts.extras[self._first], facts.extras[self._first + 1 :]
        return dataclasses.replace(facts, bits=bits, extras=extras)

    def snapshot(self) -> bytes:
        """See `Plan.snapshot`."""
        return self._plan.snapshot()

    def restore(self, state: bytes) -> None:
        """See `Plan.restore`; raises ValueError."""
        self._plan.restore(state)
