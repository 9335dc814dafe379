"""Every query of every panel, run at every moment of the story, as Grafana would run it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from dashboards import palette
from dashboards.marks import PLANNED
from dashboards.proving.ask import Answer, AskError, instant, ranged
from dashboards.proving.expand import Moment, expanded
from dashboards.proving.history import FINE_SECONDS
from dashboards.proving.reading import Dashboard, Panel, Target, mapping, nodes, word

_AT_ONCE: Final = 4
_POINTS: Final = 1_000
"""Points across a panel: about its width in pixels."""
_STEPS: Final = (15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400)
_RELATIVE: Final = re.compile(r"now-(\d+)([mhd])")
_UNIT_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_VERDICTS: Final = {palette.GOOD: "good", palette.WATCH: "watch", palette.BAD: "bad"}
_SEVERITY: Final = re.compile(r'severity="(\w+)"')
_JUDGED: Final = frozenset({"stat", "bargauge"})
"""Kinds whose last value is what is shown, in the colour of its threshold."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one query of one panel shows at one moment.

    Attributes:
        query: With every variable replaced.
        series: How many series came back.
        current: How many of them still have a value at the end of the range.
        last: The worst of their last values: by colour, then by size; None without any.
        verdict: good, watch or bad by the panel's thresholds; empty where they do not judge.
        faults: What must never be: a refusal, a value that is no number.
    """

    phase: str
    panel: Panel
    ref: str
    query: str
    series: int
    current: int
    last: float | None
    verdict: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A query that Prometheus did not take."""

    query: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: every series, and the moment of the newest point that there may be."""

    query: str
    answers: tuple[Answer, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Task:
    phase: str
    time: int
    panel: Panel
    target: Target


def shown(url: str, board: Dashboard, moments: Mapping[str, int]) -> list[Shown]:
    """What every Prometheus query of `board` shows at each of `moments`."""
    tasks = [
        _Task(phase, time, panel, target)
        for panel in board.panels
        for target in panel.targets
        if target.expr
        for phase, time in moments.items()
    ]
    values = choices(board)
    seconds = range_seconds(board)

    def run(task: _Task) -> Shown:
        return _run(url, task, values, seconds)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(run, tasks))


def range_seconds(board: Dashboard) -> int:
    """How far back the dashboard looks at first."""
    found = _RELATIVE.match(word(mapping(board.node.get("time")), "from"))
    return int(found.group(1)) * _UNIT_SECONDS[found.group(2)] if found else 3_600


def annotation_faults(
    url: str, board: Dashboard, moments: Mapping[str, int], severities: Collection[str]
) -> Iterator[str]:
    """Annotations that Prometheus refuses, or that mark nothing in the hours before `moments`.

    Planned maintenance and alerts of a severity that no alert has may mark nothing.
    """
    for node in board.annotations():
        expr, name = word(node, "expr"), word(node, "name")
        if not expr:
            continue
        try:
            marks = [ranged(url, expr, time - 3_600, time, 60) for time in moments.values()]
        except AskError as error:
            yield f"annotation {name}: {error}"
            continue
        found = _SEVERITY.search(expr)
        told = found is None or found.group(1) in severities
        if not any(marks) and told and not name.startswith(PLANNED):
            yield f"annotation {name} marks nothing: {expr}"


def choices(board: Dashboard) -> dict[str, str]:
    """What each variable stands for when everything is chosen."""
    return {word(node, "name"): word(node, "allValue") or ".+" for node in board.variables()}


def _run(url: str, task: _Task, values: Mapping[str, str], seconds: int) -> Shown:
    asked = ask_as_grafana(url, task.panel, task.target, values, seconds, task.time)
    if isinstance(asked, Refusal):
        faults = (asked.reason,)
        return Shown(task.phase, task.panel, task.target.ref, asked.query, 0, 0, None, "", faults)
    return _judged(task, asked)


def ask_as_grafana(
    url: str,
    panel: Panel,
    target: Target,
    values: Mapping[str, str],
    seconds: int,
    time: int,
    scrape: int = FINE_SECONDS,
) -> Reply | Refusal:
    """Run one query as Grafana does: variables filled in, start and end on the step's grid.

    Args:
        url: Of Prometheus.
        panel: Whose query it is.
        target: The query.
        values: What the dashboard's variables stand for.
        seconds: How far back the dashboard looks.
        time: Seconds since 1970 at its right edge.
        scrape: Seconds between two scrapes, as the data source is told.
    """
    step = _step(seconds, panel, target, scrape)
    query = expanded(target.expr, Moment(seconds, step, scrape), values)
    start, end = (time - seconds) // step * step, time // step * step
    try:
        if target.instant:
            return Reply(query, tuple(instant(url, query, time)), start, time)
        return Reply(query, tuple(ranged(url, query, start, end, step)), start, end)
    except AskError as error:
        return Refusal(query, str(error))


def _step(seconds: int, panel: Panel, target: Target, scrape: int) -> int:
    least = target.interval or word(panel.node, "interval")
    found = re.fullmatch(r"(\d+)([mhd])", least)
    shortest = int(found.group(1)) * _UNIT_SECONDS[found.group(2)] if found else scrape
    wanted = max(seconds / _POINTS, shortest)
    return next((step for step in _STEPS if step >= wanted), _STEPS[-1])


def _judged(task: _Task, reply: Reply) -> Shown:
    lasts = [answer.points[-1][1] for answer in reply.answers]
    faults = tuple(
        f"{value} for {dict(answer.labels)}"
        for answer, value in zip(reply.answers, lasts, strict=True)
        if not math.isfinite(value)
    )
    last, verdict = _worst(task.panel, [value for value in lasts if math.isfinite(value)])
    current = sum(answer.points[-1][0] == reply.end for answer in reply.answers)
    count = len(lasts)
    return Shown(
        task.phase, task.panel, task.target.ref, reply.query, count, current, last, verdict, faults
    )


def _worst(panel: Panel, values: Sequence[float]) -> tuple[float | None, str]:
    order = ("bad", "watch", "good", "")
    judged = [(verdict_of(panel, value), value) for value in values]
    if not judged:
        return None, ""
    verdict, value = min(judged, key=lambda pair: (order.index(pair[0]), -pair[1]))
    return value, verdict


def verdict_of(panel: Panel, value: float) -> str:
    """good, watch or bad by the panel's thresholds; empty where they do not judge."""
    if panel.kind not in _JUDGED:
        return ""
    steps = nodes(mapping(panel.defaults.get("thresholds")).get("steps"))
    color = ""
    for step in steps:
        edge = step.get("value")
        if edge is None or (isinstance(edge, int | float) and value >= edge):
            color = word(step, "color")
    return _VERDICTS.get(color, "") if len(steps) > 1 else ""
