"""The answers to a dashboard's queries, series by series, ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from dashboards.preview.fields import series_name
from dashboards.proving.ask import Points
from dashboards.proving.reading import Dashboard, Panel, Target, word
from dashboards.proving.run import Refusal, ask_as_grafana, choices, range_seconds

_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """One series: which query it answers, its name, its labels, its points."""

    ref: str
    name: str
    labels: Mapping[str, str]
    points: Points


@dataclass(frozen=True, slots=True)
class Filled:
    """A panel and what its queries returned.

    Attributes:
        start: Seconds since 1970 at the left edge.
        end: At the right edge.
        refused: What Prometheus said against a query; empty when it took all.
    """

    panel: Panel
    series: tuple[Drawn, ...]
    start: int
    end: int
    refused: str


@dataclass(frozen=True, slots=True)
class _Look:
    url: str
    values: Mapping[str, str]
    seconds: int
    time: int
    scrape: int


def filled(url: str, board: Dashboard, time: int, scrape: int) -> list[Filled]:
    """Every panel of `board` with what it shows at `time`, in the order of the file.

    Args:
        url: Of Prometheus.
        board: The dashboard.
        time: Seconds since 1970 at the right edge.
        scrape: Seconds between two scrapes.
    """
    look = _Look(url, choices(board), range_seconds(board), time, scrape)

    def one(panel: Panel) -> Filled:
        return _filled(panel, look)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, board.panels))


def _filled(panel: Panel, look: _Look) -> Filled:
    series: list[Drawn] = []
    refused = ""
    for target in panel.targets:
        if target.expr:
            reply = ask_as_grafana(
                look.url, panel, target, look.values, look.seconds, look.time, look.scrape
            )
            if isinstance(reply, Refusal):
                refused = reply.reason
            else:
                series += [
                    Drawn(target.ref, _name(target, answer.labels), answer.labels, answer.points)
                    for answer in reply.answers
                ]
    return Filled(panel, tuple(series), look.time - look.seconds, look.time, refused)


def _name(target: Target, labels: Mapping[str, str]) -> str:
    return series_name(word(target.node, "legendFormat"), labels)
