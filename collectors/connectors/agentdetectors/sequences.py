"""Numbers of audit records: each agent's are one more each time, and what never comes is a gap."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Longs

_MOST_AGENTS: Final = 20_000
_MOST_HOLES: Final = 64
_MOST_AT_ONCE: Final = 10_000
"""Numbers that one hole counts for at most: an agent that jumps further is not believed."""


@dataclass(slots=True)
class _Hole:
    """Numbers that have not come: from `first` to `last`, missed at `seen_ns`."""

    first: int
    last: int
    seen_ns: int


@dataclass(slots=True)
class _Line:
    """The numbers of one agent.

    Attributes:
        last: The highest that came, `said_ns` by the agent's clock.
        name: Of its class: a word.
    """

    last: int
    said_ns: int
    name: int
    holes: list[_Hole] = field(default_factory=list[_Hole])


class Sequences:
    """The numbers of all agents; those longest without a record are forgotten first."""

    def __init__(self, patience_ns: int) -> None:
        """Begin empty; a number may come so much later than the next."""
        self._patience_ns = patience_ns
        self._lines: OrderedDict[int, _Line] = OrderedDict()
        self._given_up: Counter[int] = Counter()

    def add(self, records: NDArray[np.void]) -> None:
        """Take in records that have a number."""
        if not len(records):
            return
        order = np.lexsort((records["number"], records["said"], records["agent"]))
        records = records[order]
        agents, starts = np.unique(records["agent"], return_index=True)
        for agent, mine in zip(agents.tolist(), np.split(records, starts[1:]), strict=True):
            self._take(agent, mine)
        while len(self._lines) > _MOST_AGENTS:
            self._lines.popitem(last=False)

    def settle(self, steady_ns: int) -> Counter[int]:
        """How many numbers are given up, by the word of the class."""
        found, self._given_up = self._given_up, Counter()
        for line in self._lines.values():
            late = [of for of in line.holes if of.seen_ns + self._patience_ns <= steady_ns]
            if late:
                found[line.name] += sum(_size(of) for of in late)
                line.holes = [of for of in line.holes if of not in late]
        return found

    def words(self) -> set[int]:
        """The words that are used."""
        return {*self._given_up, *(line.name for line in self._lines.values())}

    def renumber(self, moved: Longs) -> None:
        """Words have new numbers."""
        for line in self._lines.values():
            line.name = int(moved[line.name])
        self._given_up = Counter({int(moved[name]): of for name, of in self._given_up.items()})

    def state(self) -> dict[str, list[list[int]]]:
        """Everything, in words of JSON."""
        return {
            "lines": [[key, of.last, of.said_ns, of.name] for key, of in self._lines.items()],
            "holes": [
                [key, hole.first, hole.last, hole.seen_ns]
                for key, of in self._lines.items()
                for hole in of.holes
            ],
            "given_up": [[*of] for of in self._given_up.items()],
        }

    def restore(self, state: Mapping[str, list[list[int]]]) -> None:
        """Continue from `state`."""
        lines = ((agent, _Line(last, said, name)) for agent, last, said, name in state["lines"])
        self._lines = OrderedDict(lines)
        for agent, first, last, seen_ns in state["holes"]:
            self._lines[agent].holes.append(_Hole(first, last, seen_ns))
        self._given_up = Counter({name: of for name, of in state["given_up"]})  # noqa: C416 - rows are lists, no pairs

    def _take(self, agent: int, records: NDArray[np.void]) -> None:
        numbers, first = np.unique(records["number"], return_index=True)
        said, seen_ns = records["said"][first], int(records["seen"].max())
        name = int(records["name"][-1])
        line = self._lines.get(agent)
        if line is None:
            line = self._lines[agent] = _Line(int(numbers[0]) - 1, 0, name)
        self._lines.move_to_end(agent)
        line.name = name
        was_missed = _in_holes(numbers, line.holes)
        for number in numbers[was_missed].tolist():
            line.holes = [part for hole in line.holes for part in _without(hole, number)]
        anew = (numbers <= line.last) & (said > line.said_ns) & ~was_missed
        if anew.any():  # written later, and counted lower: the agent has begun again
            line.last = int(numbers[anew][0]) - 1
        fresh = numbers[numbers > line.last]
        if not len(fresh):
            return
        ends = np.concatenate([[line.last], fresh])
        for place in np.flatnonzero(np.diff(ends) > 1).tolist():
            line.holes.append(_Hole(int(ends[place]) + 1, int(ends[place + 1]) - 1, seen_ns))
        while len(line.holes) > _MOST_HOLES:
            self._given_up[name] += _size(line.holes.pop(0))
        line.last, line.said_ns = int(fresh[-1]), int(said[-1])


def _size(hole: _Hole) -> int:
    return min(hole.last - hole.first + 1, _MOST_AT_ONCE)


def _in_holes(numbers: Longs, holes: list[_Hole]) -> NDArray[np.bool_]:
    found = np.zeros(len(numbers), np.bool_)
    for hole in holes:
        found |= (numbers >= hole.first) & (numbers <= hole.last)
    return found


def _without(hole: _Hole, number: int) -> Iterator[_Hole]:
    """What is left of a hole once `number` has come."""
    if not hole.first <= number <= hole.last:
        yield hole
        return
    if hole.first < number:
        yield _Hole(hole.first, number - 1, hole.seen_ns)
    if number < hole.last:
        yield _Hole(number + 1, hole.last, hole.seen_ns)
