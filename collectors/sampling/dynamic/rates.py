"""How frequent keys are, and the rate that follows from it for each.

Time moves when traces are shown, by the steady time they come with: the same traces at the
same times give the same rates. At most `max_keys` keys are known at a time.

Source: honeycombio/dynsampler-go, `emasamplerate.go`, `emathroughput_calculator.go`,
`keyCalculation.go`, `windowedthroughput.go`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from collectors.sampling.dynamic.config import EmaConfig, WindowedThroughputConfig
from collectors.sampling.dynamic.keys import OTHERS
from collectors.sampling.limits import SECOND_NS

KEEP_ALL: Final = 1.0


class Rates(Protocol):
    """Rates by key: one trace in so many."""

    def see(self, counts: Mapping[int, int], steady_ns: int) -> Mapping[int, float]:
        """Count spans by key, and tell the rate of each of those keys, at least 1."""
        ...

    def words(self) -> object:
        """All state."""
        ...

    def take(self, words: object) -> None:
        """Continue from `words`; what is not understood is left out."""
        ...


class EmaRates:
    """Rates by a moving average of what came in each interval."""

    def __init__(self, config: EmaConfig, goal: Callable[[float], float], initial: int) -> None:
        """Begin without any traffic.

        Args:
            config: Intervals and weights.
            goal: Spans of an interval to be kept, by those of an average one.
            initial: The rate until there is an average.
        """
        self._config = config
        self._goal = goal
        self._initial = float(initial)
        self._counts: dict[int, int] = {}
        self._averages: dict[int, float] = {}
        self._rates: dict[int, float] = {}
        self._tracked: set[int] = set()  # keys of counts and averages
        self._seen = 0  # the sum of counts
        self._usual = 0.0
        self._intervals = 0
        self._due_ns: int | None = None

    def see(self, counts: Mapping[int, int], steady_ns: int) -> Mapping[int, float]:
        """See `Rates.see`."""
        self._advance(steady_ns)
        known = {key: key if self._admits(key) else OTHERS for key in sorted(counts)}
        for key, own in known.items():
            self._counts[own] = self._counts.get(own, 0) + counts[key]
            self._seen += counts[key]
        if self._bursts():
            self._update()
            self._due_ns = steady_ns + self._config.adjustment_interval
        return {key: self._rate(own) for key, own in known.items()}

    def words(self) -> object:
        """See `Rates.words`."""
        return {
            "counts": sorted(self._counts.items()),
            "averages": sorted(self._averages.items()),
            "rates": sorted(self._rates.items()),
            "usual": self._usual,
            "intervals": self._intervals,
            "due": self._due_ns,
        }

    def take(self, words: object) -> None:
        """See `Rates.take`."""
        match words:
            case {
                "counts": list(counts),
                "averages": list(averages),
                "rates": list(rates),
                "usual": float() | int() as usual,
                "intervals": int(intervals),
                "due": int() | None as due,
            }:
                self._counts = dict(counts)
                self._averages, self._rates = dict(averages), dict(rates)
                self._usual, self._intervals, self._due_ns = float(usual), intervals, due
                self._seen = sum(self._counts.values())
                self._tracked = (set(self._counts) | set(self._averages)) - {OTHERS}
            case _:
                pass

    def _admits(self, key: int) -> bool:
        if key not in self._tracked and len(self._tracked) < self._config.max_keys:
            self._tracked.add(key)
        return key in self._tracked

    def _rate(self, key: int) -> float:
        if not self._rates:
            return self._initial
        return self._rates.get(key, self._initial if key == OTHERS else KEEP_ALL)

    def _advance(self, steady_ns: int) -> None:
        interval = self._config.adjustment_interval
        if self._due_ns is None:
            self._due_ns = steady_ns + interval
        if steady_ns >= self._due_ns:
            passed = (steady_ns - self._due_ns) // interval + 1
            self._due_ns += passed * interval
            self._intervals += passed
            self._update()

    def _bursts(self) -> bool:
        if self._intervals < self._config.burst_detection_delay or self._usual <= 0:
            return False
        return self._seen >= self._usual

    def _update(self) -> None:
        """Take the counts into the average; without traffic it does not fall."""
        if not self._counts:
            return
        self._averages = _averaged(self._averages, self._counts, self._config)
        self._counts, self._seen = {}, 0
        self._tracked = set(self._averages) - {OTHERS}
        total = sum(max(1.0, self._averages[key]) for key in sorted(self._averages))
        self._usual = total * self._config.burst_multiple
        self._rates = shared_rates(self._averages, self._goal(total))


class WindowedRates:
    """Rates that give each key the same throughput, by what came in a sliding window."""

    def __init__(self, config: WindowedThroughputConfig) -> None:
        self._config = config
        self._blocks: dict[int, dict[int, int]] = {}
        self._rates: dict[int, float] = {}
        self._tracked: set[int] = set()  # keys of all blocks
        self._began: int | None = None
        self._index = 0

    def see(self, counts: Mapping[int, int], steady_ns: int) -> Mapping[int, float]:
        """See `Rates.see`."""
        index = steady_ns // self._config.update_frequency
        if self._began is None:
            self._began = self._index = index
        if index > self._index:
            self._index = index
            self._update()
        block = self._blocks.setdefault(self._index, {})
        found: dict[int, float] = {}
        for key in sorted(counts):
            if len(self._tracked) < self._config.max_keys:
                self._tracked.add(key)
            own = key if key in self._tracked else OTHERS
            block[own] = block.get(own, 0) + counts[key]
            found[key] = self._rates.get(own, KEEP_ALL)
        return found

    def words(self) -> object:
        """See `Rates.words`."""
        return {
            "blocks": [[at, sorted(block.items())] for at, block in sorted(self._blocks.items())],
            "rates": sorted(self._rates.items()),
            "began": self._began,
            "index": self._index,
        }

    def take(self, words: object) -> None:
        """See `Rates.take`."""
        match words:
            case {
                "blocks": list(blocks),
                "rates": list(rates),
                "began": int() | None as began,
                "index": int(index),
            }:
                self._blocks = {at: dict(block) for at, block in blocks}
                self._rates = dict(rates)
                self._began, self._index = began, index
                self._tracked = {key for block in self._blocks.values() for key in block}
                self._tracked -= {OTHERS}
            case _:
                pass

    def _update(self) -> None:
        back = self._config.lookback_ns() // self._config.update_frequency
        # The block of now has only begun: the window is made of those before it.
        self._blocks = {at: block for at, block in self._blocks.items() if at >= self._index - back}
        totals: dict[int, int] = {}
        for block in self._blocks.values():
            for key, count in block.items():
                totals[key] = totals.get(key, 0) + count
        self._tracked = set(totals) - {OTHERS}
        began = self._index if self._began is None else self._began
        covered = min(back, self._index - began) * self._config.update_frequency / SECOND_NS
        goal = self._config.goal_throughput_per_sec * covered
        for_each = max(1.0, goal / max(1, len(totals)))
        self._rates = _filled(totals, dict.fromkeys(totals, for_each))


def shared_rates(averages: Mapping[int, float], goal: float) -> dict[int, float]:
    """The rate of each key, such that together they give `goal` spans.

    A key's part of the goal goes by the logarithm of its traffic, and is at least one span.

    Source: dynsampler-go, `keyCalculation.go`.
    """
    logs = sum(math.log10(max(1.0, averages[key])) for key in sorted(averages))
    ratio = goal / logs if logs else 0.0
    parts = {key: max(1.0, math.log10(max(1.0, of)) * ratio) for key, of in averages.items()}
    return _filled(averages, parts)


def _filled(counts: Mapping[int, float], parts: Mapping[int, float]) -> dict[int, float]:
    """Rates by what each key is given; what rare keys do not need goes to the others."""
    found: dict[int, float] = {}
    extra, left = 0.0, len(counts)
    for key in sorted(counts, key=lambda of: (counts[of], of)):
        count = max(1.0, counts[key])
        given = parts[key] + extra / left
        extra -= extra / left
        left -= 1
        found[key] = max(KEEP_ALL, count / given)
        extra += given - count / found[key]
    return found


def _averaged(
    before: Mapping[int, float], counts: Mapping[int, int], config: EmaConfig
) -> dict[int, float]:
    found: dict[int, float] = {}
    for key in sorted(before.keys() | counts.keys()):
        value = config.weight * counts.get(key, 0) + (1 - config.weight) * before.get(key, 0.0)
        if value >= config.least_average():
            found[key] = value
    return found
