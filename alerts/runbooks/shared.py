"""The pages of alerts that belong to no single document: lost signals, the watchdog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from alerts.runbooks import links, text
from alerts.runbooks.way import Ways, severities
from slo import names
from slo.model import AlertRule, Settings
from slo.rules.burn import IDLE

_FIRING: Final = f'ALERTS{{alertname="{names.WATCHDOG}"}}'
_SCRAPED: Final = "up == 0"
_BOOKS: Final = "fleetslo_conservation_imbalance != 0"


def shared_page(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """The page of an alert name that several documents share, or none owns."""
    name = rules[0].name
    write = _PAGES.get(name, _unknown)
    return write(rules, ways)


def _signal_lost(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    settings = ways.compiled.project.settings
    return text.Page(
        rules[0].name,
        "An SLO has had data within the last day and has none now: nobody knows how it is doing.",
        (("Severity", severities(rules)), ("SLOs watched", str(len(rules)))),
        (
            (
                "The series that counts all events of the SLO named by the label `slo_id` is gone. "
                "That is not an outage of the service but blindness: no burn alert of this SLO can "
                f"fire. It fires after {rules[0].hold.promql()} and while the signal is gone, "
                "at most a day."
            ),
        ),
        ("The budget is not spent while nothing is counted, so it will look better than it is.",),
        (
            "1. Is the target still scraped? A `0` is a process that does not answer:",
            text.query(_SCRAPED),
            "2. Does the collector lose anything? Its books must balance:",
            text.query(_BOOKS),
            "3. Has a metric or a label been renamed? What the SLO counts:",
            *_counted(rules),
        ),
        (
            text.steps(
                (
                    "Start what has stopped: the agents, the collector, or the scrape.",
                    (
                        "Was it renamed on purpose? Change the SLO file, run `sloctl generate` and "
                        "`sloctl verify`, and deploy the rules."
                    ),
                    "Was the service retired? Remove its SLO.",
                )
            ),
        ),
        _owners(rules, ways),
        _links(settings, rules[0]),
    )


def _traffic_stopped(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    settings = ways.compiled.project.settings
    return text.Page(
        rules[0].name,
        "The counters of an SLO are there and stand still, although there was traffic today.",
        (("Severity", severities(rules)), ("SLOs watched", str(len(rules)))),
        (
            (
                "Without events there are no bad ones: a service without work looks perfect. "
                "The SLOs below asked to be told (`alerting.idle`)."
            ),
        ),
        ("Whoever should be served by the service named in the label `service` is not.",),
        (
            "Look upstream: is work queued, is a caller stopped, is a route or a key wrong?",
            *_queries(rules),
        ),
        ("Start or repair what sends the work. A planned stop belongs into a Maintenance.",),
        _owners(rules, ways),
        _links(settings, rules[0]),
    )


def _watchdog(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    settings = ways.compiled.project.settings
    last = ways.compiled.project.settings.default_owner
    return text.Page(
        rules[0].name,
        "Always fires. You are here because somebody noticed that it has stopped.",
        (("Severity", severities(rules)),),
        (
            (
                "It goes from Prometheus through Alertmanager to a service outside (a dead man's "
                "switch). When that misses it, no alert of this system reaches anybody."
            ),
        ),
        ("Every page and every ticket may be lost, and nobody would know.",),
        (
            "1. Does Prometheus answer, and does it evaluate the rule?",
            text.command(f"promtool query instant {settings.urls.prometheus} '{_FIRING}'"),
            "2. Does Prometheus reach Alertmanager?",
            text.query("prometheus_notifications_alertmanagers_discovered"),
            text.query("rate(prometheus_notifications_errors_total[5m])"),
            "3. Does Alertmanager have it, and does it get rid of its notifications?",
            text.command(
                f"amtool --alertmanager.url={settings.urls.alertmanager} "
                f"alert query {names.WATCHDOG}"
            ),
            text.query("rate(alertmanager_notifications_failed_total[5m])"),
            "4. Was the configuration refused after a change?",
            text.query("alertmanager_config_last_reload_successful"),
        ),
        (
            text.steps(
                (
                    "Restart what does not answer.",
                    "Put the last configuration back that was proven (`sloctl verify`).",
                    "Until it works again, somebody watches the on-call dashboard.",
                )
            ),
        ),
        (
            f"Whoever is called by the dead man's switch; then {ways.people(last)}."
            if last
            else "Whoever is called by the dead man's switch.",
            ways.delivery(rules),
            ways.quiet(rules[0].name),
        ),
        _links(settings, rules[0]),
    )


def _unknown(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """An alert without a document: what its rule says about itself."""
    settings = ways.compiled.project.settings
    told = rules[0].annotations
    return text.Page(
        rules[0].name,
        told.get("summary", "An alert of this project."),
        (("Severity", severities(rules)),),
        (told.get("description", "Its condition, below, holds."),),
        ("See the dashboard.",),
        ("The condition, exactly as it is evaluated:", *_queries(rules)),
        ("Repair what the condition selects.",),
        _owners(rules, ways),
        _links(settings, rules[0]),
    )


def _counted(rules: Sequence[AlertRule]) -> tuple[str, ...]:
    slos = {rule.slo.slo_id: rule.slo for rule in rules if rule.slo is not None}
    return tuple(
        block
        for identity, slo in slos.items()
        for block in (f"`{identity}`:", text.query(slo.sli.total.replace("$window", "5m")))
    )


def _queries(rules: Sequence[AlertRule]) -> tuple[str, ...]:
    blocks: list[str] = []
    for rule in rules:
        if rule.slo is not None:
            blocks.append(f"`{rule.slo.slo_id}`:")
        blocks.append(text.query(rule.expr))
    return tuple(blocks)


def _owners(rules: Sequence[AlertRule], ways: Ways) -> tuple[str, ...]:
    rows = (
        (f"`{rule.slo.slo_id}`", ways.people(rule.team), links.page(_burn(rule)))
        for rule in rules
        if rule.slo is not None
    )
    return (
        text.table(("SLO", "Owner", "Its burn alert"), rows) or ways.people(rules[0].team),
        ways.delivery(rules),
        ways.quiet(rules[0].name),
    )


def _burn(rule: AlertRule) -> str:
    return "" if rule.slo is None else names.burn_alert(rule.slo.service, rule.slo.name)


def _links(settings: Settings, rule: AlertRule) -> tuple[tuple[str, str], ...]:
    return (
        ("Dashboard on call", links.dashboard(settings, "on-call")),
        ("Condition in Prometheus", links.graph(settings, rule.expr)),
        ("Silence this alert", links.silence(settings, {"alertname": rule.name})),
    )


_PAGES: Final[dict[str, Callable[[Sequence[AlertRule], Ways], text.Page]]] = {
    names.SIGNAL_LOST: _signal_lost,
    names.WATCHDOG: _watchdog,
    IDLE: _traffic_stopped,
}
