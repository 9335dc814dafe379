"""The on-call view: what fires, how bad it is, what changed, and where the runbook is."""

from __future__ import annotations

from dashboards.board import Section
from dashboards.material import Material
from dashboards.views import budgets
from dashboards.views.agents import agents
from dashboards.views.alerts import firing, incidents
from dashboards.views.changed import changes
from dashboards.views.compliance import compliance
from dashboards.views.operations import dependencies, remediation, resources


def sections(material: Material) -> tuple[Section, ...]:
    """From what fires to what may explain it."""
    return (
        firing(material),
        budgets.overview(material),
        agents(material),
        dependencies(material),
        remediation(),
        resources(),
        changes(),
        compliance(material),
        incidents(material),
        *budgets.rows(material),
    )
