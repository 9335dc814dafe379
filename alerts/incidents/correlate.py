"""Which alerts are one incident: the same cause, or neighbours, at the same time.

Pure. Two alerts belong together when their times touch and one of these holds: the same
root cause in the same cluster; the same agent; two agents that hand work to each other;
one states the other in its `depends_on`; one silences the other in Alertmanager. Together is
transitive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.incidents.past import Episode
from alerts.routing.simulate import inhibitors
from alerts.routing.tree import Routing

APART_SECONDS: Final = 600.0
"""Alerts that end and begin within this time still touch: a recovery takes minutes."""


@dataclass(frozen=True, slots=True)
class Relations:
    """What is known of who belongs to whom.

    Attributes:
        neighbours: Pairs of agents that hand work to each other.
        causes: Pairs of SLO ids or alert names: effect and cause, as `depends_on` states.
        routing: What Alertmanager runs: what silences another alert is its cause.
    """

    neighbours: frozenset[frozenset[str]] = frozenset()
    causes: frozenset[tuple[str, str]] = frozenset()
    routing: Routing | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that belong together, by their start."""

    episodes: tuple[Episode, ...]

    @property
    def starts(self) -> float:
        """When the first alert fired."""
        return self.episodes[0].starts

    @property
    def ends(self) -> float | None:
        """When the last alert ended; None while one fires."""
        ends = [episode.ends for episode in self.episodes]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def name(self) -> str:
        """The root cause of the first page, else of the first alert."""
        first = self.episodes[0]
        pages = [each for each in self.episodes if each.labels.get("severity") == "page"]
        return (pages[0] if pages else first).labels.get("root_cause", first.name)


def incidents(
    episodes: Sequence[Episode], relations: Relations, apart_seconds: float = APART_SECONDS
) -> list[Incident]:
    """`episodes` parted into incidents, by the start of each."""
    parent = list(range(len(episodes)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    near: list[int] = []
    for one in sorted(range(len(episodes)), key=lambda place: episodes[place].starts):
        first = episodes[one]
        near = [other for other in near if _touch(episodes[other], first, apart_seconds)]
        for other in near:
            if _related(first, episodes[other], relations):
                parent[root(one)] = root(other)
        near.append(one)
    groups: dict[int, list[Episode]] = {}
    for place, episode in enumerate(episodes):
        groups.setdefault(root(place), []).append(episode)
    found = [Incident(tuple(sorted(g, key=lambda each: each.starts))) for g in groups.values()]
    return sorted(found, key=lambda incident: (incident.starts, incident.name))


def _touch(earlier: Episode, later: Episode, apart: float) -> bool:
    """Whether `earlier`, which began no later, had not ended for long when `later` began."""
    return earlier.ends is None or later.starts <= earlier.ends + apart


def _related(one: Episode, other: Episode, relations: Relations) -> bool:
    if one.labels.get("cluster") != other.labels.get("cluster"):
        return False
    cause = one.labels.get("root_cause")
    if cause and cause == other.labels.get("root_cause"):
        return True
    agents = one.labels.get("gen_ai_agent_name", ""), other.labels.get("gen_ai_agent_name", "")
    if all(agents) and (agents[0] == agents[1] or frozenset(agents) in relations.neighbours):
        return True
    pairs = {(a, b) for a in _names(one) for b in _names(other)}
    if any(pair in relations.causes or pair[::-1] in relations.causes for pair in pairs):
        return True
    routing = relations.routing
    return routing is not None and any(
        inhibitors(routing, each.labels, [by.labels]) for each, by in ((one, other), (other, one))
    )


def _names(episode: Episode) -> tuple[str, ...]:
    return tuple(name for name in (episode.labels.get("slo_id"), episode.name) if name)
