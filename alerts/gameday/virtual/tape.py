"""What a scraper sees of the virtual fleet, scrape by scrape."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from alerts.gameday.virtual.meter import Key, Numbers
from slo.replay import Samples

_Piece: TypeAlias = tuple[Numbers, Numbers | float]
"""When a series was seen, and its values; one number where it stood still."""


class Tape:
    """Remembers every scrape; a series that a scrape does not find has a gap there."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._pieces: dict[Key, list[_Piece]] = {}
        self._with: dict[tuple[tuple[str, str], ...], dict[Key, list[_Piece]]] = {}

    def scrape(
        self,
        times: Numbers,
        found: Iterable[tuple[Key, Numbers | float]],
        resource: Mapping[str, str],
    ) -> None:
        """Write down what one process shows at `times`, with the labels of its `resource`.

        Fewer values than times are those of the last of them: the series is younger.
        """
        if not len(times):
            return
        known = self._with.setdefault(tuple(resource.items()), {})
        for key, values in found:
            pieces = known.get(key)
            if pieces is None:
                whole = (key[0], tuple(sorted({**dict(key[1]), **resource}.items())))
                pieces = known[key] = self._pieces.setdefault(whole, [])
            if not isinstance(values, np.ndarray) or len(values) == len(times):
                pieces.append((times, values))
            elif len(values):
                pieces.append((times[len(times) - len(values) :], values))

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._pieces)

    def series(self) -> Iterator[Samples]:
        """Every series, sorted."""
        shared: dict[tuple[int, ...], array[float]] = {}
        for key in sorted(self._pieces):
            name, labels = key
            pieces = self._pieces[key]
            same = tuple(id(times) for times, _ in pieces)
            if same not in shared:
                shared[same] = _column(times for times, _ in pieces)
            values = _column(np.full(len(times), values) for times, values in pieces)
            yield Samples(name, dict(labels), shared[same], values)

    def last(self, name: str, **labels: str) -> float:
        """The sum of the newest values of the series `name` that have these `labels`."""
        return sum(
            float(np.ravel(pieces[-1][1])[-1])
            for (known, pairs), pieces in self._pieces.items()
            if known == name and labels.items() <= dict(pairs).items()
        )


def _column(pieces: Iterable[Numbers]) -> array[float]:
    """One column after the other: eight bytes for a number, which a list would make forty."""
    return array("d", np.concatenate(list(pieces)).tobytes())
