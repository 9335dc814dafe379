"""Totals of good and bad events by SLO, which outlive processes and configurations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from collectors.processors.sli.counting import Counts

OUTCOMES: Final = ("good", "bad")


class Tally:
    """Two totals for each declared SLO, from zero.

    What is known of an SLO that is no longer declared is kept: when it comes back, its
    counters go on where they stood, and no counter ever falls.
    """

    def __init__(self, slos: Sequence[str]) -> None:
        self._slos = tuple(slos)
        self._totals: dict[str, list[int]] = {slo: [0, 0] for slo in slos}

    def add(self, counts: Counts) -> None:
        """Add events: shape (SLOs, 2), good and bad."""
        for slo, (good, bad) in zip(self._slos, counts.tolist(), strict=True):
            total = self._totals[slo]
            total[0] += good
            total[1] += bad

    def totals(self) -> Iterator[tuple[str, str, int]]:
        """SLO, outcome and total, of all that are declared."""
        for slo in self._slos:
            for outcome, total in zip(OUTCOMES, self._totals[slo], strict=True):
                yield slo, outcome, total

    def words(self) -> dict[str, list[int]]:
        """All state, in words of JSON, always in the same order."""
        return {slo: list(self._totals[slo]) for slo in sorted(self._totals)}

    def take(self, words: dict[str, list[int]]) -> None:
        """Continue from `words`; what they do not name stands at zero."""
        self._totals = {slo: [0, 0] for slo in self._slos}
        self._totals |= {slo: [int(good), int(bad)] for slo, (good, bad) in words.items()}

    def begin_again(self) -> None:
        """Set every total to zero."""
        self.take({})

    def encode(self) -> bytes:
        """All state, as bytes."""
        return json.dumps(self.words()).encode()

    def decode(self, state: bytes) -> None:
        """Continue from what `encode` made."""
        self.take(json.loads(state))
