"""What changed: deployments and policies."""

from __future__ import annotations

from typing import Final

from dashboards.board import Section
from dashboards.layout import Size
from dashboards.material import named
from dashboards.panel import Viz, Words
from dashboards.panels import Lines, States
from dashboards.query import Prom

_HALF: Final = Size(12, 8)


def changes() -> Section:
    """Deployments and policy revisions over time."""
    return Section("changes", "What changed", (_deployments(), _revisions()))


def _deployments() -> Viz:
    return Lines(
        key="deployments",
        title="Deployments and rollbacks",
        words=Words(
            "Deployments begun and taken back per hour. Each is also marked in all panels.",
            "Rollbacks near zero are good.",
            "An error that starts at a mark: roll that deployment back first.",
        ),
        none="Nothing was ever deployed while this was measured.",
        queries=(
            Prom(
                ref="deployments",
                expr="sum(increase(mas_deployments_total[1h]))",
                legend="deployments",
            ),
            Prom(
                ref="rollbacks",
                expr="sum(increase(mas_deployment_rollbacks_total[1h]))",
                legend="rollbacks",
            ),
        ),
        unit="none",
        low=0.0,
        overrides=named("deployments", "rollbacks"),
        wish=_HALF,
    )


def _revisions() -> Viz:
    return States(
        key="revisions",
        title="Policy revisions enforced",
        words=Words(
            "The revision of each policy that most agents enforce, and since when.",
            "One band per revision. Short bands are churn.",
            "An error that starts where a band starts: revert that revision.",
        ),
        none="No agent reports the policy that it enforces.",
        queries=(
            Prom(
                expr="max by (mas_policy_name) (mas_policy_revision)",
                legend="{{mas_policy_name}}",
            ),
        ),
        unit="none",
        decimals=0,
        color_mode="continuous-BlPu",
        wish=_HALF,
    )
