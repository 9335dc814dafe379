"""Agents for whoever is called: what fails, whose fault it is, who is missing."""

from __future__ import annotations

from typing import Final

from dashboards import limits, palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import Material, marked, named
from dashboards.panel import Link, Step, Viz, Words
from dashboards.panels import Bars, Lines
from dashboards.query import Prom
from slo.names import DASHBOARD_UIDS

_THIRD: Final = Size(8, 8)
_FAILED: Final = (
    'rate(mas_agent_actions_total{mas_action_outcome=~"failure|timeout",'
    'gen_ai_agent_name=~"$agent"}[$__rate_interval])'
)
_OUR_FAULT: Final = (
    'rate(mas_agent_actions_total{mas_action_outcome=~"failure|timeout",'
    'mas_error_attribution!="user",gen_ai_agent_name=~"$agent"}[$__rate_interval])'
)
"""As the SLO on them counts (M2), whose limits the share is held against."""
_EVERY: Final = (
    'rate(mas_agent_actions_total{mas_action_outcome!~"rejected|cancelled|deferred",'
    'gen_ai_agent_name=~"$agent"}[$__rate_interval])'
)


def agents(material: Material) -> Section:
    """Errors by class, the worst agents, and the roster."""
    return Section("agents", "Agents", (_classes(material), _failing(material), _states(material)))


def _classes(material: Material) -> Viz:
    return Lines(
        key="classes",
        title="Failed actions by whose fault it was",
        words=Words(
            "Failed and timed-out actions per second, by the class of the error.",
            "Near zero is good. One class that rises points to its cause; provider and "
            "dependency are outside of the agents.",
            "Provider: status page of the model's provider. Policy: recent revisions "
            "below. Agent: its logs in the debug view.",
        ),
        none="No action ended in this time: no agent reports.",
        queries=(
            Prom(
                expr=f"sum by (mas_error_attribution) ({_FAILED})",
                legend="{{mas_error_attribution}}",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=named("agent", "provider", "dependency", "policy", "infra", "user"),
        see=material.burn_runbook("M2", "action success"),
        wish=_THIRD,
    )


def _failing(material: Material) -> Viz:
    return Bars(
        key="failing",
        title="Share of failed actions, worst agents",
        words=Words(
            "Failed and timed-out actions among those that ran, for the ten worst agents; "
            "what users caused is left out.",
            _ratio_words(_steps(material)),
            "Open the debug view for that agent by the link at its bar.",
        ),
        none="No action ended in this time: no agent reports.",
        queries=(
            Prom(
                expr=f"topk(10, sum by (gen_ai_agent_name) ({_OUR_FAULT})"
                f" / (sum by (gen_ai_agent_name) ({_EVERY}) > 0))",
                legend="{{gen_ai_agent_name}}",
                instant=True,
            ),
        ),
        unit="percentunit",
        decimals=2,
        low=0.0,
        steps=_steps(material),
        value_links=(_debug_agent(),),
        wish=_THIRD,
    )


def _states(material: Material) -> Viz:
    return Lines(
        key="states",
        title="Agents by state",
        words=Words(
            "How many agents of the roster are in each state.",
            "All healthy is good; draining is planned. Missing means three heartbeats lost.",
            "Missing: see the runbook of the silent agent; credentials may have expired.",
        ),
        none="No roster reports: the observer is down.",
        queries=(
            Prom(
                expr="sum by (mas_agent_state) (mas_agent_count)",
                legend="{{mas_agent_state}}",
            ),
        ),
        unit="none",
        decimals=0,
        low=0.0,
        overrides=marked(
            healthy=palette.GOOD,
            degraded=palette.WATCH,
            missing=palette.BAD,
            draining=palette.UNKNOWN,
            quarantined=palette.PURPLE,
        ),
        see=(
            *material.runbook("AgentSilent", "missing agent"),
            *material.runbook("OrchestratorUnhealthy", "orchestrator"),
        ),
        wish=_THIRD,
    )


def _steps(material: Material) -> tuple[Step, ...]:
    slo = material.slo_of("M2")
    return limits.error_steps(slo) if slo is not None else above(0.01, 0.05)


def _ratio_words(steps: tuple[Step, ...]) -> str:
    edges = ", ".join(
        f"{'bad' if step.color == palette.BAD else 'to watch'} from {step.value:.2%} on"
        for step in steps
        if step.value is not None
    )
    return f"Low is good; {edges}."


def _debug_agent() -> Link:
    return Link(
        "Debug this agent",
        f"/d/{DASHBOARD_UIDS['debug']}?var-agent=${{__field.labels.gen_ai_agent_name}}"
        "&${__url_time_range}",
    )
