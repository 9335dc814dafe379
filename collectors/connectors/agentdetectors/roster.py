"""Who is there: agents are put on the roster when they are first heard, and judged every tick.

Only what arrives counts, by the time at which it arrives; what agents say of the time does not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from collectors.connectors.agentdetectors.config import HeartbeatConfig
from collectors.connectors.agentdetectors.facts import Who
from collectors.graph import pack, unpack
from collectors.judging import AgentState, CheckResult, Standing

_STATES: Final = tuple(AgentState)
_APART: Final = AgentState.QUARANTINED
_WORDS: Final = ("family", "place", "name", "role", "version", "tier")
ROW: Final = np.dtype(
    [
        ("first", "<i8"),
        ("seen", "<i8"),
        ("misses", "<i4"),
        ("beats", "<i4"),
        ("state", "i1"),
        ("drained", "i1"),
        ("leaving", "i1"),
        ("explicit", "i1"),
        ("heard", "i1"),
        ("ill", "i1"),
        ("fresh", "i1"),
    ]
)
"""One agent in a snapshot; what it is called stands beside."""


@dataclass(slots=True)
class Agent:
    """One agent on the roster.

    Attributes:
        first_ns: Steady time at which it was heard first; `seen_ns` last.
        explicit: It has sent a heartbeat: its silence counts at once.
        heard: Since the last tick; `ill`: it said so since then.
        leaving: It said goodbye and nothing else since.
        fresh: It has not taken another's place yet.
    """

    who: Who
    first_ns: int
    seen_ns: int
    standing: Standing = field(default_factory=Standing)
    explicit: bool = False
    heard: bool = True
    ill: bool = False
    leaving: bool = False
    fresh: bool = True

    @property
    def healthy(self) -> bool:
        """See `Sign`."""
        return not self.ill

    @property
    def draining(self) -> bool:
        """See `Sign`."""
        return self.leaving

    @property
    def is_there(self) -> bool:
        """Neither missing nor about to go."""
        return self.standing.state is not AgentState.MISSING and not self.leaving


@dataclass(frozen=True, slots=True)
class Judged:
    """What a tick found of one class of agents."""

    who: Who
    results: Iterable[CheckResult]
    has_restarted: bool = False


class Roster:
    """All agents, by the number of their identity."""

    def __init__(self, config: HeartbeatConfig) -> None:
        """Begin empty."""
        self._config = config
        self.agents: dict[int, Agent] = {}

    def hear(self, who: Who, steady_ns: int, *, is_agent: bool = True) -> int:
        """Something came from `who`; the number of its identity, 0 where it is not on the roster.

        Args:
            who: The sender.
            steady_ns: When it came.
            is_agent: It spoke as one: it is put on the roster if there is room.
        """
        number = who.number
        agent = self.agents.get(number)
        if agent is None:
            if not is_agent or len(self.agents) >= self._config.max_agents:
                return 0
            agent = self.agents[number] = Agent(who, steady_ns, steady_ns)
        elif agent.who != who:
            agent.who = replace(who, role=who.role or agent.who.role)
        agent.seen_ns = max(agent.seen_ns, steady_ns)
        agent.heard = True
        return number

    def place(self, number: int, role: str) -> None:
        """An agent told its role; what its resource says goes first."""
        agent = self.agents.get(number)
        if agent is not None and not agent.who.role:
            agent.who = replace(agent.who, role=role[:64])

    def tell(self, number: int, states: frozenset[str]) -> None:
        """An agent beat, and said that it is in `states`, if anything."""
        agent = self.agents[number]
        agent.explicit = True
        if _APART.value in states:
            agent.standing.state = _APART
        elif agent.standing.state is _APART and AgentState.HEALTHY.value in states:
            agent.standing.state = AgentState.HEALTHY
        agent.ill |= AgentState.DEGRADED.value in states
        agent.leaving = AgentState.DRAINING.value in states

    def tick(self, steady_ns: int) -> Iterator[Judged]:
        """Judge every agent, and let go of those that left."""
        fresh: defaultdict[str, list[Agent]] = defaultdict(list)
        for agent in self.agents.values():
            if agent.fresh and agent.is_there:
                fresh[agent.who.family].append(agent)
        for number, agent in list(self.agents.items()):
            if self._is_gone(agent, steady_ns):
                del self.agents[number]
                continue
            if self._is_silent(agent, steady_ns) and self._replaced(agent, fresh):
                waited = min(agent.standing.misses, self._config.misses - 1) + 1
                is_new = agent.standing.state is not AgentState.MISSING
                results = (CheckResult.DRAINED,) * (waited if is_new else 0)
                del self.agents[number]
                yield Judged(agent.who, results, has_restarted=True)
                continue
            sign = None if self._misses(agent, steady_ns) else agent
            results = tuple(agent.standing.tick(sign, self._config.misses, self._config.returns))
            agent.heard = agent.ill = False
            yield Judged(agent.who, results)

    def snapshot(self) -> bytes:
        """All agents, as flat rows."""
        rows = np.zeros(len(self.agents), ROW)
        for row, agent in zip(rows, self.agents.values(), strict=True):
            standing = agent.standing
            row["first"], row["seen"] = agent.first_ns, agent.seen_ns
            row["misses"], row["beats"] = standing.misses, standing.beats
            row["state"], row["drained"] = _STATES.index(standing.state), standing.drained
            for name in ("leaving", "explicit", "heard", "ill", "fresh"):
                row[name] = getattr(agent, name)
        words = [[getattr(agent.who, name) for name in _WORDS] for agent in self.agents.values()]
        return pack({"rows": rows.tobytes(), "words": json.dumps(words).encode()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self.agents = {}
        rows = np.frombuffer(parts["rows"], ROW)
        for row, words in zip(rows, json.loads(parts["words"]), strict=True):
            who = Who(**dict(zip(_WORDS, words, strict=True)))
            self.agents[who.number] = Agent(
                who,
                int(row["first"]),
                int(row["seen"]),
                Standing(
                    int(row["misses"]),
                    int(row["beats"]),
                    _STATES[int(row["state"])],
                    bool(row["drained"]),
                ),
                explicit=bool(row["explicit"]),
                heard=bool(row["heard"]),
                ill=bool(row["ill"]),
                leaving=bool(row["leaving"]),
                fresh=bool(row["fresh"]),
            )

    def _is_gone(self, agent: Agent, steady_ns: int) -> bool:
        silent_ns = steady_ns - agent.seen_ns
        if agent.leaving:
            return silent_ns >= self._config.interval * self._config.misses
        return agent.standing.state is AgentState.MISSING and silent_ns >= self._config.expiry

    def _misses(self, agent: Agent, steady_ns: int) -> bool:
        """Whether a tick passed without a sign that there should have been."""
        if agent.heard:
            return False
        is_idle = steady_ns - agent.seen_ns < self._config.idle
        return agent.explicit or agent.leaving or not is_idle

    def _is_silent(self, agent: Agent, steady_ns: int) -> bool:
        """Whether this tick would make it missing, or it is."""
        if agent.leaving or agent.standing.state is _APART or not self._misses(agent, steady_ns):
            return False
        is_missing = agent.standing.state is AgentState.MISSING
        return is_missing or agent.standing.misses + 1 >= self._config.misses

    def _replaced(self, agent: Agent, fresh: Mapping[str, list[Agent]]) -> bool:
        """Whether another of its class came when it went; that one is not asked twice."""
        after_ns = agent.first_ns + self._config.interval * self._config.misses
        for other in fresh.get(agent.who.family, ()):
            came_ns = other.first_ns
            if (
                other.fresh
                and other is not agent
                and other.is_there
                and came_ns > after_ns
                and abs(came_ns - agent.seen_ns) <= self._config.handover
            ):
                other.fresh = False
                return True
        return False
