"""Alerts: what fires now, what fired before, and the runbook of each."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import any_is
from dashboards.material import Material, hidden, renamed
from dashboards.notation import Json, JsonValue, plain
from dashboards.panel import Link, State, Viz, Words
from dashboards.panels import Stat, States, Table, Text
from dashboards.query import Prom
from slo.model import Severity
from slo.names import SIGNAL_LOST, WATCHDOG

_SMALL: Final = Size(8, 4)
_BY_ALERT: Final = "alertname, severity, team, service, slo_id, root_cause"
_SEVERITIES: Final = ((Severity.PAGE, palette.BAD), (Severity.TICKET, palette.WATCH))


def firing(material: Material) -> Section:
    """Counts, the list, and the runbooks."""
    team, words = material.only_team(), material.settings.severities
    panels = (
        *(_count(severity, words.said(severity), color, team) for severity, color in _SEVERITIES),
        _signal_lost(),
        _table(material),
        _runbooks(material),
    )
    return Section("firing", "Firing now", panels)


def incidents(material: Material) -> Section:
    """What fired in the time chosen."""
    return Section("incidents", "Recent incidents", (_history(material), _fired(material)))


def _count(severity: Severity, word: str, color: str, team: str) -> Viz:
    return Stat(
        key=f"{severity}s",
        title=f"{severity.capitalize()}s firing",
        words=Words(
            f"Causes for which an alert of severity {word} fires now; several alerts of one "
            "cause count once.",
            "0 is good.",
            "See the list beside it, and follow the runbook from there.",
        ),
        none="Alerts cannot be counted: Prometheus does not answer.",
        queries=(
            Prom(
                expr="count(count by (root_cause) "
                f'(ALERTS{{alertstate="firing",severity="{word}",'
                f'alertname!="{WATCHDOG}"{team}}})) or vector(0)',
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=any_is(color),
        background=True,
        wish=_SMALL,
    )


def _signal_lost() -> Viz:
    return Stat(
        key="lost",
        title="SLOs without a signal",
        words=Words(
            "SLOs whose events stopped coming although they came within the last day.",
            "0 is good: a silent SLO can neither be kept nor broken.",
            "Look at the collector's row in the debug view, then at the agents that emit it.",
        ),
        none="Alerts cannot be counted: Prometheus does not answer.",
        queries=(
            Prom(
                expr=f'count(ALERTS{{alertstate="firing",alertname="{SIGNAL_LOST}"}}) or vector(0)',
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=any_is(palette.WATCH),
        background=True,
        wish=_SMALL,
    )


def _table(material: Material) -> Viz:
    firing = _selector(material)
    return Table(
        key="alerts",
        title="Alerts that fire, the longest first",
        words=Words(
            "Every alert that fires now, its severity, its owner, and for how long.",
            "An empty list is good. Alerts of one root cause belong to one incident.",
            "Click the alert's name: it leads to the runbook.",
        ),
        none="No alert fires.",
        queries=(
            Prom(
                # The longest of those that fire; one that is only pending has a start as well.
                expr=f"time() - min by ({_BY_ALERT})"
                f" (ALERTS_FOR_STATE and ignoring (alertstate) {firing})",
                table=True,
            ),
        ),
        unit="s",
        decimals=0,
        sort="Firing for",
        transformations=(_in_order(),),
        overrides=(
            renamed("alertname", "Alert", ("links", _runbook_links(material))),
            renamed("severity", "Severity", ("mappings", _severity_words(material))),
            renamed("team", "Owner"),
            renamed("slo_id", "SLO"),
            renamed("root_cause", "Root cause"),
            renamed("service", "Service"),
            renamed("Value", "Firing for", ("unit", "s")),
        ),
        value_links=(Link("Alertmanager", f"{material.urls.alertmanager}/#/alerts"),),
        wish=Size(14, 10),
    )


def _in_order() -> Json:
    """What one wants to know first, first: how bad, what, since when."""
    order = ("severity", "alertname", "Value", "slo_id", "team", "root_cause", "service")
    return {
        "id": "organize",
        "options": {
            "excludeByName": {"Time": True},
            "indexByName": {name: place for place, name in enumerate(order)},
        },
    }


def _runbook_links(material: Material) -> list[JsonValue]:
    url = f"{material.urls.runbooks}/${{__value.text}}.md"
    return [{"title": "Runbook", "url": url, "targetBlank": True}]


def _severity_words(material: Material) -> list[JsonValue]:
    words = material.settings.severities
    return [
        {
            "type": "value",
            "options": {
                words.page: {"text": f"▲ {words.page}", "color": palette.BAD, "index": 0},
                words.ticket: {"text": f"● {words.ticket}", "color": palette.WATCH, "index": 1},
            },
        }
    ]


def _runbooks(material: Material) -> Viz:
    seen: dict[str, str] = {}
    for rule in material.alerts:
        url = rule.annotations.get("runbook_url", "")
        if url and rule.name not in seen:
            owner = material.titles.get(rule.team) or plain(rule.team)
            seen[rule.name] = f"- [{rule.name}]({url}) ({rule.severity.value}, {owner})"
    lines = "\n".join(sorted(seen.values())) or "No alert has a runbook."
    return Text(
        key="runbooks",
        title="Runbooks",
        words=Words(
            "Every alert of this project with its runbook and the team that owns it.",
            "Each alert has one.",
            "Follow the steps in order; each runbook says when to escalate, and to whom.",
        ),
        markdown=lines,
        wish=Size(10, 10),
    )


def _selector(material: Material) -> str:
    return f'ALERTS{{alertstate="firing",alertname!="{WATCHDOG}"{material.only_team()}}}'


def _history(material: Material) -> Viz:
    return States(
        key="history",
        title="Alerts over time",
        words=Words(
            "When each alert fired.",
            "Empty is good. Bands that start together may have one cause.",
            "Compare their start with the marks of deployments and policies.",
        ),
        none="No alert fired in this time.",
        queries=(Prom(expr=f"max by (alertname) ({_selector(material)})", legend="{{alertname}}"),),
        unit="none",
        states=(State(1.0, 1.0, "firing", palette.BAD),),
        steps=any_is(palette.BAD),
        wish=Size(14, 8),
    )


def _fired(material: Material) -> Viz:
    return Table(
        key="fired",
        title="What fired, how often",
        words=Words(
            "Alerts that fired in the time chosen above, with their owner.",
            "Empty is good. One that fires daily needs a fix, not a person.",
            "Click the alert's name: it leads to the runbook.",
        ),
        none="No alert fired in this time.",
        queries=(
            Prom(
                expr="sum by (alertname, severity, team)"
                f" (count_over_time({_selector(material)}[$__range:1m]))",
                table=True,
            ),
        ),
        unit="m",
        decimals=0,
        sort="Minutes",
        overrides=(
            hidden("Time"),
            renamed("alertname", "Alert", ("links", _runbook_links(material))),
            renamed("severity", "Severity", ("mappings", _severity_words(material))),
            renamed("team", "Owner"),
            renamed("Value", "Minutes"),
        ),
        wish=Size(10, 8),
    )
