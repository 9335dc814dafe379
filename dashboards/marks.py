"""What changed, marked in every panel over time: deployments, policies, maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dashboards import palette
from dashboards.board import Mark
from slo.model import Maintenance

PLANNED: Final = "Maintenance"
"""How the names of marks begin that the calendar makes, and not the fleet."""


def changes() -> tuple[Mark, ...]:
    """Deployments, rollbacks and new policy revisions, where they were counted."""
    return (
        Mark(
            "Deployments",
            "sum by (mas_service_tier) (increase(mas_deployments_total[2m])) > 0",
            palette.BLUE,
            "deployment",
            "tier {{mas_service_tier}}",
        ),
        Mark(
            "Rollbacks",
            "sum by (mas_service_tier, mas_rollback_trigger)"
            " (increase(mas_deployment_rollbacks_total[2m])) > 0",
            palette.PURPLE,
            "rollback ({{mas_rollback_trigger}})",
            "tier {{mas_service_tier}}",
        ),
        Mark(
            "Policy revisions",
            "max by (mas_policy_name) (changes(mas_policy_revision[2m])) > 0",
            palette.SKY,
            "policy {{mas_policy_name}}",
        ),
    )


def maintenance(windows: Sequence[Maintenance]) -> tuple[Mark, ...]:
    """The planned windows, known when the dashboard is generated; one mark for each."""
    return tuple(
        Mark(
            f"{PLANNED}: {window.name}",
            f"vector(time()) >= {_unix(window.starts)} < {_unix(window.ends)}",
            palette.GREY,
            f"maintenance: {window.name}",
            window.reason,
        )
        for window in windows
    )


def _unix(moment: str) -> int:
    """Whole seconds since 1970 of an ISO 8601 moment with offset."""
    return int(datetime.fromisoformat(moment).timestamp())
