"""Alertmanager's configuration and its notification templates."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from alerts.routing.build import routing
from alerts.routing.check import check
from alerts.routing.emit import render
from slo.diagnostic import Diagnostic
from slo.model import Compiled, OutputFile
from slo.plugin import Generator, Output

CONFIG_PATH: Final = "alertmanager/alertmanager.yml"
TEMPLATE_PATH: Final = "alertmanager/templates/fleetslo.tmpl"


class AlertmanagerGenerator:
    """Writes who is told what, when, and how it is said."""

    output = Output.ALERTMANAGER

    def check(self, compiled: Compiled) -> Iterable[Diagnostic]:
        """Owners, destinations, secrets, times and rings of silence."""
        return tuple(check(compiled))

    def generate(self, compiled: Compiled) -> Iterable[OutputFile]:
        """``alertmanager.yml`` and the template that it names."""
        version = compiled.project.settings.alertmanager_version
        template = files("alerts.routing").joinpath("fleetslo.tmpl").read_text("utf-8")
        return (
            OutputFile(CONFIG_PATH, render(routing(compiled), version)),
            OutputFile(TEMPLATE_PATH, template),
        )


GENERATOR: Final[Generator] = AlertmanagerGenerator()
