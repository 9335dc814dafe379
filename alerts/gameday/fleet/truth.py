"""What a process of the fleet has really done: counted by hand, where it is done.

No instrument and no exporter has a part in it, so that it can be held against what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from alerts.gameday.fleet.frames import Json


class Truth:
    """Exact counts by name: ``actions/<type>``, ``tokens/<input or output>``, ``violations``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """It happened, `count` times."""
        self._counts[name] += count

    def add_all(self, told: Mapping[str, Json]) -> None:
        """Take over what another process told."""
        for name, count in told.items():
            if isinstance(count, int):
                self._counts[name] += count

    def counts(self) -> dict[str, int]:
        """All counts, by name."""
        return dict(sorted(self._counts.items()))
