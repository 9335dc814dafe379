"""Three dashboards of a project, and what Grafana needs to find them.

Beyond a hundred SLOs, rows of SLOs leave the three, which alerts link to, for files of their
own, by owner: a page with thousands of panels is one that nobody opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from dashboards import palette, provisioning
from dashboards.board import (
    Board,
    LabelVariable,
    Mark,
    Section,
    SourceVariable,
    TextVariable,
    Variable,
)
from dashboards.marks import changes, maintenance
from dashboards.material import Material, material, of_team
from dashboards.notation import plain, shortened
from dashboards.stores import SERVICE_VARIABLE, TRACE_VARIABLE
from dashboards.views import budgets, debug, executive, on_call
from slo.diagnostic import Diagnostic, Level
from slo.model import Compiled, OutputFile
from slo.plugin import Output

SLOS_PER_DASHBOARD: Final = 100
"""More SLOs than this have no rows on one page: they are parted by team, and by this number."""
_PARTED: Final = ("executive", "on-call")
"""Views that show single SLOs."""
_FOLDER: Final = "grafana"


@dataclass(frozen=True, slots=True)
class View:
    """One of the three: who reads it, over which time, and what it is made of."""

    name: str
    title: str
    reader: str
    start: str
    refresh: str
    sections: Callable[[Material], tuple[Section, ...]]


VIEWS: Final = (
    View(
        "executive",
        "Fleet · Executive",
        "For leadership and product owners: do we keep our promises, and what does it cost?",
        "now-28d",
        "5m",
        executive.sections,
    ),
    View(
        "on-call",
        "Fleet · On-call",
        "For whoever is called: what fires, how bad it is, what changed, where the runbook is.",
        "now-6h",
        "30s",
        on_call.sections,
    ),
    View(
        "debug",
        "Fleet · Debug",
        "For engineers: who talks to whom, one trace, one agent, and the telemetry pipeline.",
        "now-1h",
        "1m",
        debug.sections,
    ),
)


class DashboardGenerator:
    """Turns a compiled project into dashboards and provisioning files."""

    output: Output = Output.DASHBOARDS

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """A notice where a view is split, because its links then lead to several files."""
        count = len(compiled.project.slos)
        if count > SLOS_PER_DASHBOARD:
            parts = len(list(_parts(material(compiled)))) - 1
            yield Diagnostic(
                code="DSH001",
                level=Level.NOTICE,
                text=f"{count} SLOs are more than the {SLOS_PER_DASHBOARD} that one dashboard "
                f"shows: rows of SLOs stand in {parts} parts by owner, beside the views of all",
                help="give SLOs to more teams, or group similar ones with `by`",
            )

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """``<view>.json``, ``<view>-<team>.json`` of the many, and the provisioning."""
        parts = list(_parts(material(compiled)))
        for view in VIEWS:
            for part in parts:
                if part.name and view.name not in _PARTED:
                    continue
                stem = f"{view.name}-{part.name}" if part.name else view.name
                board = build(view, part, many=len(parts) > 1)
                yield OutputFile(f"{_FOLDER}/dashboards/{stem}.json", board.text())
        folder = f"{_FOLDER}/provisioning"
        yield OutputFile(f"{folder}/dashboards.yaml", provisioning.dashboards_text())
        yield OutputFile(
            f"{folder}/datasources.yaml",
            provisioning.datasources_text(compiled.project.settings),
        )


GENERATOR: Final = DashboardGenerator()


def build(view: View, part: Material, *, many: bool = False) -> Board:
    """The dashboard of `view` on `part`; `many`: the view is split over several files."""
    title = view.title
    if part.team:
        number = f" {part.part}" if part.part else ""
        team = part.titles.get(part.team) or plain(part.team)
        title = shortened(f"{title} · {team}", 80 - len(number)) + number
    return Board(
        title=title,
        description=view.reader,
        uid=part.uid(view.name),
        view=view.name,
        tags=[view.name, *([f"team:{part.team}"] if part.team else [])],
        refresh=view.refresh,
        start=view.start,
        sections=view.sections(part),
        variables=_variables(view, part),
        marks=_marks(part),
        many=many,
    )


def _parts(whole: Material) -> Iterator[Material]:
    if len(whole.slos) <= SLOS_PER_DASHBOARD:
        yield whole
        return
    yield replace(whole, crowded=True)
    for team in sorted({slo.owner for slo in whole.slos}):
        yield from of_team(whole, team, SLOS_PER_DASHBOARD)


def _variables(view: View, part: Material) -> tuple[Variable, ...]:
    prometheus = SourceVariable("prometheus")
    if view.name == "executive":
        return (prometheus,)
    if view.name == "on-call":
        return (
            prometheus,
            budgets.slo_variable(part),
            _AGENT,
            _HOST,
            *budgets.group_variables(part),
        )
    return (
        prometheus,
        SourceVariable(part.logs.kind),
        SourceVariable(part.traces.kind),
        _AGENT,
        _SERVICE,
        _TRACE,
    )


_AGENT: Final = LabelVariable(
    name="agent",
    label="Agent",
    series="mas_agent_actions_total",
    of="gen_ai_agent_name",
    description="Agents whose actions are shown",
)
_HOST: Final = LabelVariable(
    name="host",
    label="Host",
    series="process_memory_usage_bytes",
    of="host_name",
    description="Hosts whose resources are shown",
)
_SERVICE: Final = LabelVariable(
    name=SERVICE_VARIABLE,
    label="Service",
    series="process_memory_usage_bytes",
    of="service_name",
    description="Service whose failed traces are listed",
    many=False,
)
_TRACE: Final = TextVariable(
    TRACE_VARIABLE, "Trace id", "32 hexadecimal digits; links of exemplars and logs fill it in"
)


def _marks(part: Material) -> tuple[Mark, ...]:
    team = part.only_team()
    words = part.settings.severities
    alert = 'ALERTS{alertstate="firing",severity="%s"%s}'
    return (
        Mark(
            "Pages",
            alert % (words.page, team),
            palette.BAD,
            "▲ {{alertname}}",
            "{{slo_id}} {{slo_tier}}",
            "team,service",
        ),
        Mark(
            "Tickets",
            alert % (words.ticket, team),
            palette.WATCH,
            "● {{alertname}}",
            "{{slo_id}} {{slo_tier}}",
            "team,service",
            shown=False,
        ),
        *changes(),
        *maintenance(part.maintenance),
    )
