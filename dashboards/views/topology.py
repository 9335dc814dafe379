"""Who hands work to whom, who leads, and where agents clash."""

from __future__ import annotations

from typing import Final

from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import named
from dashboards.notation import Json
from dashboards.panel import Viz, Words
from dashboards.panels import Graph, Lines
from dashboards.query import Prom

_THIRD: Final = Size(8, 8)


def topology() -> Section:
    """The graph, and the signs of bad coordination."""
    return Section(
        "topology", "Agents and how they work together", (_graph(), _leaders(), _clashes())
    )


def _graph() -> Viz:
    """Grafana finds statistics by the name of a field, and only `calculateField` names one.

    Source: Grafana, panel/nodeGraph/utils.ts; `organize` and `renameByRegex` set the
    display name alone, and the statistic is then silently missing.
    """
    handoffs = "rate(mas_agent_handoffs_total[$__rate_interval])"
    pairs = f"sum by (mas_source_agent, mas_target_agent) ({handoffs})"
    source = f'label_replace({pairs}, "source", "$1", "mas_source_agent", "(.*)")'
    edges = f'label_replace({source}, "target", "$1", "mas_target_agent", "(.*)")'
    received = f'label_replace({handoffs}, "id", "$1", "mas_target_agent", "(.+)")'
    sent = f'label_replace({handoffs}, "id", "$1", "mas_source_agent", "(.+)")'
    given = f"sum by (id) ({received}) or sum by (id) ({sent}) * 0"
    return Graph(
        key="graph",
        title="Agent topology",
        words=Words(
            "Agents and the work that they hand to each other, per second: on an edge what was "
            "handed on, on a node what it was given.",
            "A node without edges is alone; an edge at 0 has gone quiet; two agents that only "
            "feed each other go in circles.",
            "Choose the agent at the top and read its actions below.",
        ),
        none="No agent hands work to another: no handoffs are reported.",
        queries=(
            Prom(
                ref="nodes",
                expr=f'label_replace({given}, "title", "$1", "id", "(.*)")',
                table=True,
            ),
            Prom(
                ref="edges",
                expr=f'label_join({edges}, "id", "→", "source", "target")',
                table=True,
            ),
        ),
        unit="ops",
        stat_unit="ops",
        transformations=(_statistic("nodes"), _statistic("edges")),
        wish=Size(16, 16),
    )


def _statistic(ref: str) -> Json:
    binary: Json = {"left": f"Value #{ref}", "operator": "*", "right": "1"}
    return {
        "id": "calculateField",
        "filter": {"id": "byRefId", "options": ref},
        "options": {
            "alias": "mainstat",
            "binary": binary,
            "mode": "binary",
            "replaceFields": False,
        },
    }


def _leaders() -> Viz:
    return Lines(
        key="leaders",
        title="Leaders by group",
        words=Words(
            "Agents that call themselves leader, by election group.",
            "Exactly 1 is good. 2 is split-brain, 0 is an election that does not end.",
            "More than one: fence the older leader; compare the actions of both below.",
        ),
        none="No election group reports.",
        queries=(
            Prom(
                expr="max by (mas_election_group) (mas_leader_count)",
                legend="{{mas_election_group}}",
            ),
        ),
        unit="none",
        decimals=0,
        low=0.0,
        limits=True,
        steps=above(2.0),
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )


def _clashes() -> Viz:
    return Lines(
        key="clashes",
        title="Conflicts, reversals, loops",
        words=Words(
            "Actions that clashed, were undone, or went round in circles, per minute.",
            "Near zero is good.",
            "Read the audit trail of both agents in the action history below.",
        ),
        none="No agent reports.",
        queries=(
            Prom(
                ref="conflicts",
                expr="sum(rate(mas_agent_action_conflicts_total[$__rate_interval])) * 60",
                legend="conflicts",
            ),
            Prom(
                ref="reversals",
                expr="sum(rate(mas_action_reversals_total[$__rate_interval])) * 60",
                legend="reversals",
            ),
            Prom(
                ref="loops",
                expr="sum(rate(mas_agent_loops_total[$__rate_interval])) * 60",
                legend="loops",
            ),
        ),
        unit="none",
        low=0.0,
        overrides=named("conflicts", "reversals", "loops"),
        wish=_THIRD,
    )
