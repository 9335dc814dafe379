"""Events whose truth is known, second by second, and the counters that a scraper sees of them.

What happens to counters in the field happens here: traffic comes and goes, processes are
born and die, restart from zero, are not reached, are scraped late. All of it follows from a
seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from slo.replay.series import Samples

Counts: TypeAlias = npt.NDArray[np.int64]
"""Events in each second."""
Rates: TypeAlias = npt.NDArray[np.float64]
METRIC: Final = "sim_requests_total"
HOUR: Final = 3_600
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Process:
    """One process and its two counters, ``code="ok"`` and ``code="error"``.

    Attributes:
        good: From its birth to its end, second by second.
        bad: Likewise.
        born: Second of the story.
        resets: Seconds of the story at which it restarts: its counters begin at zero.
        gaps: Seconds of the story, from and until, in which it is not reached.
        from_zero: Both counters are there, at zero, from birth on; else the counter of
            errors appears with its first error.
    """

    name: str
    good: Counts
    bad: Counts
    born: int = 0
    resets: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    from_zero: bool = True

    def counted(self, start: int, end: int) -> tuple[int, int]:
        """Bad events and all events of the seconds from `start` to `end` of the story."""
        first, last = max(start - self.born, 0), max(end - self.born, 0)
        bad = int(self.bad[first:last].sum())
        return bad, bad + int(self.good[first:last].sum())


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to one service.

    Attributes:
        offset: Seconds by which scrapes trail the grid of evaluations.
        jitter: Largest deviation of a scrape from its time, in seconds.
    """

    name: str
    words: str
    processes: tuple[Process, ...]
    offset: float = 0.0
    jitter: float = 0.0

    def truth(self, start: int, end: int) -> tuple[int, int]:
        """Bad events and all events of the seconds from `start` to `end` of the story."""
        counted = [process.counted(start, end) for process in self.processes]
        return sum(bad for bad, _ in counted), sum(total for _, total in counted)

    def series(self, began: int, scrape: int, seed: int) -> Iterator[Samples]:
        """What is scraped every `scrape` seconds of a story that began at `began`."""
        rng = _rng(seed, f"{self.name}: scrapes")
        for process in self.processes:
            times = _scrapes(self, process, scrape, rng)
            for code, counts in (("ok", process.good), ("error", process.bad)):
                labels = {"scenario": self.name, "process": process.name, "code": code}
                yield _scraped(process, counts, times, began, labels)


def scenarios(days: int, seed: int) -> tuple[Scenario, ...]:
    """One service for each thing that goes wrong in the field, over `days`, at least 2."""
    made: list[Scenario] = []
    for name, (build, words) in _BUILDERS.items():
        made.append(build(name, words, _Making(days * DAY, _rng(seed, name))))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Making:
    seconds: int
    rng: np.random.Generator

    def daily(self, per_second: float) -> Rates:
        """Traffic that sleeps at night."""
        time = np.arange(self.seconds)
        return per_second * (1 + 0.8 * np.sin(2 * np.pi * time / DAY))

    def errors(self, base: float, incidents: int, ratio: float) -> Rates:
        """An error ratio with `incidents` of 5 to 90 minutes, at any second."""
        ratios = np.full(self.seconds, base)
        for _ in range(incidents):
            start = int(self.rng.integers(0, self.seconds))
            ratios[start : start + int(self.rng.integers(300, 5_400))] = ratio
        return ratios

    def drawn(self, traffic: Rates, ratios: Rates) -> tuple[Counts, Counts]:
        """Good and bad events at these rates."""
        total = self.rng.poisson(traffic)
        bad = self.rng.binomial(total, ratios)
        return (total - bad).astype(np.int64), bad.astype(np.int64)

    def spells(self, count: int, shortest: int, longest: int) -> tuple[tuple[int, int], ...]:
        """Stretches of `shortest` to `longest` seconds at any time, ordered."""
        starts = sorted(int(at) for at in self.rng.integers(HOUR, self.seconds - HOUR, count))
        return tuple((at, at + int(self.rng.integers(shortest, longest))) for at in starts)


def _even(name: str, words: str, making: _Making) -> Scenario:
    traffic = np.full(making.seconds, 5.0)
    good, bad = making.drawn(traffic, making.errors(0.002, 20, 0.3))
    return Scenario(name, words, (Process("1", good, bad),))


def _uneven(name: str, words: str, making: _Making) -> Scenario:
    """The busiest hours are the bad ones, and the quiet ones look worst."""
    traffic = making.daily(2.0)
    ratios = making.errors(0.001, 10, 0.02)
    for start, end in making.spells(6, 600, 2 * HOUR):
        traffic[start:end] *= 50
        ratios[start:end] = 0.01
    ratios[traffic < 1] = 0.25
    good, bad = making.drawn(traffic, ratios)
    return Scenario(name, words, (Process("1", good, bad),))


