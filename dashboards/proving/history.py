"""The scenario as samples: values over all phases, written as OpenMetrics for promtool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dashboards.proving.phases import FAILURE, PHASES, Phase
from dashboards.proving.scenario import REVISION, Labels, Series

COARSE_SECONDS: Final = 120
FINE_SECONDS: Final = 15
"""Scrape interval near the moments that are looked at: `$__rate_interval` needs it."""
_FINE_STRETCH_SECONDS: Final = 600
_REVISED_SECONDS: Final = 300
"""So long before a phase ends, every policy gets a new revision."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each phase begins and ends, in seconds since 1970.

    Attributes:
        edges: Start of the first phase, then the end of each.
        phases: What happens between them.
    """

    edges: tuple[int, ...]
    phases: tuple[Phase, ...] = PHASES

    @classmethod
    def until(cls, end: int, last: str = PHASES[-1].name) -> Timeline:
        """The phases one after the other through `last`, which ends at `end`."""
        names = [phase.name for phase in PHASES]
        phases = PHASES[: names.index(last) + 1]
        edges = [end]
        for phase in reversed(phases):
            edges.insert(0, edges[0] - phase.seconds)
        return cls(tuple(edges), phases)

    @property
    def start(self) -> int:
        """When the story begins."""
        return self.edges[0]

    @property
    def end(self) -> int:
        """When it ends."""
        return self.edges[-1]

    def moments(self) -> Mapping[str, int]:
        """When each phase is looked at: where it ends."""
        return {phase.name: end for phase, end in zip(self.phases, self.edges[1:], strict=True)}

    def scrapes(self) -> list[int]:
        """When the fleet is scraped: coarsely, and finely before each moment."""
        times = set(range(self.start, self.end + 1, COARSE_SECONDS))
        for end in self.edges[1:]:
            times |= set(range(end - _FINE_STRETCH_SECONDS, end + 1, FINE_SECONDS))
        return sorted(times)

    def spans(self) -> Iterator[tuple[Phase, int, int]]:
        """Each phase with its start and its end."""
        for phase, (start, end) in zip(self.phases, pairwise(self.edges), strict=True):
            yield phase, start, end


def samples(
    series: Series, timeline: Timeline, times: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """The samples of `series` at `times`; none while its agent is lost."""
    value, last = 0.0, timeline.start
    spans = list(timeline.spans())
    index = 0
    for time in times:
        while index + 1 < len(spans) and time > spans[index][2]:
            value, last = _carried(series, spans[index], value, last), spans[index][2]
            index += 1
            if series.counts and spans[index][0].reset:
                value = 0.0
        phase = spans[index][0]
        if phase.lost and phase.lost == series.agent:
            continue
        if series.counts:
            value += _rate(series, phase) * (time - last)
            last = time
            yield time, value
        else:
            late = time > spans[index][2] - _REVISED_SECONDS
            revisions = index + late if series.name == REVISION else 0
            yield time, _level(series, phase) + revisions


def exposition(
    families: Mapping[str, Sequence[tuple[Labels, Sequence[tuple[int, float]]]]],
) -> Iterator[str]:
    """OpenMetrics text, one family after the other, each typed unknown, then the end mark."""
    for name in sorted(families):
        yield f"# TYPE {name} unknown\n"
        for labels, points in families[name]:
            head = f"{name}{{{','.join(f'{key}={_quoted(text)}' for key, text in labels)}}}"
            for time, value in points:
                yield f"{head} {value!r} {time}\n"
    yield "# EOF\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _carried(series: Series, span: tuple[Phase, int, int], value: float, last: int) -> float:
    """The value at the end of the phase `span`."""
    phase, _, end = span
    return value + _rate(series, phase) * (end - last) if series.counts else value


def _level(series: Series, phase: Phase) -> float:
    """A gauge's level; the roster sees a lost agent as missing."""
    if phase.lost and phase.lost in series.values:
        if "missing" in series.values:
            return 1.0
        if "healthy" in series.values:
            return 0.0
    return series.rate


def _rate(series: Series, phase: Phase) -> float:
    if phase.lost and phase.lost == series.agent:
        return 0.0
    rate = series.rate
    for value in series.values:
        rate *= phase.factors.get(value, 1.0)
    rate += series.failing * phase.factors.get(FAILURE, 1.0)
    return rate * (phase.flow if series.traffic else 1.0)
