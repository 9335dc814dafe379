"""What a view is made of: the SLOs and alerts it shows, and the stores it may ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from dashboards import palette
from dashboards.notation import JsonValue, plain
from dashboards.panel import Link, Override
from dashboards.query import any_of
from dashboards.stores import Logs, Traces, logs_of, traces_of
from slo.exact import decimal
from slo.model import AlertRule, Compiled, Maintenance, Rolling, Settings, Slo, Urls
from slo.names import DASHBOARD_UIDS
from slo.policy import period_seconds

_DAY_SECONDS: Final = 86_400
_UID_CHARACTERS: Final = 40
"""Longest uid that Grafana takes."""


@dataclass(frozen=True, slots=True)
class Material:
    """What one dashboard shows.

    Attributes:
        slos: Sorted by id; their words are safe to show.
        alerts: Alerting rules in the order of the rule files.
        titles: Title of every team by its name.
        team: Whose dashboard it is, where there is one for each team; else empty.
        part: Which of the team's, from 1 on, where it has too many SLOs for one; else 0.
        crowded: It is the overview of more SLOs than have rows on one page.
    """

    slos: tuple[Slo, ...]
    alerts: tuple[AlertRule, ...]
    maintenance: tuple[Maintenance, ...]
    titles: Mapping[str, str]
    settings: Settings
    team: str = ""
    part: int = 0
    crowded: bool = False

    @property
    def name(self) -> str:
        """What tells this part from the others: the team, and its number if it has several."""
        return f"{self.team}-{self.part}" if self.part else self.team

    @property
    def urls(self) -> Urls:
        """Where things are found."""
        return self.settings.urls

    @property
    def logs(self) -> Logs:
        """The log store."""
        return logs_of(self.settings.logs)

    @property
    def traces(self) -> Traces:
        """The trace store."""
        return traces_of(self.settings.traces)

    def uid(self, view: str) -> str:
        """The uid of the dashboard that shows `view` of this part."""
        return uid_of(view, self.name)

    def slo_of(self, catalog_id: str) -> Slo | None:
        """The SLO that comes from row `catalog_id` of the catalogue, if there is one."""
        return next((slo for slo in self.slos if slo.catalog_id == catalog_id), None)

    def only(self) -> str:
        """A label matcher that selects the SLOs of this dashboard.

        Never empty: sloth records some of the same names, and its series have no such label.
        """
        if not self.team:
            return 'slo_id!=""'
        return f"slo_id=~{any_of([slo.slo_id for slo in self.slos])}"

    def only_team(self) -> str:
        """A label matcher, comma first, that selects this dashboard's alerts; empty for all."""
        return f",team={any_of([self.team])}" if self.team else ""

    def runbook(self, alert: str, title: str) -> tuple[Link, ...]:
        """A link to the runbook of `alert`, if there is one.

        By name and not by row of the catalogue: several alerts stand in one row.
        """
        return self._link((rule for rule in self.alerts if rule.name == alert), title)

    def burn_runbook(self, catalog_id: str, title: str) -> tuple[Link, ...]:
        """A link to the runbook of the burn alert of row `catalog_id`, if there is one."""
        rules = (rule for rule in self.alerts if rule.slo is not None and rule.tier is not None)
        return self._link((r for r in rules if r.slo and r.slo.catalog_id == catalog_id), title)

    def _link(self, rules: Iterable[AlertRule], title: str) -> tuple[Link, ...]:
        urls = (rule.annotations.get("runbook_url", "") for rule in rules)
        url = next((each for each in urls if each), "")
        return (Link(f"Runbook: {title}", url),) if url else ()


def material(compiled: Compiled) -> Material:
    """Everything that `compiled` holds."""
    project = compiled.project
    return Material(
        slos=tuple(
            replace(slo, title=plain(slo.title), description=plain(slo.description))
            for slo in project.slos
        ),
        alerts=compiled.alert_rules(),
        maintenance=project.maintenance,
        titles={team.name: plain(team.title) for team in project.teams},
        settings=project.settings,
    )


def of_team(whole: Material, team: str, most: int) -> tuple[Material, ...]:
    """What `team` owns of `whole`, in parts of at most `most` SLOs."""
    slos = tuple(slo for slo in whole.slos if slo.owner == team)
    starts = range(0, len(slos), most)
    parts = [slos[start : start + most] for start in starts]
    numbers = range(1, len(parts) + 1) if len(parts) > 1 else (0,)
    return tuple(
        _part(whole, team, part, number) for part, number in zip(parts, numbers, strict=True)
    )


def _part(whole: Material, team: str, slos: tuple[Slo, ...], number: int) -> Material:
    return Material(
        slos=slos,
        alerts=tuple(rule for rule in whole.alerts if rule.team == team),
        maintenance=whole.maintenance,
        titles=whole.titles,
        settings=whole.settings,
        team=team,
        part=number,
    )


def window_days(slo: Slo) -> Fraction:
    """Length of the SLO's window in days; a calendar's is rounded to whole days."""
    return period_seconds(slo.window) / _DAY_SECONDS


def window_words(slo: Slo) -> str:
    """The SLO's window as people say it: ``30 days``, ``the calendar month``."""
    if isinstance(slo.window, Rolling):
        return f"{decimal(window_days(slo))} days"
    return f"the calendar {slo.window.period}"


def runbook_of(rules: Sequence[AlertRule]) -> tuple[Link, ...]:
    """Links to the runbooks of `rules`, each once."""
    urls = {rule.name: rule.annotations.get("runbook_url", "") for rule in rules}
    return tuple(Link(f"Runbook: {name}", url) for name, url in urls.items() if url)


def named(*names: str) -> tuple[Override, ...]:
    """Give each of the series `names` a colour and a dash of its own, in this order."""
    return tuple(Override("byName", name, _look(index)) for index, name in enumerate(names))


def marked(**colors: str) -> tuple[Override, ...]:
    """Give each named series the colour of what it means, and a dash of its own."""
    return tuple(
        Override("byName", name, _look(index, color))
        for index, (name, color) in enumerate(colors.items())
    )


def renamed(field: str, title: str, *more: tuple[str, JsonValue]) -> Override:
    """Show the column `field` as `title`, with further properties."""
    return Override("byName", field, (("displayName", title), *more))


def hidden(field: str) -> Override:
    """Do not show the column `field`."""
    return Override("byName", field, (("custom.hidden", True),))


def _look(index: int, color: str = "") -> tuple[tuple[str, JsonValue], ...]:
    fixed = color or palette.SERIES[index % len(palette.SERIES)]
    dash = palette.DASHES[index % len(palette.DASHES)]
    style: dict[str, JsonValue] = (
        {"fill": "dash", "dash": list(dash)} if dash else {"fill": "solid"}
    )
    return (
        ("color", {"mode": "fixed", "fixedColor": fixed}),
        ("custom.lineStyle", style),
    )


def uid_of(view: str, team: str) -> str:
    """The uid of a view, or of a team's part of it: at most 40 characters, always the same."""
    base = DASHBOARD_UIDS[view]
    if not team:
        return base
    whole = f"{base}-{team}"
    if len(whole) <= _UID_CHARACTERS and whole.replace("-", "").replace("_", "").isalnum():
        return whole
    digest = hashlib.sha256(team.encode()).hexdigest()[:8]
    return f"{base}-{digest}"
