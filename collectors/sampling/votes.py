"""What a policy says of traces, and how what several say becomes one.

Besides yes and no a vote tells the threshold that a trace's randomness had to meet. Where
one of two policies is enough, the lower threshold counts; where both are needed, the higher.
So the threshold of a trace that is kept says with which probability it was.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.ottl.columns import Mask
from collectors.sampling.plan import UNKNOWN, Facts
from collectors.sampling.thresholds import ALWAYS, NEVER
from collectors.wire.kernel import Words

Shed: TypeAlias = tuple[Callable[[Facts, Mask], None], Mask]
Reals: TypeAlias = NDArray[np.float64]

_ALWAYS: Final = np.uint64(ALWAYS)
_NEVER: Final = np.uint64(NEVER)
_UNKNOWN: Final = np.uint64(UNKNOWN)


@dataclass(frozen=True, slots=True)
class Vote:
    """What a policy says, one value for each trace.

    Attributes:
        sampled: Whether it wants the trace. False for traces that it was not asked about.
        thresholds: `ALWAYS` or `NEVER` where the answer is certain, between them where
            chance had a say, `UNKNOWN` where nobody can tell how large it was.
        is_inverted: It comes from `invert_match`, and inverted decisions are on.
    """

    sampled: Mask
    thresholds: Words
    is_inverted: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """One round of decisions.

    Attributes:
        steady_ns: When.
        is_alone: The facts are of some spans that came late. A yes then means that the whole
            trace would be wanted, whatever its other spans are.
        shed: By whom those traces are to be counted that a budget left out and no other
            policy keeps, and which the budget left out.
    """

    facts: Facts
    steady_ns: int
    is_alone: bool = False
    shed: list[Shed] = field(default_factory=list["Shed"])

    def everyone(self) -> Mask:
        """All traces."""
        return np.ones(len(self.facts), np.bool_)


class Policy(Protocol):
    """One policy of a plan, its state included."""

    @property
    def has_memory(self) -> bool:
        """Whether an answer depends on what was asked before."""
        ...

    def ask(self, asking: Asking, rows: Mask) -> Vote:
        """Ask about the traces in `rows`; the others say nothing and cost nothing."""
        ...

    def words(self) -> object:
        """All state, in words of JSON; None where there is none."""
        ...

    def take(self, words: object) -> None:
        """Continue from `words`; what is not understood is left out."""
        ...


def certain(sampled: Mask) -> Vote:
    """A vote in which chance has no say."""
    return Vote(sampled, np.where(sampled, _ALWAYS, _NEVER))


def nothing(rows: Mask) -> Vote:
    """No for all."""
    return certain(np.zeros_like(rows))


def chance_elsewhere(rows: Mask, sampled: Mask) -> Vote:
    """A vote that chance decided, and not the trace's randomness: nobody knows how likely."""
    return Vote(rows & sampled, np.where(rows, _UNKNOWN, _NEVER))


def by_chance(facts: Facts, rows: Mask, thresholds: Words) -> Vote:
    """A vote by the randomness of the traces in `rows`."""
    return Vote(rows & (facts.randomness >= thresholds), np.where(rows, thresholds, _NEVER))


def composed(share: Reals | float, exact: Words | int, before: Words) -> Words:
    """Thresholds that keep `share` of what was sampled at `before`.

    Args:
        share: From 0 to 1, of all traces or of each.
        exact: The thresholds for `share` of what was not sampled before.
        before: 0 where it was not.
    """
    fresh = np.where(before == 0, np.uint64(exact) if isinstance(exact, int) else exact, _NEVER)
    if not before.any():
        return fresh
    left = np.rint((_NEVER - np.minimum(before, _NEVER)).astype(np.float64) * share)
    # Rounding may not bring back what was dropped before.
    wanted = np.maximum(_NEVER - left.astype(np.uint64), before)
    return np.where(before == 0, fresh, wanted)


def opposite(vote: Vote, rows: Mask) -> Vote:
    """No for yes; the complement of chance is no threshold."""
    turned = np.where(vote.thresholds == _ALWAYS, _NEVER, _UNKNOWN)
    turned[vote.thresholds == _NEVER] = _ALWAYS
    return Vote(rows & ~vote.sampled, np.where(rows, turned, _NEVER))


def higher(left: Words, right: Words) -> Words:
    """Thresholds of traces that two must want; a certain no goes before what is unknown."""
    is_refused = (left == _NEVER) | (right == _NEVER)
    return np.where(is_refused, _NEVER, np.maximum(left, right))


def is_open(thresholds: Words) -> Mask:
    """Where chance had a say."""
    found: Mask = (thresholds != _ALWAYS) & (thresholds != _NEVER)
    return found
