"""The seam between policies and the sampler that holds traces for them.

A plan is made of policies once. It looks at each span where it arrives and leaves one bit
for each leaf; bits of a trace are OR-ed, so a leaf that wants all spans sets its bit where
one is not as wanted. When the trace is due, the plan decides on what has gathered: arrays
over all traces that are due, in the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs, Octets, Shorts, Words
from collectors.wire.scan import Scan

MOST_LEAVES: Final = 64
"""Bits there are for leaves that look at spans; equal leaves share one."""

MOST_TOLD: Final = 64
"""Policies whose answers are told of each trace; what more there are decide like the others."""

UNKNOWN: Final = 2**64 - 1
"""A threshold where nobody can say how probable it was to be kept: a stated one is taken out."""

NOBODY: Final = -1
"""The policy of a trace that none has decided on: it is dropped because none wants it."""

Flags: TypeAlias = NDArray[np.bool_]
SpanFlags: TypeAlias = Callable[[Scan], Words]
"""One word per row of `Scan.entries`, one bit per leaf. May raise; has no state."""


class Fold(StrEnum):
    """How the numbers of a trace's spans become one, whatever their order.

    `SUM` alone minds repetition: each span is told once.
    """

    OR = "or"
    MAX = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Extra:
    """A question beside the leaves: a word for each span, 0 where there is nothing to say.

    Attributes:
        name: For explanations.
        fold: How the words of a trace's spans become one.
    """

    name: str
    fold: Fold


def _none() -> Words:
    return np.zeros((0, 0), np.uint64)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of traces, one value for each.

    Attributes:
        ids: Shape (traces, 16).
        bits: Words of all spans, OR-ed.
        spans: How many spans.
        sizes: Bytes of the spans as they arrived.
        starts_ns: Earliest start, Unix time; times that cannot be true are left out.
        ends_ns: Latest end; with `starts_ns` 0 where no span has a time that can be true.
        has_root: Whether a span without a parent has arrived.
        randomness: 56 bits: `rv` of the trace state where it is stated, else of the id.
        thresholds: The highest `th` that was stated, 0 where none was.
        extras: Shape (`Plan.extras`, traces): what `Plan.measure` said, folded.
        places: Of single spans, which of those that `Plan.arrived` was told of last they are:
            what came behind them in the same request has no say. None of whole traces.
        held: Of single spans, bytes of what is known of their trace and comes back with it.
            None of whole traces.
    """

    ids: Octets
    bits: Words
    spans: Longs
    sizes: Longs
    starts_ns: Words
    ends_ns: Words
    has_root: Flags
    randomness: Words
    thresholds: Words
    extras: Words = field(default_factory=_none)
    places: Longs | None = None
    held: Longs | None = None

    def __len__(self) -> int:
        """How many traces."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What becomes of traces, one value for each.

    Attributes:
        keep: Whether it is kept.
        policies: Index in `Plan.names` of the policy that decided, `NOBODY` where none
            wanted it. Dropped by a policy is final: no later span changes it.
        thresholds: Of what is kept: 0 where it was certain, else the 56-bit threshold that
            `Facts.randomness` has met, or `UNKNOWN`.
        votes: Shape (policies, 2): traces, and spans in them, that each policy by itself
            wanted (or, of one that drops, wanted dropped).
        said: Which of the first `MOST_TOLD` policies did, one bit for each.
    """

    keep: Flags
    policies: Shorts
    thresholds: Words
    votes: Longs
    said: Words


class Plan(Protocol):
    """Policies, ready to decide. Deterministic; no clock, no randomness."""

    @property
    def names(self) -> Sequence[str]:
        """The policies' names, in order."""
        ...

    @property
    def leaves(self) -> Sequence[str]:
        """What each bit of `flags` stands for, in words."""
        ...

    @property
    def extras(self) -> Sequence[Extra]:
        """What `measure` answers; mostly nothing."""
        ...

    def flags(self, scanned: Scan) -> Words:
        """One word per row of `scanned.entries`; see `SpanFlags`."""
        ...

    def measure(self, scanned: Scan) -> Words:
        """Shape (extras, entries): the other answers. Changes no state."""
        ...

    def arrived(self, flags: Words, steady_ns: int) -> None:
        """Count the spans of one request, told once, late ones too: burn rates need all.

        Args:
            flags: What `flags` said of them.
            steady_ns: When they came.
        """
        ...

    def decide(self, facts: Facts, steady_ns: int) -> Decisions:
        """Decide on traces, in their order; budgets by the second are spent."""
        ...

    def reconsider(self, facts: Facts, steady_ns: int) -> Shorts:
        """Of single spans that come after their trace was dropped: who alone must be kept.

        Chance and counts of spans have no say. What comes back with a span is spent as if each
        came alone, in their order, and what a budget leaves out is counted.

        Returns:
            The policy that keeps the span, and so its trace, else `NOBODY`.
        """
        ...

    def settled(self, facts: Facts) -> Flags:
        """Traces that `decide` keeps for certain, or drops by policy, whatever spans come yet.

        Changes no state.
        """
        ...

    def totals(self) -> Iterator[tuple[str, dict[str, str], int]]:
        """Counters of the plan's own: metric, labels, total since its state began."""
        ...

    def snapshot(self) -> bytes:
        """All state, deterministic."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from `state`.

        Raises:
            ValueError: It is not of such a plan; nothing was changed.
        """
        ...
