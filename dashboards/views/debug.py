"""The debug view: who talks to whom, one trace, one agent's actions, and the collector itself."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above, any_is
from dashboards.material import Material, hidden, marked, named, renamed
from dashboards.panels import (
    Bars,
    Graph,
    Heat,
    Lines,
    Link,
    Logs,
    Stat,
    States,
    Table,
    Trace,
    Viz,
    Words,
)
from dashboards.query import Prom
from dashboards.stores import Ask
from dashboards.views import collector

_THIRD: Final = Size(8, 8)
_HALF: Final = Size(12, 8)
_AGENT: Final = 'gen_ai_agent_name=~"$agent"'
_POLICY_P95_SECONDS: Final = 0.05
"""P95 of policy evaluation that the catalogue promises (M5)."""


def sections(material: Material) -> tuple[Section, ...]:
    """From the whole fleet to one trace, then what lies beneath."""
    return (
        _topology(),
        _traces(material),
        _actions(material),
        _policies(material),
        _queues(material),
        _rollout(),
        collector.section(),
    )


def _topology() -> Section:
    return Section("topology", "Agents and how they work together", (_graph(), *_coordination()))


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
                expr=f"sum by (id) ({received}) or sum by (id) ({sent}) * 0",
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
        transformations=[_statistic("nodes"), _statistic("edges")],
        wish=Size(16, 16),
    )


def _statistic(ref: str) -> dict[str, object]:
    binary = {"left": f"Value #{ref}", "operator": "*", "right": "1"}
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


def _coordination() -> tuple[Viz, ...]:
    return (
        Lines(
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
        ),
        Lines(
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
        ),
    )


def _traces(material: Material) -> Section:
    traces, logs = material.traces, material.logs
    return Section(
        "traces",
        "Traces",
        (
            Table(
                key="failed",
                title="Recent traces with an error",
                words=Words(
                    "Traces of the chosen service in which a span failed.",
                    "An empty list is good.",
                    "Click a trace id: the waterfall below shows it.",
                ),
                none="No trace of this service failed in this time.",
                queries=(traces.failed(),),
                value_links=(
                    Link(
                        "Show below",
                        "/d/fleetslo-debug?var-trace_id=${__value.text}&${__url_time_range}",
                    ),
                ),
                wish=Size(24, 7),
            ),
            Trace(
                key="waterfall",
                title="Trace $trace_id",
                words=Words(
                    "Every span of the trace whose id stands at the top, as a waterfall.",
                    "Red spans failed. Long spans without children wait for something outside.",
                    "Open a span for its attributes; the policy's version stands on decisions.",
                ),
                none="Type a trace id at the top, or click one in the list above or on an exemplar.",
                queries=(traces.one(),),
            ),
            Logs(
                key="logs",
                title="Logs of the trace",
                words=Words(
                    "What all agents logged while they worked on that trace.",
                    "Lines of severity ERROR point to the span that failed.",
                    "No lines: the trace id is not in this time range, or the agent does not "
                    "log with it.",
                ),
                none="No log line carries this trace id in this time.",
                queries=(logs.of_trace(),),
            ),
        ),
    )


def _actions(material: Material) -> Section:
    duration = "rate(gen_ai_invoke_agent_duration_seconds_bucket{%s}[$__rate_interval])"
    return Section(
        "actions",
        "Actions of $agent",
        (
            Lines(
                key="outcomes",
                title="Actions by outcome",
                words=Words(
                    "Logical actions that ended per second, by outcome, retries counted once.",
                    "Success is good; a growing share of timeouts means something is slow.",
                    "Look at the type and the time in the history below.",
                ),
                none="The chosen agents ended no action in this time.",
                queries=(
                    Prom(
                        expr="sum by (mas_action_outcome) (rate(mas_agent_actions_total"
                        f"{{{_AGENT}}}[$__rate_interval]))",
                        legend="{{mas_action_outcome}}",
                    ),
                ),
                unit="ops",
                low=0.0,
                overrides=marked(
                    success=palette.GOOD,
                    partial=palette.SKY,
                    failure=palette.BAD,
                    timeout=palette.WATCH,
                    rejected=palette.PURPLE,
                    cancelled=palette.UNKNOWN,
                ),
                wish=_HALF,
            ),
            Heat(
                key="duration",
                title="How long agents take",
                words=Words(
                    "Distribution of the time that one run of an agent takes; points are "
                    "exemplars, each with its trace.",
                    "One dark band is good. A second band above it is a class of slow runs.",
                    "Click a point: it leads to the trace.",
                ),
                none="The chosen agents ran nothing in this time.",
                queries=(
                    Prom(
                        expr=f"sum by (le) ({duration % _AGENT})",
                        legend="{{le}}",
                        exemplar=True,
                    ),
                ),
                unit="s",
                wish=_HALF,
            ),
            Lines(
                key="models",
                title="Time of model calls",
                words=Words(
                    "Time that 95 % of calls of a language model stay below, by model.",
                    "Compare with yesterday: providers slow down before they fail.",
                    "Click an exemplar for the trace of a slow call.",
                ),
                none="No model was called in this time.",
                queries=(
                    Prom(
                        expr="histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate("
                        "gen_ai_client_operation_duration_seconds_bucket[$__rate_interval])))",
                        legend="{{gen_ai_request_model}}",
                        exemplar=True,
                    ),
                ),
                unit="s",
                low=0.0,
                color_mode="continuous-BlPu",
                wish=_THIRD,
            ),
            Lines(
                key="tools",
                title="Time of tools, slowest",
                words=Words(
                    "Time that 95 % of runs of a tool stay below, for the five slowest tools.",
                    "A tool far above its usual time holds up its agent.",
                    "Click an exemplar for the trace of a slow run.",
                ),
                none="No tool ran in this time.",
                queries=(
                    Prom(
                        expr="topk(5, histogram_quantile(0.95, sum by (le, gen_ai_tool_name) (rate("
                        f"gen_ai_execute_tool_duration_seconds_bucket{{{_AGENT}}}"
                        "[$__rate_interval]))))",
                        legend="{{gen_ai_tool_name}}",
                        exemplar=True,
                    ),
                ),
                unit="s",
                low=0.0,
                color_mode="continuous-BlPu",
                wish=_THIRD,
            ),
            Bars(
                key="cost",
                title="Cost of models by agent",
                words=Words(
                    "US dollars that the calls of each agent cost in the time chosen above.",
                    "Compare agents with what they achieve.",
                    "One far above the others may go in circles: see the loops above.",
                ),
                none="No agent reports what its models cost.",
                queries=(
                    Prom(
                        expr="topk(10, sum by (gen_ai_agent_name)"
                        f" (increase(mas_llm_cost_total{{{_AGENT}}}[$__range])))",
                        legend="{{gen_ai_agent_name}}",
                        instant=True,
                    ),
                ),
                unit="currencyUSD",
                low=0.0,
                wish=_THIRD,
            ),
            Logs(
                key="history",
                title="Action history",
                words=Words(
                    "What agents did, with the time, the type and the outcome of each action.",
                    "An unbroken trail is good; gaps are counted in the on-call view.",
                    "Open a line: its trace id leads to the waterfall above.",
                ),
                none="No action was logged in this time, or the log store is not connected.",
                queries=(_of_actions(material),),
            ),
        ),
    )


def _of_actions(material: Material) -> Ask:
    return material.logs.having("mas.action.type")


def _policies(material: Material) -> Section:
    evaluation = "rate(mas_policy_evaluation_duration_seconds_bucket[$__rate_interval])"
    return Section(
        "policies",
        "Policies",
        (
            States(
                key="revisions",
                title="Policy revisions by agent",
                words=Words(
                    "The revision of each policy that each chosen agent enforces, over time.",
                    "All agents change together is good; one that lags enforces old rules.",
                    "A lagging agent: look at its policy cache, then restart it.",
                ),
                none="No chosen agent reports the policy that it enforces.",
                queries=(
                    Prom(
                        expr="max by (gen_ai_agent_name, mas_policy_name)"
                        f" (mas_policy_revision{{{_AGENT}}})",
                        legend="{{gen_ai_agent_name}} · {{mas_policy_name}}",
                    ),
                ),
                unit="none",
                decimals=0,
                color_mode="continuous-BlPu",
                see=material.runbook("F4", "stale policy"),
                wish=Size(24, 9),
            ),
            Lines(
                key="evaluation",
                title="Time to evaluate a policy",
                words=Words(
                    "Time that 95 % of evaluations stay below, by policy.",
                    f"Below {_POLICY_P95_SECONDS * 1000:.0f} ms is good.",
                    "A slow policy: look at its last revision; complex rules cost every action.",
                ),
                none="No policy was evaluated in this time.",
                queries=(
                    Prom(
                        expr=f"histogram_quantile(0.95, sum by (le, mas_policy_name) ({evaluation}))",
                        legend="{{mas_policy_name}}",
                        exemplar=True,
                    ),
                ),
                unit="s",
                low=0.0,
                limits=True,
                steps=above(_POLICY_P95_SECONDS),
                color_mode="continuous-BlPu",
                wish=_THIRD,
            ),
            Lines(
                key="decisions",
                title="Decisions",
                words=Words(
                    "What policies decided, per second.",
                    "A steady mix is good. A spike of denials after a revision blocks real work; "
                    "errors count as denials of time.",
                    "Revert the revision that is marked where the spike begins.",
                ),
                none="No policy was evaluated in this time.",
                queries=(
                    Prom(
                        expr="sum by (mas_policy_decision) (rate("
                        "mas_policy_evaluation_duration_seconds_count[$__rate_interval]))",
                        legend="{{mas_policy_decision}}",
                    ),
                ),
                unit="ops",
                low=0.0,
                overrides=marked(allow=palette.GOOD, deny=palette.WATCH, error=palette.BAD),
                wish=_THIRD,
            ),
            Lines(
                key="propagation",
                title="Time until a revision is everywhere",
                words=Words(
                    "From publication until the last agent enforces it, 95 % of revisions, "
                    "over the last six hours.",
                    "Minutes are good; ten or more leave agents with old rules.",
                    "Look at the agent that lags in the bands above.",
                ),
                none="No revision was published in the last six hours.",
                queries=(
                    Prom(
                        expr="histogram_quantile(0.95, sum by (le, mas_policy_name) (increase("
                        "mas_policy_propagation_duration_seconds_bucket[6h])))",
                        legend="{{mas_policy_name}}",
                    ),
                ),
                unit="s",
                low=0.0,
                limits=True,
                steps=above(600.0),
                color_mode="continuous-BlPu",
                wish=_THIRD,
            ),
        ),
    )


def _queues(material: Material) -> Section:
    by = "messaging_destination_name"
    wait = "rate(mas_queue_message_wait_seconds_bucket[$__rate_interval])"
    see = material.runbook("R2", "queue latency")
    return Section(
        "queues",
        "Queues",
        (
            Lines(
                key="depth",
                title="Messages waiting",
                words=Words(
                    "Depth of each queue.",
                    "A saw-tooth is good; a slope upwards means that workers do not keep up.",
                    "Compare what is sent with what is taken, beside this.",
                ),
                none="No queue reports.",
                queries=(Prom(expr=f"max by ({by}) (mas_queue_depth)", legend=f"{{{{{by}}}}}"),),
                unit="none",
                decimals=0,
                low=0.0,
                color_mode="continuous-BlPu",
                see=see,
                wish=Size(6, 8),
            ),
            Lines(
                key="oldest",
                title="Oldest message",
                words=Words(
                    "Age of the oldest message in each queue.",
                    "Below 60 s is good.",
                    "Rising without end: nothing is taken; restart the workers of that queue.",
                ),
                none="No queue reports.",
                queries=(
                    Prom(
                        expr=f"max by ({by}) (mas_queue_oldest_message_age_seconds)",
                        legend=f"{{{{{by}}}}}",
                    ),
                ),
                unit="s",
                low=0.0,
                limits=True,
                steps=above(60.0),
                color_mode="continuous-BlPu",
                see=see,
                wish=Size(6, 8),
            ),
            Lines(
                key="flow",
                title="Sent and taken",
                words=Words(
                    "Messages put into all queues and taken from them, per second.",
                    "Both lines together is good. Sent above taken fills the queues.",
                    "Scale workers, or slow the senders.",
                ),
                none="No agent uses a queue.",
                queries=(
                    Prom(
                        ref="sent",
                        expr="sum(rate(messaging_client_sent_messages_total[$__rate_interval]))",
                        legend="sent",
                    ),
                    Prom(
                        ref="taken",
                        expr="sum(rate(messaging_client_consumed_messages_total[$__rate_interval]))",
                        legend="taken",
                    ),
                ),
                unit="ops",
                low=0.0,
                overrides=named("sent", "taken"),
                wish=Size(6, 8),
            ),
            Heat(
                key="waits",
                title="How long messages wait",
                words=Words(
                    "Distribution of the wait of messages; points are exemplars.",
                    "One dark band near the bottom is good.",
                    "Click a point: it leads to the trace of that message.",
                ),
                none="No message was taken in this time.",
                queries=(Prom(expr=f"sum by (le) ({wait})", legend="{{le}}", exemplar=True),),
                unit="s",
                wish=Size(6, 8),
            ),
        ),
    )


def _rollout() -> Section:
    return Section(
        "rollout",
        "Rollout",
        (
            Table(
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
            ),
            Lines(
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
            ),
            Stat(
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
            ),
            Stat(
                key="restarts",
                title="Restarts",
                words=Words(
                    "Agents that came back as a new process, in the time chosen above.",
                    "As many as were deployed is good; more is a crash loop.",
                    "See the logs of the agent before its restart.",
                ),
                none="No roster reports: the observer is down.",
                queries=(
                    Prom(expr="sum(increase(mas_agent_restarts_total[$__range]))", instant=True),
                ),
                unit="none",
                decimals=0,
                steps=any_is(palette.WATCH),
                wish=Size(4, 8),
            ),
        ),
    )
