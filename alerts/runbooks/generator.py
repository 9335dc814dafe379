"""A page for every alert, the standing procedures, and an index of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from alerts.runbooks import links, text
from alerts.runbooks.burn import burn_page
from alerts.runbooks.handwritten import included, strays
from alerts.runbooks.operational import alert_page, escalation_page
from alerts.runbooks.procedures import FOLDER, PROCEDURES
from alerts.runbooks.shared import shared_page
from alerts.runbooks.way import Ways, by_name, severities
from slo import names
from slo.diagnostic import Diagnostic, Level
from slo.model import AlertRule, Compiled, OutputFile
from slo.plugin import Generator, Output

INDEX_PATH: Final = "runbooks/index.md"


class RunbookGenerator:
    """Writes what a woken person reads."""

    output = Output.RUNBOOKS

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """Every `runbook_url` must lead to a page that is generated, every part to an alert."""
        return (*_dead_links(compiled), *strays(compiled))

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """``runbooks/<alert>.md``, ``runbooks/index.md`` and the procedures."""
        ways = Ways.of(compiled)
        settings = compiled.project.settings
        alerts = by_name(compiled.alert_rules())
        parts = compiled.project.handwritten
        pages = {name: page(rules, ways) for name, rules in alerts.items()}
        pages |= {name: included(pages[name], parts[name].text) for name in parts if name in pages}
        files = [
            OutputFile(names.runbook_path(name), each.markdown()) for name, each in pages.items()
        ]
        files += [
            OutputFile(f"runbooks/{FOLDER}/{each.name}.md", each.markdown(settings))
            for each in PROCEDURES
        ]
        return (*files, OutputFile(INDEX_PATH, _index(alerts, ways)))


def page(rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """The page for all rules of one alert name."""
    first = rules[0]
    if first.alert is not None:
        write = escalation_page if first.escalated else alert_page
        return write(first.alert, rules, ways)
    if first.slo is not None and first.tier is not None:
        return burn_page(first.slo, rules, ways)
    return shared_page(rules, ways)


def _index(alerts: dict[str, tuple[AlertRule, ...]], ways: Ways) -> str:
    rows = (
        (
            links.page(name),
            severities(rules),
            text.words(sorted({_service(rule) for rule in rules})),
            text.words(sorted({_team(rule.team, ways) for rule in rules})),
        )
        for name, rules in alerts.items()
    )
    return text.document(
        (
            "# Runbooks",
            (
                "What every alert means and what to do. A page wakes a person; a ticket waits for "
                "working hours."
            ),
            text.table(("Alert", "Severity", "Service", "Owner"), rows),
            "## Procedures",
            text.bullets(f"[{each.title}]({FOLDER}/{each.name}.md)" for each in PROCEDURES),
        )
    )


def _service(rule: AlertRule) -> str:
    return rule.labels.get("service", "-")


def _team(name: str, ways: Ways) -> str:
    team = ways.team(name)
    return team.title if team else name or "-"


def _dead_links(compiled: Compiled) -> Iterator[Diagnostic]:
    settings = compiled.project.settings
    for rule in compiled.alert_rules():
        want, got = links.runbook(settings, rule.name), rule.annotations.get("runbook_url", "")
        if want != got:
            document = rule.slo or rule.alert
            yield Diagnostic(
                "ALM016",
                Level.ERROR,
                f"runbook_url of {rule.name} must be {want}, got {got or 'none'}",
                document.place if document else None,
            )


GENERATOR: Final[Generator] = RunbookGenerator()
