"""In which order pipelines and connectors run, so that each comes after what feeds it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collectors.component import Signal


class GraphError(ValueError):
    """Pipelines that cannot be one graph; the text names them."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Who feeds a pipeline and whom it feeds, by component id."""

    signal: Signal
    receivers: tuple[str, ...]
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A pipeline or a connector."""

    is_connector: bool
    name: str


def order(pipelines: Mapping[str, Wiring], connectors: Iterable[str]) -> tuple[Node, ...]:
    """All nodes, each after its feeders; ties in order of name, so always the same.

    Raises:
        GraphError: Connectors lead in a circle.
    """
    known = frozenset(connectors)
    following: dict[Node, list[Node]] = {
        **{Node(True, name): [] for name in known},  # noqa: FBT003 - the field says what it is
        **{Node(False, name): [] for name in pipelines},  # noqa: FBT003
    }
    for name, wiring in pipelines.items():
        pipeline = Node(is_connector=False, name=name)
        for identity in known.intersection(wiring.receivers):
            following[Node(is_connector=True, name=identity)].append(pipeline)
        for identity in known.intersection(wiring.exporters):
            following[pipeline].append(Node(is_connector=True, name=identity))
    return _sorted(following)


def _sorted(following: Mapping[Node, list[Node]]) -> tuple[Node, ...]:
    feeders = dict.fromkeys(following, 0)
    for nodes in following.values():
        for node in nodes:
            feeders[node] += 1
    ready = [node for node, count in feeders.items() if not count]
    heapq.heapify(ready)
    done: list[Node] = []
    while ready:
        node = heapq.heappop(ready)
        done.append(node)
        for after in following[node]:
            feeders[after] -= 1
            if not feeders[after]:
                heapq.heappush(ready, after)
    if len(done) < len(following):
        stuck = sorted(node.name for node, count in feeders.items() if count)
        msg = f"connectors lead in a circle through {', '.join(stuck)}"
        raise GraphError(msg)
    return tuple(done)


def reach(pipelines: Mapping[str, Wiring], connectors: Iterable[str], receiver: str) -> int:
    """How many pipelines a request of `receiver` may pass through, connectors included."""
    known = frozenset(connectors)
    seen: set[str] = set()
    sources = {receiver}
    while sources:
        found = {
            name
            for name, wiring in pipelines.items()
            if name not in seen and sources.intersection(wiring.receivers)
        }
        seen |= found
        sources = {i for name in found for i in pipelines[name].exporters if i in known}
    return len(seen)
