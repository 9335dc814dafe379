"""Alertmanager's configuration and its notification templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.routing import crew, texts
from alerts.routing.build import routing
from alerts.routing.check import check
from alerts.routing.crew import CREW_PATH
from alerts.routing.emit import render
from alerts.routing.inhibit import alert_labels
from alerts.routing.insert import clashes, inserted, reaching
from alerts.routing.words import said
from slo.diagnostic import Diagnostic, Level
from slo.model import Compiled, OutputFile
from slo.plugin import Generator, Output

CONFIG_PATH: Final = "alertmanager/alertmanager.yml"
TEMPLATE_PATH: Final = "alertmanager/templates/fleetslo.tmpl"


class AlertmanagerGenerator:
    """Writes who is told what, when, and how it is said."""

    output = Output.ALERTMANAGER

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """Owners, destinations, secrets, times, rings of silence, and the user's own file."""
        return (*check(compiled), *_base(compiled))

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """``alertmanager.yml``, the template that it names, and who stands behind its receivers."""
        settings = compiled.project.settings
        base, version = settings.base.alertmanager, settings.alertmanager_version
        words = settings.severities
        ours = said(routing(compiled), words)
        config = render(ours, version) if base is None else inserted(base, ours, version)
        template = texts.template()
        template = template.replace('.severity "page"', f'.severity "{words.page}"')
        names = [receiver.name for receiver in ours.receivers]
        return (
            OutputFile(CONFIG_PATH, config),
            OutputFile(CREW_PATH, crew.render(compiled.project, names)),
            OutputFile(TEMPLATE_PATH, template),
        )


def _base(compiled: Compiled) -> Iterator[Diagnostic]:
    base = compiled.project.settings.base.alertmanager
    if base is None:
        return
    wrong = clashes(base)
    for text in wrong:
        yield Diagnostic("ALM018", Level.ERROR, f"{base.path}: {text}", base.place)
    if not wrong:
        external = compiled.project.settings.external_labels
        labels = tuple(alert_labels(rule, external) for rule in compiled.alert_rules())
        for text in reaching(base, labels):
            hint = "guard it by a label that only your alerts have"
            yield Diagnostic("ALM019", Level.WARNING, f"{base.path}: {text}", base.place, hint)


GENERATOR: Final[Generator] = AlertmanagerGenerator()
