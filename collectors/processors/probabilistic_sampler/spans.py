"""Spans: randomness and thresholds in the trace state, priority in an attribute."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.processors.probabilistic_sampler.config import Mode
from collectors.processors.probabilistic_sampler.deciding import Arriving, Decided
from collectors.sampling.thresholds import (
    ALWAYS,
    MOST_RANDOM,
    NEVER,
    hash_ids,
    of_hashes,
    of_trace_ids,
)
from collectors.sampling.tracestate import readable, restated
from collectors.wire.kernel import Words
from collectors.wire.scan import Coded, Scan, slices
from collectors.wire.spans import span_attributes, trace_ids, trace_states
from collectors.wire.values import as_text

_PRIORITY: Final = "sampling.priority"
_TRACE_STATE: Final = 3


class SpanCarriers:
    """What the spans of a request say about sampling, and what they are to say."""

    def __init__(self, scanned: Scan, mode: Mode, seed: int) -> None:
        self._scanned = scanned
        self._mode = mode
        self._coded = trace_states(scanned)
        self._states = [readable(value) for value in self._coded.values]
        ids = trace_ids(scanned)
        self._hashed: Words | None = None
        if mode is Mode.HASH_SEED:
            self._hashed = of_hashes(hash_ids(ids, seed))
        self.arriving = self._arriving(self._hashed, of_trace_ids(ids), np.asarray(ids.any(axis=1)))

    def priorities(self) -> tuple[Words | None, Words | None]:
        """Thresholds of spans that ask to go (least) and to stay (most), as `decide` wants."""
        coded = span_attributes(self._scanned, (_PRIORITY,))[_PRIORITY]
        if not coded.values:
            return None, None
        asked = [_asked(value) for value in coded.values]
        least = np.array([NEVER if of == 0 else ALWAYS for of in asked] + [ALWAYS], np.uint64)
        most = np.array([ALWAYS if of > 0 else NEVER for of in asked] + [NEVER], np.uint64)
        return least[coded.codes], most[coded.codes]

    def edited(self, decided: Decided) -> dict[int, bytes]:
        """The spans that are kept, with the threshold that they were kept at."""
        made: dict[tuple[int, int, bool, int], bytes | None] = {}
        spots = slices(self._scanned, self._scanned.entries, (_TRACE_STATE,))[0]
        found: dict[int, bytes] = {}
        rows = np.flatnonzero(decided.kept)
        columns = (
            rows.tolist(),
            self._coded.codes[rows].tolist(),
            decided.threshold[rows].tolist(),
            decided.is_cleared[rows].tolist(),
            (rows * 0 if self._hashed is None else self._hashed[rows]).tolist(),
            self._scanned.entries[rows].tolist(),
            spots[rows].tolist(),
        )
        for row, code, limit, is_cleared, hashed, entry, spot in zip(*columns, strict=True):
            key = (code, limit, is_cleared, hashed)
            if key not in made:
                made[key] = self._text(*key)
            text = made[key]
            if text is not None:
                found[row] = restated(self._scanned.payload, entry, spot, text)
        return found

    def _arriving(self, hashed: Words | None, of_ids: Words, has_id: NDArray[np.bool_]) -> Arriving:
        codes = self._coded.codes
        states = self._states
        unreadable = np.array([of is None for of in states], np.bool_)[codes]
        stated = [None if of is None else of.randomness for of in states]
        limits = [None if of is None else of.threshold for of in states]
        has_randomness, randomness = _numbers(stated, self._coded)
        has_threshold, threshold = _numbers(limits, self._coded)
        if hashed is not None:
            # Whoever samples by thresholds must not be mixed with one who does not.
            is_wrong = unreadable | has_randomness | has_threshold
            return Arriving(hashed, threshold, np.zeros_like(has_threshold), is_wrong)
        own = np.where(has_randomness, randomness, of_ids)
        is_missing = ~has_randomness & ~has_id
        whole = np.where(is_missing, np.uint64(MOST_RANDOM), own)
        return Arriving(whole, threshold, has_threshold, unreadable | is_missing)

    def _text(self, code: int, limit: int, is_cleared: bool, hashed: int) -> bytes | None:
        """The new trace state; None where the old one stays."""
        state = self._states[code]
        if state is None:
            return None
        before = None if is_cleared else state.threshold
        now = limit if before is None else max(before, limit)
        randomness = state.randomness
        if self._mode is Mode.HASH_SEED and randomness is None and state.threshold is None:
            randomness = hashed
        new = dataclasses.replace(state, threshold=now, randomness=randomness).text().encode()
        return None if new == self._coded.values[code] else new


def _numbers(values: list[int | None], coded: Coded) -> tuple[NDArray[np.bool_], Words]:
    """Which spans have a number, and the numbers."""
    has = np.array([value is not None for value in values], np.bool_)
    numbers = np.array([value or 0 for value in values], np.uint64)
    return has[coded.codes], numbers[coded.codes]


def _asked(value: bytes) -> float:
    """A priority: 0 asks to go, above 0 to stay, below leaves it open."""
    text = as_text(value)
    try:
        asked = float(text)
    except ValueError:
        return -1
    return asked if asked == asked else -1  # noqa: PLR0124 - not a number is no priority
