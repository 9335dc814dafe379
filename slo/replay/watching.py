"""When an alert's condition holds, asked as seldom as its `for` allows and no less exactly.

An alert fires only when its condition held at every evaluation for as long as its `for`. So
one evaluation in each stretch of that length meets everything that can fire, and only around
those that it meets is every evaluation asked for. Whatever is left out never fires, nor
keeps firing what does. Evaluations are numbered; the numbers are whole multiples of an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
Held: TypeAlias = Mapping[Labels, Mapping[int, float]]
"""Of each instance: the evaluations at which the condition held, and its value there."""
Ask: TypeAlias = Callable[[int, int, int], Held]
"""Asks for the evaluations from the first to the last one inclusive, every so many."""


@dataclass(slots=True)
class Watched:
    """What was asked for.

    Attributes:
        stretches: First and last evaluation of each, in order, apart from each other.
        held: Of those evaluations, the ones at which the condition held.
    """

    stretches: list[tuple[int, int]] = field(default_factory=list)
    held: dict[Labels, dict[int, float]] = field(default_factory=dict)

    def evaluations(self) -> Iterator[int]:
        """Every evaluation that was asked for, in order."""
        return chain.from_iterable(range(begin, end + 1) for begin, end in self.stretches)

    def add(self, found: Held) -> int:
        """Remember what was `found`; the last evaluation at which it held, below 0 if none."""
        last = -1
        for labels, points in found.items():
            self.held.setdefault(labels, {}).update(points)
            last = max(last, max(points, default=-1))
        return last


def watched(first: int, last: int, hold: int, keep: int, ask: Ask) -> Watched:
    """All that matters to an alert from evaluation `first` to `last`.

    Args:
        first: At least 0.
        last: At least `first`.
        hold: The rule's `for` in whole intervals, rounded down.
        keep: Its `keep_firing_for` in whole intervals, rounded up.
        ask: Who knows the condition.
    """
    result = Watched()
    if hold <= 1:
        result.add(ask(first, last, 1))
        result.stretches.append((first, last))
        return result
    met = ask(-(-first // hold) * hold, last, hold)
    for begin, end in _around(sorted({*chain.from_iterable(met.values())}), hold, keep):
        _look(result, max(first, begin), min(last, end), last, keep, ask)
    return result


def _around(met: Iterable[int], hold: int, keep: int) -> Iterator[tuple[int, int]]:
    """The evaluations around those that were met; overlapping stretches are one."""
    open_: tuple[int, int] | None = None
    for each in met:
        begin, end = each - hold, each + hold + keep + 1
        if open_ is not None and begin <= open_[1] + 1:
            open_ = (open_[0], end)
            continue
        if open_ is not None:
            yield open_
        open_ = (begin, end)
    if open_ is not None:
        yield open_


def _look(result: Watched, begin: int, end: int, last: int, keep: int, ask: Ask) -> None:
    """Ask for every evaluation of a stretch, and on until nothing in it can still fire."""
    if result.stretches and begin <= result.stretches[-1][1] + 1:
        start, reached = result.stretches.pop()
        begin = reached + 1
    else:
        start, reached = begin, begin - 1
    while begin <= end:
        newest = result.add(ask(begin, end, 1))
        begin, reached = end + 1, end
        end = min(last, newest + keep + 1)
    result.stretches.append((start, reached))
