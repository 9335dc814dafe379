"""The debug view: who talks to whom, one trace, one agent's actions, and the collector itself."""

from __future__ import annotations

from dashboards.board import Section
from dashboards.material import Material
from dashboards.views.actions import actions
from dashboards.views.collector import collector
from dashboards.views.policies import policies
from dashboards.views.queues import queues
from dashboards.views.rollout import rollout
from dashboards.views.topology import topology
from dashboards.views.tracing import tracing


def sections(material: Material) -> tuple[Section, ...]:
    """From the whole fleet to one trace, then what lies beneath."""
    return (
        topology(),
        tracing(material),
        actions(material),
        policies(material),
        queues(material),
        rollout(),
        collector(),
    )
