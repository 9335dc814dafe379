"""Who is kept: one decision for all items of a request, from columns.

The same rules for spans and log records; what differs is where randomness and thresholds
are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from collectors.processors.probabilistic_sampler.config import Mode, SamplerConfig
from collectors.sampling.thresholds import (
    ALWAYS,
    NEVER,
    hash_threshold,
    share,
    threshold,
)
from collectors.wire.kernel import Words

_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Arriving:
    """What items bring with them, one value for each.

    Attributes:
        randomness: `MOST_RANDOM` where there is none.
        threshold: At which it was sampled before.
        has_threshold: Whether it says so.
        is_wrong: Its randomness is missing, or what it says cannot be read or used.
    """

    randomness: Words
    threshold: Words
    has_threshold: NDArray[np.bool_]
    is_wrong: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of items.

    Attributes:
        kept: Who is kept.
        threshold: At which.
        is_cleared: Who said a threshold that its own randomness contradicts.
    """

    kept: NDArray[np.bool_]
    threshold: Words
    is_cleared: NDArray[np.bool_]


class Decider:
    """A mode with its percentage."""

    def __init__(self, config: SamplerConfig, mode: Mode) -> None:
        percentage = min(config.sampling_percentage, _WHOLE)
        self._mode = mode
        self._precision = config.sampling_precision
        self._share = Fraction(str(percentage)) / _WHOLE
        self._failing = NEVER if config.fail_closed else ALWAYS
        if mode is Mode.HASH_SEED:
            self._threshold = hash_threshold(percentage)
        else:
            self._threshold = threshold(self._share, self._precision)

    def decide(self, arriving: Arriving, least: Words | None, most: Words | None) -> Decided:
        """Decide on all items.

        Args:
            arriving: What they bring with them.
            least: Thresholds that count where they are higher: `NEVER` for what is to go.
            most: Thresholds that count where they are lower: `ALWAYS` for what must stay.
        """
        contradicts = arriving.has_threshold & (arriving.randomness < arriving.threshold)
        is_wrong = arriving.is_wrong | contradicts
        wanted = np.where(is_wrong, np.uint64(self._failing), self._wanted(arriving))
        if most is not None:
            wanted = np.minimum(wanted, most)
        if least is not None:
            wanted = np.maximum(wanted, least)
        return Decided(arriving.randomness >= wanted, wanted, contradicts)

    def _thinned(self, before: int) -> int:
        """The threshold that keeps the share of what `before` has kept."""
        product = self._share * share(before)
        # Rounding may not bring back what was dropped before.
        return max(before, threshold(product, self._precision))

    def _wanted(self, arriving: Arriving) -> Words:
        if self._mode is Mode.EQUALIZING and self._threshold != NEVER:
            before = np.where(arriving.has_threshold, arriving.threshold, np.uint64(0))
            return np.maximum(before, np.uint64(self._threshold))
        wanted = np.full(len(arriving.threshold), self._threshold, np.uint64)
        if self._mode is Mode.PROPORTIONAL and self._threshold != NEVER:
            said = arriving.has_threshold
            distinct, of = np.unique(arriving.threshold[said], return_inverse=True)
            after = [self._thinned(before) for before in distinct.tolist()]
            wanted[said] = np.array(after, np.uint64)[of]
        return wanted
