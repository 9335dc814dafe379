"""What a process of the fleet has really done: counted by hand, where it is done.

No instrument and no exporter has a part in it, so that it can be held against what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from alerts.gameday.fleet.frames import Json
from collectors.instrument.dialects import Truth as Told


class Truth:
    """Exact counts by name: ``actions/<type>``, ``tokens/<input or output>``, ``violations``.

    Also ``loops/<kind>``, and what the platform found out: ``conflicts/<type>``, ``reversals``
    and ``gaps``. Of agents that tell in a dialect ``invocations``, ``calls`` and ``tools``, too.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """It happened, `count` times."""
        self._counts[name] += count

    def add_told(self, told: Told) -> None:
        """Take over what an agent told in its dialect."""
        self.add("invocations", told.invocations.total())
        self.add("calls", told.calls.total())
        self.add("tools", told.tools.total())
        self.add("tokens/input", told.input_tokens)
        self.add("tokens/output", told.output_tokens)

    def add_all(self, told: Mapping[str, Json]) -> None:
        """Take over what another process told."""
        for name, count in told.items():
            if isinstance(count, int):
                self._counts[name] += count

    def counts(self) -> dict[str, int]:
        """All counts, by name."""
        return dict(sorted(self._counts.items()))
