"""The past as Prometheus remembers it: which alerts fired when, what changed, what was dark.

Every stretch is known to one step of the question; a shorter one may be missed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slo import names
from slo.ask import Prometheus, Series
from slo.model import SeverityWords

FINEST_SECONDS: Final = 15.0
_MOST_STEPS: Final = 8_000
_HIDDEN: Final = frozenset({"__name__", "alertstate"})

_FIRING: Final = 'ALERTS{alertstate="firing",severity=~"%s"}'
_HANDED_ON: Final = (
    "group by (mas_source_agent, mas_target_agent) (increase(mas_agent_handoffs_total[%s]) > 0)"
)
_REVISIONS: Final = "max by (mas_policy_name) (mas_policy_revision)"
_VERSIONS: Final = "group by (service_name, service_version) (target_info)"
_COUNTED: Final = (
    ("deployment", "sum by (mas_service_tier) (mas_deployments_total)"),
    (
        "rollback",
        "sum by (mas_service_tier, mas_rollback_trigger) (mas_deployment_rollbacks_total)",
    ),
)
_SCRAPED: Final = 'max by (job) (up{job=~"fleetslo-.+"})'


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time, seconds since 1970, and how finely it is looked at."""

    start: float
    end: float

    @property
    def step(self) -> float:
        """Seconds between two looks: as fine as one answer of Prometheus may be."""
        return max(FINEST_SECONDS, (self.end - self.start) / _MOST_STEPS)


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from its first firing to its end.

    Attributes:
        starts: Seconds since 1970, at most one step late.
        ends: None while it still fires at the end of the range.
    """

    labels: Mapping[str, str]
    starts: float
    ends: float | None

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    def told(self) -> str:
        """The alert in short: name, tier or severity, and whom it speaks of."""
        kind = self.labels.get("slo_tier") or self.labels.get("severity", "")
        agent = self.labels.get("gen_ai_agent_name", "")
        return " ".join(part for part in (self.name, kind, agent) if part)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed: a policy revision, a deployment, a rollback."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without telemetry: what happened in it, nobody has seen."""

    starts: float
    ends: float
    text: str


def episodes(prometheus: Prometheus, when: Range) -> list[Episode]:
    """All alerts that fired in `when`, by their start; severities in our words."""
    said = words(prometheus)
    either = (re.escape(word).replace("\\", "\\\\") for word in (said.page, said.ticket))
    firing = _FIRING % "|".join(either)
    found = [
        Episode(_worded(series, said), starts, None if ends >= when.end - when.step else ends)
        for series in prometheus.ranged(firing, when.start, when.end, when.step)
        for starts, ends in _stretches(series, when.step)
    ]
    return sorted(found, key=lambda each: (each.starts, sorted(each.labels.items())))


def words(prometheus: Prometheus) -> SeverityWords:
    """What page and ticket are called there."""
    told = prometheus.instant(names.SEVERITIES)
    return (
        SeverityWords(told[0].labels["page"], told[0].labels["ticket"]) if told else SeverityWords()
    )


def _worded(series: Series, said: SeverityWords) -> dict[str, str]:
    labels = _labels(series)
    return {**labels, "severity": said.meant(labels.get("severity", ""))}


def neighbours(prometheus: Prometheus, when: Range) -> frozenset[frozenset[str]]:
    """Every two agents that handed work to each other in `when`."""
    window = f"{max(60, int(when.end - when.start))}s"
    return frozenset(
        frozenset((series.labels["mas_source_agent"], series.labels["mas_target_agent"]))
        for series in prometheus.instant(_HANDED_ON % window, when.end)
        if {"mas_source_agent", "mas_target_agent"} <= series.labels.keys()
    )


def policies(prometheus: Prometheus, at: float) -> dict[str, str]:
    """The newest revision of each policy that some agent enforced at `at`."""
    return {
        series.labels.get("mas_policy_name", "-"): f"{series.value:.15g}"
        for series in prometheus.instant(_REVISIONS, at)
    }


def events(prometheus: Prometheus, when: Range) -> list[Event]:
    """What changed in `when`: policy revisions, versions, deployments, rollbacks."""
    found = [
        Event(at, "policy", f"{_of(series)}: revision {before:.15g} to {after:.15g}")
        for series in _ranged(prometheus, _REVISIONS, when)
        for at, before, after in _steps(series)
    ]
    found += [
        Event(at, kind, f"{_of(series)}: {round(after - before)}")
        for kind, expr in _COUNTED
        for series in _ranged(prometheus, expr, when)
        for at, before, after in _steps(series)
        if after > before
    ]
    found += [
        Event(series.points[0][0], "version", _of(series))
        for series in _ranged(prometheus, _VERSIONS, when)
        if series.points[0][0] > when.start + when.step
    ]
    return sorted(found, key=lambda event: (event.at, event.kind, event.text))


def gaps(prometheus: Prometheus, when: Range) -> list[Gap]:
    """When no telemetry came: Prometheus was down, or could not scrape the collector."""
    scraped = _ranged(prometheus, _SCRAPED, when)
    looked = sorted({point[0] for series in scraped for point in series.points})
    found = [
        Gap(starts, ends, "nothing was scraped: Prometheus was down, or knows no collector")
        for starts, ends in _holes(looked, when)
    ]
    for series in scraped:
        down = Series({}, [point for point in series.points if float(point[1]) == 0])
        job = series.labels.get("job", "-")
        found += [
            Gap(starts, ends, f"{job} did not answer")
            for starts, ends in _stretches(down, when.step)
        ]
    return sorted(found, key=lambda gap: (gap.starts, gap.text))


def _ranged(prometheus: Prometheus, expr: str, when: Range) -> list[Series]:
    return prometheus.ranged(expr, when.start, when.end, when.step)


def _labels(series: Series) -> dict[str, str]:
    return {name: text for name, text in series.labels.items() if name not in _HIDDEN}


def _of(series: Series) -> str:
    return " ".join(text for _, text in sorted(_labels(series).items())) or "all"


def _stretches(series: Series, step: float) -> Iterator[tuple[float, float]]:
    """The unbroken runs of a series, each from its first to its last point."""
    start = last = None
    for at, _ in series.points:
        if start is None or last is None:
            start = at
        elif at - last > 1.5 * step:
            yield start, last
            start = at
        last = at
    if start is not None and last is not None:
        yield start, last


def _holes(looked: Sequence[float], when: Range) -> Iterator[tuple[float, float]]:
    """Where there are no points although there could be."""
    before = when.start
    for at in (*looked, when.end):
        if at - before > 2.5 * when.step:
            yield before, at
        before = at


def _steps(series: Series) -> Iterator[tuple[float, float, float]]:
    """Each change of value: when it was first seen, before and after."""
    values = [(at, float(text)) for at, text in series.points]
    for (_, before), (at, after) in itertools.pairwise(values):
        if before != after:
            yield at, before, after


def within(items: Iterable[Event], start: float, end: float) -> Sequence[Event]:
    """The events from `start` to `end`."""
    return tuple(item for item in items if start <= item.at <= end)
