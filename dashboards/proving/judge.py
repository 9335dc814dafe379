"""What the story must look like on the dashboards, and what was seen instead."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards import palette
from dashboards.notation import Json, JsonValue, stable_id
from dashboards.proving.phases import BURNING, HEALTHY
from dashboards.proving.reading import Panel, mapping, nodes, word
from dashboards.proving.run import Shown
from slo.promql import parse, selected_metrics

_ABOUT_ALERTS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_DIGITS: Final = 4
"""Significant digits of a value in the lock file: what a reader sees, and no noise."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """At the end of `phase`, panel `key` of `view` is judged one of `verdicts`.

    Attributes:
        reach: How far the story takes its value; a limit beyond this is not expected to be met.
        alert: Severity that some alert of the project must have; empty for none.
    """

    view: str
    key: str
    phase: str
    verdicts: tuple[str, ...]
    reach: float = math.inf
    alert: str = ""


_FAST: Final = 18.0
_SLOW: Final = 1.5
"""Burn rates that every SLO of the story has at least, in its two burning phases."""
_COLOURS: Final = {"good": palette.GOOD, "watch": palette.WATCH, "bad": palette.BAD}
EXPECTED: Final = (
    Expectation("executive", "tiles/availability", "fast-burn", ("bad",)),
    Expectation("executive", "tiles/burn", "fast-burn", ("bad",), _FAST),
    Expectation("executive", "tiles/exhaustion", "fast-burn", ("bad", "watch")),
    Expectation("executive", "tiles/burn", "counter-reset", ("good",)),
    Expectation("executive", "tiles/burn", "slow-burn", ("bad", "watch"), _SLOW),
    Expectation("executive", "tiles/incidents", HEALTHY, ("good",)),
    Expectation("executive", "tiles/incidents", "fast-burn", ("bad",), alert="page"),
    Expectation("on-call", "firing/pages", HEALTHY, ("good",)),
    Expectation("on-call", "firing/pages", "fast-burn", ("bad",), alert="page"),
    Expectation("on-call", "firing/tickets", "slow-burn", ("watch",), alert="ticket"),
    Expectation("on-call", "agents/failing", "fast-burn", ("bad",)),
    Expectation("debug", "collector/imbalance", "no-traffic", ("good",)),
)
"""What somebody who looks at the dashboard in that phase has to see."""


def problems(
    view: str,
    seen: Sequence[Shown],
    own: Collection[str] = (),
    severities: Collection[str] = ("page", "ticket"),
) -> list[str]:
    """Where `seen` is not what the story says.

    Args:
        view: Of the dashboard, which may be a team's part of it.
        seen: Every query in every phase.
        own: SLOs whose events were made up: all of them fail in the burning phases.
        severities: Of the project's alerts.
    """
    return [
        *_always(seen),
        *_in_health(seen),
        *_expected(view, seen, severities),
        *_burning(view, seen, own),
    ]


def locked(seen: Sequence[Shown]) -> Json:
    """What the lock file holds about one dashboard: by panel, by query, by phase."""
    panels: dict[str, dict[str, JsonValue]] = {}
    for shown in seen:
        panel = panels.setdefault(str(shown.panel.identity), {"title": shown.panel.title})
        queries = panel.setdefault(f"query {shown.ref}", {"expr": shown.query})
        if isinstance(queries, dict):
            queries[shown.phase] = _result(shown)
    return dict(panels)


def _result(shown: Shown) -> Json:
    last = None if shown.last is None else float(f"{shown.last:.{_DIGITS}g}")
    return {
        "current": shown.current,
        "series": shown.series,
        "worst": last,
        "verdict": shown.verdict or None,
    }


def _always(seen: Sequence[Shown]) -> Iterator[str]:
    for shown in seen:
        for fault in shown.faults:
            yield f"{_where(shown)}: {fault}"


def _in_health(seen: Sequence[Shown]) -> Iterator[str]:
    for shown in seen:
        if shown.phase == HEALTHY:
            if not shown.series and not _about_alerts(shown):
                yield f"{_where(shown)}: no data: {shown.query}"
            if shown.verdict == "bad":
                yield f"{_where(shown)}: bad at {shown.last} although all is well"


def _about_alerts(shown: Shown) -> bool:
    """It is about alerts, which are silent in health."""
    return bool(selected_metrics(parse(shown.query)) & _ABOUT_ALERTS)


def _expected(view: str, seen: Sequence[Shown], severities: Collection[str]) -> Iterator[str]:
    for expectation in EXPECTED:
        if expectation.view == view and expectation.alert in {"", *severities}:
            identity = stable_id(view, expectation.key)
            for shown in seen:
                is_it = shown.panel.identity == identity and shown.phase == expectation.phase
                judges = is_it and _judges(shown.panel, expectation)
                if judges and shown.verdict not in expectation.verdicts:
                    wanted = " or ".join(expectation.verdicts)
                    is_now = f"{shown.verdict or 'not judged'} at {shown.last}"
                    yield f"{_where(shown)}: must be {wanted}, is {is_now}"


def _judges(panel: Panel, expectation: Expectation) -> bool:
    """Whether the panel has a limit for the verdict, and the story comes that far.

    A project without pages has none for "bad", and one that does not promise availability
    has none at all.
    """
    steps = nodes(mapping(panel.defaults.get("thresholds")).get("steps"))
    wanted = {_COLOURS[verdict] for verdict in expectation.verdicts}
    edges = [step.get("value") for step in steps if word(step, "color") in wanted]
    return len(steps) > 1 and any(
        not isinstance(edge, int | float) or edge <= expectation.reach for edge in edges
    )


def _burning(view: str, seen: Sequence[Shown], own: Collection[str]) -> Iterator[str]:
    """An SLO's own row shows more errors in a burning phase than in health."""
    rows = {stable_id(view, f"slo/{slo_id}/errors") for slo_id in own}
    healthy = {
        (shown.panel.identity, shown.ref): shown.last for shown in seen if shown.phase == HEALTHY
    }
    for shown in seen:
        if shown.panel.identity in rows and shown.phase in BURNING and shown.ref == "w5m":
            before = healthy.get((shown.panel.identity, shown.ref))
            if before is None or shown.last is None or shown.last <= before:
                yield f"{_where(shown)}: must be above {before}, is {shown.last}"


def _where(shown: Shown) -> str:
    return f"{shown.phase}: panel {shown.panel.identity} ({shown.panel.title}) {shown.ref}"
