"""What a scraper sees of the virtual fleet, scrape by scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from alerts.gameday.virtual.meter import Key
from slo.replay import Samples

_Columns: TypeAlias = tuple[list[float], list[float]]
"""Of one series: when it was seen, and its values."""


class Tape:
    """Remembers every scrape; a series that a scrape does not find has a gap there."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._times: dict[Key, list[float]] = {}
        self._values: dict[Key, list[float]] = {}
        self._with: dict[tuple[tuple[str, str], ...], dict[Key, _Columns]] = {}

    def scrape(
        self, time: float, found: Iterable[tuple[Key, float]], resource: Mapping[str, str]
    ) -> None:
        """Write down what one process shows at `time`, with the labels of its `resource`."""
        known = self._with.setdefault(tuple(resource.items()), {})
        for key, value in found:
            columns = known.get(key)
            if columns is None:
                whole = (key[0], tuple(sorted({**dict(key[1]), **resource}.items())))
                columns = (self._times.setdefault(whole, []), self._values.setdefault(whole, []))
                known[key] = columns
            columns[0].append(time)
            columns[1].append(value)

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._times)

    def series(self) -> Iterator[Samples]:
        """Every series, sorted."""
        for key in sorted(self._times):
            name, labels = key
            yield Samples(name, dict(labels), self._times[key], self._values[key])

    def last(self, name: str, **labels: str) -> float:
        """The sum of the newest values of the series `name` that have these `labels`."""
        return sum(
            values[-1]
            for (known, pairs), values in self._values.items()
            if known == name and labels.items() <= dict(pairs).items()
        )