def _idle(name: str, words: str, making: _Making) -> Scenario:
    traffic = making.daily(3.0)
    for start, end in making.spells(60, 400, 6 * HOUR):
        traffic[start:end] = 0
    good, bad = making.drawn(traffic, making.errors(0.003, 30, 0.4))
    return Scenario(name, words, (Process("1", good, bad),))


def _sparse(name: str, words: str, making: _Making) -> Scenario:
    traffic = making.daily(0.02)
    good, bad = making.drawn(traffic, making.errors(0.02, 20, 0.5))
    return Scenario(name, words, (Process("1", good, bad),))


def _resets(name: str, words: str, making: _Making) -> Scenario:
    processes: list[Process] = []
    for number in range(2):
        good, bad = making.drawn(making.daily(3.0), making.errors(0.004, 20, 0.3))
        resets = tuple(start for start, _ in making.spells(40, 1, 2))
        processes.append(Process(str(number), good, bad, resets=resets))
    return Scenario(name, words, tuple(processes))


def _births(name: str, words: str, making: _Making, *, from_zero: bool = True) -> Scenario:
    """A new process every six hours, each with a life of seven."""
    traffic, ratios = making.daily(3.0), making.errors(0.005, 20, 0.3)
    processes: list[Process] = []
    for number, born in enumerate(range(0, making.seconds, 6 * HOUR)):
        life = slice(born, born + 7 * HOUR)
        good, bad = making.drawn(traffic[life], ratios[life])
        good[:60] = bad[:60] = 0  # reached before its first event
        processes.append(Process(str(number), good, bad, born=born, from_zero=from_zero))
    return Scenario(name, words, tuple(processes))


def _from_first_error(name: str, words: str, making: _Making) -> Scenario:
    return _births(name, words, making, from_zero=False)


def _gaps(name: str, words: str, making: _Making) -> Scenario:
    good, bad = making.drawn(making.daily(4.0), making.errors(0.004, 30, 0.3))
    gaps = (*making.spells(30, 40, 280), *making.spells(12, 400, HOUR))
    return Scenario(name, words, (Process("1", good, bad, gaps=gaps),))


def _blind(name: str, words: str, making: _Making) -> Scenario:
    """Nobody reaches the process while it fails."""
    traffic, ratios = making.daily(4.0), making.errors(0.002, 0, 0.0)
    gaps = making.spells(6, 900, 2_400)
    for start, end in gaps:
        ratios[start:end] = 0.5
    good, bad = making.drawn(traffic, ratios)
    return Scenario(name, words, (Process("1", good, bad, gaps=gaps),))


def _jitter(name: str, words: str, making: _Making) -> Scenario:
    good, bad = making.drawn(making.daily(4.0), making.errors(0.002, 60, 0.3))
    return Scenario(name, words, (Process("1", good, bad),), offset=17.3, jitter=4.0)


_Builder: TypeAlias = Callable[[str, str, _Making], Scenario]
_BUILDERS: Final[Mapping[str, tuple[_Builder, str]]] = {
    "even": (_even, "even traffic, incidents at any second"),
    "uneven": (_uneven, "bursts at 50 times the traffic, bad ratios in quiet hours"),
    "idle": (_idle, "60 spells without an event, of minutes to 6 hours"),
    "sparse": (_sparse, "one event in 50 seconds"),
    "resets": (_resets, "two processes, 40 restarts each"),
    "births": (_births, "a new process every 6 hours, its counters from zero"),
    "gaps": (_gaps, "42 times not reached, for 40 seconds to an hour"),
    "jitter": (_jitter, "scrapes off the grid, up to 4 s early or late"),
    "blind": (_blind, "not reached exactly while it fails"),
    "first error": (_from_first_error, "as births, no counter of errors before the first error"),
}


def _rng(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _scrapes(
    scenario: Scenario, process: Process, scrape: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """When `process` is reached, in seconds of the story."""
    end = process.born + len(process.good)
    times = np.arange(-(-process.born // scrape) * scrape, end + 1, scrape, dtype=np.float64)
    times = times + scenario.offset + rng.uniform(-1, 1, len(times)) * scenario.jitter
    times = times[(times >= process.born) & (times <= end)]
    for start, until in process.gaps:
        times = times[(times < start) | (times >= until)]
    return np.round(times, 3)


def _scraped(
    process: Process,
    counts: Counts,
    times: npt.NDArray[np.float64],
    began: int,
    labels: Mapping[str, str],
) -> Samples:
    so_far = np.concatenate([[0], np.cumsum(counts)])
    starts = np.array([process.born, *sorted(process.resets)])
    running = starts[np.searchsorted(starts, times, side="right") - 1]
    values = so_far[(times - process.born).astype(np.int64)] - so_far[running - process.born]
    if not process.from_zero and labels["code"] == "error":
        seen = values > 0
        times, values = times[seen], values[seen]
    return Samples(METRIC, labels, (times + began).tolist(), values.tolist())
