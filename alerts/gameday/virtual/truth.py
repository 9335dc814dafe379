"""What really happened, counted where it happens and never read back from a series.

The simulator's own books: bad events and all events of each budget, stretch by stretch. What
Prometheus makes of the series is held against them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from alerts.gameday.virtual.meter import Steps

ACTIONS: Final = "agent-fleet-action-success"
CONFLICTS: Final = "agent-fleet-action-conflicts"
MODELS: Final = "agent-fleet-llm-availability"
AGENTS: Final = "agent-fleet-agent-availability"
POLICIES: Final = "agent-fleet-policy-latency"
CONTENTION: Final = "agent-fleet-resource-contention"
CORRECTNESS: Final = "agent-fleet-remediation-correctness"
REPAIRS: Final = "agent-fleet-time-to-remediate"
ROLLBACKS: Final = "agent-fleet-rollbacks"
LAG: Final = "telemetry-ingest-lag"

Budget = tuple[str, str]
"""An SLO's id, and the value of its `by`; empty where there is one budget."""


class Books:
    """Bad events and all events of every budget; times in seconds of the story."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.now = 0.0
        self._entries: dict[Budget, list[tuple[float, int, int]]] = defaultdict(list)

    def note(self, slo: str, by: str, bad: Steps | int, total: Steps | int) -> None:
        """Of `total` events in the stretch that begins `now` so many were `bad`."""
        self._entries[slo, by].append((self.now, int(np.sum(bad)), int(np.sum(total))))

    def budgets(self) -> tuple[Budget, ...]:
        """Every budget that has had an event, sorted."""
        used = (key for key, entries in self._entries.items() if any(each[2] for each in entries))
        return tuple(sorted(used))

    def counted(self, slo: str, by: str, start: float, end: float) -> tuple[int, int]:
        """Bad events and all events of the stretches that begin from `start` on, before `end`."""
        inside = [each for each in self._entries[slo, by] if start <= each[0] < end]
        return sum(bad for _, bad, _ in inside), sum(total for _, _, total in inside)
