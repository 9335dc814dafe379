"""Rollout: which version runs where, and what was taken back."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above, any_is
from dashboards.material import hidden, renamed
from dashboards.panel import Viz, Words
from dashboards.panels import Lines, Stat, Table
from dashboards.query import Prom

_THIRD: Final = Size(8, 8)


def rollout() -> Section:
    """Versions, rollbacks, restarts."""
    return Section("rollout", "Rollout", (_versions(), _progress(), _rollbacks(), _restarts()))


def _versions() -> Viz:
    return Table(
        key="versions",
        title="What runs where",
        words=Words(
            "Processes by service and version.",
            "One version per service is good, two while a rollout is under way.",
            "An old version that stays: its process was not restarted.",
        ),
        none="No agent reports its process.",
        queries=(
            Prom(
                expr="count by (service_name, service_version) (process_uptime_seconds)",
                table=True,
            ),
        ),
        unit="none",
        decimals=0,
        sort="Processes",
        overrides=(
            hidden("Time"),
            renamed("service_name", "Service"),
            renamed("service_version", "Version"),
            renamed("Value", "Processes"),
        ),
        wish=_THIRD,
    )


def _progress() -> Viz:
    return Lines(
        key="progress",
        title="Processes by version",
        words=Words(
            "How many processes run each version, over time: the progress of a rollout.",
            "One line falls while another rises; both flat for long is a stuck rollout.",
            "Stuck: look at the deployment pipeline, then at the health of the new version.",
        ),
        none="No agent reports its process.",
        queries=(
            Prom(
                expr="count by (service_version) (process_uptime_seconds)",
                legend="{{service_version}}",
            ),
        ),
        unit="none",
        decimals=0,
        low=0.0,
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )


def _rollbacks() -> Viz:
    return Stat(
        key="rollbacks",
        title="Rollbacks per deployment",
        words=Words(
            "Share of deployments that were taken back, in the time chosen above.",
            "Below 0.5 % is good; with few deployments one rollback is above it.",
            "Write a post-mortem for each; see the runbook's procedure.",
        ),
        none="Nothing was deployed in this time.",
        queries=(
            Prom(
                expr="sum(increase(mas_deployment_rollbacks_total[$__range]))"
                " / (sum(increase(mas_deployments_total[$__range])) > 0)",
                instant=True,
            ),
        ),
        unit="percentunit",
        decimals=1,
        steps=above(0.005),
        wish=Size(4, 8),
    )


def _restarts() -> Viz:
    return Stat(
        key="restarts",
        title="Restarts",
        words=Words(
            "Agents that came back as a new process, in the time chosen above.",
            "As many as were deployed is good; more is a crash loop.",
            "See the logs of the agent before its restart.",
        ),
        none="No roster reports: the observer is down.",
        queries=(Prom(expr="sum(increase(mas_agent_restarts_total[$__range]))", instant=True),),
        unit="none",
        decimals=0,
        steps=any_is(palette.WATCH),
        wish=Size(4, 8),
    )
