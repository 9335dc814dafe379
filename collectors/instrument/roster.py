"""The roster: who should be there, who is, and how each tick of each agent is judged.

How a tick is judged stands in `collectors.judging`: the collector's `agentdetectors` judges
by the same rules.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from collectors.instrument.heartbeat import Heartbeat
from collectors.instrument.instruments import Instruments
from collectors.instrument.values import AgentState, Role
from collectors.judging import Standing


@dataclass(slots=True)
class _Entry:
    """What is known of one instance."""

    name: str
    role: Role
    instance_id: str = ""
    beat: Heartbeat | None = None
    standing: Standing = field(default_factory=Standing)


class Roster:
    """Judges every agent once per tick and counts the result. Safe in threads."""

    def __init__(self, instruments: Instruments) -> None:
        """Count with `instruments`, those of the process that keeps the roster."""
        self._instruments = instruments
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._kinds: set[tuple[str, Role]] = set()

    def expect(self, place: str, name: str, role: Role) -> None:
        """Put an agent on the roster; from now on its silence counts.

        Args:
            place: Unique in the roster and the same after a restart: ``worker-research-3``.
            name: Class of the agent.
            role: Its place in the hierarchy.
        """
        with self._lock:
            self._entries.setdefault(place, _Entry(name, role))
            self._start_at_zero(name, role)

    def dismiss(self, place: str) -> None:
        """Take an agent off the roster; its silence no longer counts."""
        with self._lock:
            self._entries.pop(place, None)

    def quarantine(self, place: str, *, on: bool = True) -> None:
        """Keep an agent apart: its ticks are drained and cost no budget."""
        with self._lock:
            entry = self._entries[place]
            entry.standing.state = AgentState.QUARANTINED if on else AgentState.HEALTHY

    def hear(self, place: str, beat: Heartbeat) -> None:
        """Take a heartbeat; an agent nobody expected is put on the roster."""
        self.expect(place, beat.name, beat.role)
        with self._lock:
            entry = self._entries[place]
            if entry.instance_id not in ("", beat.instance_id):
                labels = _labels(entry.name, entry.role)
                self._instruments.add("mas.agent.restarts", 1, labels)
            entry.instance_id = beat.instance_id
            entry.beat = beat

    def tick(self) -> None:
        """Judge every agent; call every `TICK_SECONDS` from one place only."""
        with self._lock:
            for entry in self._entries.values():
                for result in entry.standing.tick(entry.beat):
                    labels = {
                        **_labels(entry.name, entry.role),
                        "mas.check.result": result.value,
                    }
                    self._instruments.add("mas.agent.health_checks", 1, labels)
                entry.beat = None
            self._publish_states()

    def states(self) -> dict[str, AgentState]:
        """What each place is taken for."""
        with self._lock:
            return {place: entry.standing.state for place, entry in self._entries.items()}

    def _publish_states(self) -> None:
        """Set the number of agents by class and state."""
        found = Counter(
            (entry.name, entry.role, entry.standing.state) for entry in self._entries.values()
        )
        for name, role in self._kinds:
            for state in AgentState:
                labels = {**_labels(name, role), "mas.agent.state": state.value}
                self._instruments.set("mas.agent.count", found[name, role, state], labels)

    def _start_at_zero(self, name: str, role: Role) -> None:
        """Let every series of a class of agents exist, once."""
        if (name, role) in self._kinds:
            return
        self._kinds.add((name, role))
        known = {key: (value,) for key, value in _labels(name, role).items()}
        for metric in ("mas.agent.health_checks", "mas.agent.count", "mas.agent.restarts"):
            self._instruments.start_metric_at_zero(metric, known)


def _labels(name: str, role: Role) -> dict[str, str]:
    """The attributes of a class of agents."""
    return {"gen_ai.agent.name": name, "mas.agent.role": role.value}
