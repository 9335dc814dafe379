"""What a scraper sees of the virtual fleet, scrape by scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alerts.gameday.virtual.meter import Key
from slo.replay import Samples


class Tape:
    """Remembers every scrape; a series that a scrape does not find has a gap there."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._times: dict[Key, list[float]] = {}
        self._values: dict[Key, list[float]] = {}
        self._with: dict[tuple[Key, tuple[tuple[str, str], ...]], Key] = {}

    def scrape(
        self, time: float, found: Iterable[tuple[Key, float]], resource: Mapping[str, str]
    ) -> None:
        """Write down what one process shows at `time`, with the labels of its `resource`."""
        added = tuple(resource.items())
        for key, value in found:
            whole = self._with.get((key, added))
            if whole is None:
                whole = (key[0], tuple(sorted({**dict(key[1]), **resource}.items())))
                self._with[key, added] = whole
                self._times[whole], self._values[whole] = [], []
            self._times[whole].append(time)
            self._values[whole].append(value)

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
