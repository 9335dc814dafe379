"""The seam between what remembers traces and what decides on them.

Who holds the traces asks the plan about spans as they come, folds the answers into one
number per trace and question, and later shows those numbers for all traces that are due.
A plan never sees a span twice, and knows no clock and no chance: the steady time and the
order of the traces are given, and randomness is a hash of the trace id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from numpy import int16, int64
from numpy.typing import NDArray

from collectors.ottl.columns import Mask
from collectors.wire.kernel import Octets, Words
from collectors.wire.scan import Scan

MOST_LEAVES: Final = 64
"""Conditions on single spans that a plan can ask about: one bit each."""

UNKNOWN: Final = 2**64 - 1
"""In place of a threshold: with which probability a trace was kept cannot be said."""

NO_POLICY: Final = -1


class Fold(StrEnum):
    """How the numbers of a trace's spans become one; neither minds order or repetition."""

    OR = "or"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Extra:
    """A question beside the leaves: a 64-bit number per span, 0 where there is nothing to say.

    Attributes:
        name: For explanations.
        fold: How the answers of a trace's spans become one.
    """

    name: str
    fold: Fold


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of traces: one row each, in the order in which they are to be decided.

    Attributes:
        ids: Shape (traces, 16).
        bits: What `Plan.flags` said of their spans, OR-ed.
        spans: How many spans.
        starts: The least start of those that say one, Unix nanoseconds; 0 where none does.
        ends: The greatest end, Unix nanoseconds.
        sizes: Bytes of the spans, as they stand in requests.
        extras: Shape (`Plan.extras`, traces): what `Plan.measure` said, folded.
    """

    ids: Octets
    bits: Words
    spans: Words
    starts: Words
    ends: Words
    sizes: Words
    extras: Words


@dataclass(frozen=True, slots=True)
class Decisions:
    """What becomes of the traces of some `Facts`, row by row.

    Attributes:
        keep: Whether.
        policy: Which of `Plan.policies` decided so: the first that keeps it, or the one that
            drops or vetoes it; `NO_POLICY` where none had an opinion.
        thresholds: Of those that are kept: 56 bits, to be written to `ot=th` of their spans
            where those do not say a higher one; 0 changes nothing; `UNKNOWN`: take `th` out.
        votes: Shape (policies, 3): how many traces each policy voted to sample, not to
            sample, and to drop; one that was not asked did not vote.
    """

    keep: Mask
    policy: NDArray[int16]
    thresholds: Words
    votes: NDArray[int64]


class Plan(Protocol):
    """Policies, ready to be asked.

    Attributes:
        policies: Their names, those that drop first, which is the order they are asked in.
        leaves: What each bit of `flags` stands for, in words.
        extras: What `measure` answers.
    """

    policies: Sequence[str]
    leaves: Sequence[str]
    extras: Sequence[Extra]

    def flags(self, scanned: Scan) -> Words:
        """One bit per leaf for each span of a request; changes nothing."""
        ...

    def measure(self, scanned: Scan) -> Words:
        """Shape (extras, spans): the other answers; changes nothing."""
        ...

    def arrived(self, flags: Words, steady_ns: int) -> None:
        """Count the spans of one request, told once, late ones too: for burn rates."""
        ...

    def decide(self, facts: Facts, steady_ns: int) -> Decisions:
        """Decide on all traces of `facts`, in their order; moves limits and rates on."""
        ...

    def rescues(self, facts: Facts) -> Mask:
        """Which rows a policy keeps for sure, and none drops, whatever else is known.

        For spans that come after their trace was dropped: rows are those spans alone. Chance
        and limits are not asked, and nothing changes.
        """
        ...

    def totals(self) -> Iterator[tuple[str, dict[str, str], int]]:
        """Counters of the plan's own: metric name, labels, and total since the state began."""
        ...

    def snapshot(self) -> bytes:
        """All state, such that `restore` of it continues as if nothing had happened."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from `state`; what it says of policies that are gone is left out."""
        ...
