"""Totals of good and bad events by SLO and label values.

They outlive processes and configurations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeAlias

from collectors.processors.sli.config import CountedConfig
from collectors.processors.sli.counting import OTHER, Counted

OUTCOMES: Final = ("good", "bad")
_BETWEEN: Final = "\0"
"""Parts an SLO and its labels in the names of what is kept; it stands in neither."""

Values: TypeAlias = tuple[str, ...]
Sets: TypeAlias = dict[Values, list[int]]
Words: TypeAlias = dict[str, list[int] | list[list[object]]]


@dataclass(frozen=True, slots=True)
class Total:
    """What one counter stands at.

    Attributes:
        labels: Those of the budget; `slo_id` and `outcome` are not among them.
    """

    slo: str
    labels: Mapping[str, str]
    outcome: str
    value: int


class Tally:
    """Two totals for each declared SLO, and each of its label sets, from zero.

    What is known of an SLO that is no longer declared, or was declared with other labels, is
    kept: when it comes back, its counters go on where they stood, and no counter ever falls.
    """

    def __init__(self, slos: Mapping[str, CountedConfig]) -> None:
        self._slos = dict(slos)
        self._names = [_BETWEEN.join((slo, *of.by)) for slo, of in slos.items()]
        self._limits = [of.limit for of in slos.values()]
        self._totals: dict[str, Sets] = {}
        self._declare()

    def add(self, counted: Iterable[Counted]) -> list[Total]:
        """Add events.

        Returns:
            The counters that moved or are new, once each.
        """
        changed: dict[tuple[int, Values], None] = {}
        for each in counted:
            sets = self._totals[self._names[each.slo]]
            values = self._placed(each, sets)
            total = sets.setdefault(values, [0, 0])
            total[0] += each.good
            total[1] += each.bad
            changed[each.slo, values] = None
        slos = list(self._slos)
        return [
            total
            for slo, values in changed
            for total in self._told(slos[slo], self._names[slo], values)
        ]

    def totals(self) -> Iterator[Total]:
        """Of all that are declared."""
        for slo, name in zip(self._slos, self._names, strict=True):
            for values in sorted(self._totals[name]):
                yield from self._told(slo, name, values)

    def words(self) -> Words:
        """All state, in words of JSON, always in the same order."""
        return {
            name: [[*values, *sets[values]] for values in sorted(sets)]
            if _BETWEEN in name
            else list(sets[()])
            for name, sets in sorted(self._totals.items())
        }

    def take(self, words: Words) -> None:
        """Continue from `words`; what they do not name stands at zero."""
        self._totals = {name: _sets(name, of) for name, of in words.items()}
        self._declare()

    def begin_again(self) -> None:
        """Set every total to zero; what was told goes on being told."""
        for sets in self._totals.values():
            sets |= {values: [0, 0] for values in sets}

    def encode(self) -> bytes:
        """All state, as bytes."""
        return json.dumps(self.words()).encode()

    def decode(self, state: bytes) -> None:
        """Continue from what `encode` made."""
        self.take(json.loads(state))

    def _declare(self) -> None:
        for name, slo in zip(self._names, self._slos.values(), strict=True):
            sets = self._totals.setdefault(name, {})
            for values in product(*(of.values for of in slo.by.values())):
                sets.setdefault(values, [0, 0])

    def _placed(self, counted: Counted, sets: Sets) -> Values:
        """Where events are counted: under their own values while there is room."""
        values = counted.values
        if values in sets or (OTHER not in values and len(sets) < self._limits[counted.slo]):
            return values
        return (OTHER,) * len(values)

    def _told(self, slo: str, name: str, values: Values) -> Iterator[Total]:
        labels = dict(zip(self._slos[slo].by, values, strict=True))
        for outcome, total in zip(OUTCOMES, self._totals[name][values], strict=True):
            yield Total(slo, labels, outcome, total)


def _sets(name: str, of: list[int] | list[list[object]]) -> Sets:
    if _BETWEEN not in name:
        good, bad = (int(str(each)) for each in of)
        return {(): [good, bad]}
    return {
        tuple(str(value) for value in row[:-2]): [int(str(total)) for total in row[-2:]]
        for row in of
        if isinstance(row, list)
    }
