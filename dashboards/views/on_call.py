"""The on-call view: what fires, how bad it is, what changed, and where the runbook is."""

from __future__ import annotations

from typing import Final

from dashboards import limits, palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above, any_is
from dashboards.material import Material, hidden, marked, named, renamed
from dashboards.panels import Bars, Lines, Link, Stat, State, States, Table, Text, Viz, Words
from dashboards.query import Prom
from dashboards.views import budgets
from slo.names import SIGNAL_LOST, WATCHDOG

_BAD_OUTCOMES: Final = 'mas_action_outcome=~"failure|timeout"'
_SMALL: Final = Size(4, 5)
_THIRD: Final = Size(8, 8)
_HALF: Final = Size(12, 8)
_BY_ALERT: Final = "alertname, severity, team, service, slo_id, root_cause"
_CATALOGUE_QUEUE_WAIT_SECONDS: Final = 5.0
"""P95 of the wait above which High Message Queue Latency fires (R2)."""
_CATALOGUE_QUEUE_AGE_SECONDS: Final = 60.0
_CATALOGUE_LLM_ERRORS: Final = 0.05
"""Share of failed calls above which High LLM API Error Rate fires (R3)."""
_CATALOGUE_AUDIT_COVERAGE: Final = 0.999
"""Audited actions that the conflict SLO needs to be believed (M4)."""


def sections(material: Material) -> tuple[Section, ...]:
    """From what fires to what may explain it."""
    return (
        _firing(material),
        budgets.overview(material),
        _agents(material),
        _dependencies(material),
        _remediation(),
        _resources(),
        _changes(),
        _compliance(material),
        _incidents(material),
        *budgets.rows(material),
    )


def _firing(material: Material) -> Section:
    team = material.only_team()
    panels = (
        *(_count(severity, color, team) for severity, color in _SEVERITIES),
        _signal_lost(),
        _table(material),
        _runbooks(material),
    )
    return Section("firing", "Firing now", panels)


_SEVERITIES: Final = (("page", palette.BAD), ("ticket", palette.WATCH))


def _count(severity: str, color: str, team: str) -> Viz:
    return Stat(
        key=f"{severity}s",
        title=f"{severity.capitalize()}s firing",
        words=Words(
            f"Causes for which an alert of severity {severity} fires now; several alerts of one "
            "cause count once.",
            "0 is good.",
            "See the list beside it, and follow the runbook from there.",
        ),
        none="Alerts cannot be counted: Prometheus does not answer.",
        queries=(
            Prom(
                expr="count(count by (root_cause) "
                f'(ALERTS{{alertstate="firing",severity="{severity}",'
                f'alertname!="{WATCHDOG}"{team}}})) or vector(0)',
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=any_is(color),
        background=True,
        wish=_SMALL,
    )


def _signal_lost() -> Viz:
    return Stat(
        key="lost",
        title="SLOs without a signal",
        words=Words(
            "SLOs whose events stopped coming although they came within the last day.",
            "0 is good: a silent SLO can neither be kept nor broken.",
            "Look at the collector's row in the debug view, then at the agents that emit it.",
        ),
        none="Alerts cannot be counted: Prometheus does not answer.",
        queries=(
            Prom(
                expr=f'count(ALERTS{{alertstate="firing",alertname="{SIGNAL_LOST}"}}) or vector(0)',
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=any_is(palette.WATCH),
        background=True,
        wish=_SMALL,
    )


def _table(material: Material) -> Viz:
    firing = f'ALERTS{{alertstate="firing",alertname!="{WATCHDOG}"{material.only_team()}}}'
    return Table(
        key="alerts",
        title="Alerts that fire, the longest first",
        words=Words(
            "Every alert that fires now, its severity, its owner, and for how long.",
            "An empty list is good. Alerts of one root cause belong to one incident.",
            "Click the alert's name: it leads to the runbook.",
        ),
        none="No alert fires.",
        queries=(
            Prom(
                expr=f"time() - max by ({_BY_ALERT}) (ALERTS_FOR_STATE)"
                f" and on (alertname, root_cause, severity) {firing}",
                table=True,
            ),
        ),
        unit="s",
        decimals=0,
        sort="Firing for",
        overrides=(
            hidden("Time"),
            renamed("alertname", "Alert", ("links", _runbook_links(material))),
            renamed("severity", "Severity", ("mappings", _severity_words())),
            renamed("team", "Owner"),
            renamed("service", "Service"),
            renamed("slo_id", "SLO"),
            renamed("root_cause", "Root cause"),
            renamed("Value", "Firing for", ("unit", "s")),
        ),
        value_links=(Link("Alertmanager", f"{material.urls.alertmanager}/#/alerts"),),
        wish=Size(12, 10),
    )


def _runbook_links(material: Material) -> list[limits.JsonValue]:
    url = f"{material.urls.runbooks}/${{__value.text}}.md"
    return [{"title": "Runbook", "url": url, "targetBlank": True}]


def _severity_words() -> list[limits.JsonValue]:
    return [
        {
            "type": "value",
            "options": {
                "page": {"text": "▲ page", "color": palette.BAD, "index": 0},
                "ticket": {"text": "● ticket", "color": palette.WATCH, "index": 1},
            },
        }
    ]


def _runbooks(material: Material) -> Viz:
    seen: dict[str, str] = {}
    for rule in material.alerts:
        url = rule.annotations.get("runbook_url", "")
        if url and rule.name not in seen:
            owner = material.titles.get(rule.team, rule.team)
            seen[rule.name] = f"- [{rule.name}]({url}) ({rule.severity.value}, {owner})"
    lines = "\n".join(sorted(seen.values())) or "No alert has a runbook."
    return Text(
        key="runbooks",
        title="Runbooks",
        words=Words(
            "Every alert of this project with its runbook and the team that owns it.",
            "Each alert has one.",
            "Follow the steps in order; each runbook says when to escalate, and to whom.",
        ),
        markdown=lines,
        wish=Size(12, 10),
    )


def _agents(material: Material) -> Section:
    rate = "rate(mas_agent_actions_total{%s}[$__rate_interval])"
    failed = rate % f'{_BAD_OUTCOMES},gen_ai_agent_name=~"$agent"'
    every = rate % 'mas_action_outcome!~"rejected|cancelled|deferred",gen_ai_agent_name=~"$agent"'
    slo = material.slo_of("M2")
    steps = limits.error_steps(slo) if slo is not None else above(0.01, 0.05)
    return Section(
        "agents",
        "Agents",
        (
            Lines(
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
                        expr=f"sum by (mas_error_attribution) ({failed})",
                        legend="{{mas_error_attribution}}",
                    ),
                ),
                unit="ops",
                low=0.0,
                overrides=named("agent", "provider", "dependency", "policy", "infra", "user"),
                see=material.runbook("M2", "action success"),
                wish=_THIRD,
            ),
            Bars(
                key="failing",
                title="Share of failed actions, worst agents",
                words=Words(
                    "Failed and timed-out actions among those that ran, for the ten worst agents.",
                    _ratio_words(steps),
                    "Open the debug view for that agent by the link at its bar.",
                ),
                none="No action ended in this time: no agent reports.",
                queries=(
                    Prom(
                        expr=f"topk(10, sum by (gen_ai_agent_name) ({failed})"
                        f" / (sum by (gen_ai_agent_name) ({every}) > 0))",
                        legend="{{gen_ai_agent_name}}",
                        instant=True,
                    ),
                ),
                unit="percentunit",
                decimals=2,
                low=0.0,
                steps=steps,
                value_links=(_debug_agent(),),
                wish=_THIRD,
            ),
            Lines(
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
                    *material.runbook("F5", "missing agent"),
                    *material.runbook("R1", "orchestrator"),
                ),
                wish=_THIRD,
            ),
        ),
    )


def _ratio_words(steps: tuple[limits.Step, ...]) -> str:
    named_steps = [step for step in steps if step.value is not None]
    edges = ", ".join(
        f"{'bad' if step.color == palette.BAD else 'to watch'} from {step.value:.2%} on"
        for step in named_steps
    )
    return f"Low is good; {edges}."


def _debug_agent() -> Link:
    return Link(
        "Debug this agent",
        "/d/fleetslo-debug?var-agent=${__field.labels.gen_ai_agent_name}&${__url_time_range}",
    )


def _dependencies(material: Material) -> Section:
    wait = "rate(mas_queue_message_wait_seconds_bucket[$__rate_interval])"
    attempts = "rate(mas_llm_attempts_total%s[$__rate_interval])"
    failed = attempts % '{mas_llm_attempt_result!="success"}'
    return Section(
        "dependencies",
        "Queues and language models",
        (
            Lines(
                key="wait",
                title="How long messages wait",
                words=Words(
                    "Wait of 95 % of messages, by queue.",
                    f"Below {_CATALOGUE_QUEUE_WAIT_SECONDS:.0f} s is good.",
                    "Check the depth in the debug view and whether workers take messages; then "
                    "scale workers.",
                ),
                none="No message was taken from a queue in this time.",
                queries=(
                    Prom(
                        expr="histogram_quantile(0.95, "
                        f"sum by (le, messaging_destination_name) ({wait}))",
                        legend="{{messaging_destination_name}}",
                    ),
                ),
                unit="s",
                low=0.0,
                limits=True,
                steps=above(_CATALOGUE_QUEUE_WAIT_SECONDS),
                color_mode="continuous-BlPu",
                see=material.runbook("R2", "queue latency"),
                wish=_THIRD,
            ),
            Bars(
                key="oldest",
                title="Oldest message",
                words=Words(
                    "Age of the oldest message in each queue.",
                    f"Below {_CATALOGUE_QUEUE_AGE_SECONDS:.0f} s is good. It rises even when "
                    "nothing is taken any more, and waits fall silent.",
                    "Check that workers are healthy; if they are and it rises, call the platform team.",
                ),
                none="No queue reports.",
                queries=(
                    Prom(
                        expr="max by (messaging_destination_name)"
                        " (mas_queue_oldest_message_age_seconds)",
                        legend="{{messaging_destination_name}}",
                        instant=True,
                    ),
                ),
                unit="s",
                low=0.0,
                steps=above(_CATALOGUE_QUEUE_AGE_SECONDS / 2, _CATALOGUE_QUEUE_AGE_SECONDS),
                see=material.runbook("R2", "queue latency"),
                wish=_THIRD,
            ),
            Lines(
                key="llm",
                title="Failed model calls by class",
                words=Words(
                    "Share of requests to language models that failed, by the class of the error, "
                    "retries counted one by one.",
                    f"All classes together below {_CATALOGUE_LLM_ERRORS:.0%} is good. Provider "
                    "and timeout speak for an outage, rate limit and auth for our own account.",
                    "Provider: its status page. Rate limit: quota. Auth: keys. Else: AI/ML team.",
                ),
                none="No model was called in this time.",
                queries=(
                    Prom(
                        expr=f"sum by (mas_llm_attempt_result) ({failed})"
                        f" / on () group_left () (sum({attempts % ''}) > 0)",
                        legend="{{mas_llm_attempt_result}}",
                    ),
                ),
                unit="percentunit",
                low=0.0,
                limits=True,
                steps=above(_CATALOGUE_LLM_ERRORS),
                overrides=named(
                    "provider", "rate_limit", "timeout", "auth", "client", "content_filter"
                ),
                see=material.runbook("R3", "model errors"),
                wish=_THIRD,
            ),
        ),
    )


def _remediation() -> Section:
    return Section(
        "remediation",
        "Remediation",
        (
            Stat(
                key="active",
                title="Remediations under way",
                words=Words(
                    "Automated remediations that run now.",
                    "A few are normal; many at once are a cascade.",
                    "Many: throttle remediation before the fixes harm each other.",
                ),
                none="No agent reports remediations.",
                queries=(Prom(expr="sum(mas_remediation_active)"),),
                unit="none",
                decimals=0,
                steps=above(5.0, 20.0),
                wish=Size(6, 8),
            ),
            Lines(
                key="ended",
                title="Remediations by outcome",
                words=Words(
                    "Remediations that ended per hour, by how they ended.",
                    "Fixed is good. Failed and escalated ones wait for a person.",
                    "Escalated: take over from the agent, its log tells what it tried.",
                ),
                none="No agent reports remediations.",
                queries=(
                    Prom(
                        expr="sum by (mas_remediation_outcome)"
                        " (rate(mas_remediations_total[$__rate_interval])) * 3600",
                        legend="{{mas_remediation_outcome}}",
                    ),
                ),
                unit="none",
                low=0.0,
                overrides=marked(fixed=palette.GOOD, failed=palette.BAD, escalated=palette.PURPLE),
                wish=Size(9, 8),
            ),
            Lines(
                key="verdicts",
                title="Remediations that were wrong",
                words=Words(
                    "Share of reviewed remediations that fixed what was not broken, or did harm.",
                    "Below 0.1 % is good; one harmful remediation is a reason to stop them.",
                    "Harmful: pause automated remediation of that class.",
                ),
                none="No remediation was reviewed in this time.",
                queries=(
                    Prom(
                        expr="sum by (mas_remediation_verdict) (increase("
                        "mas_remediation_verdicts_total{mas_remediation_verdict="
                        '~"false_positive|harmful"}[1d])) / on () group_left () (sum('
                        "increase(mas_remediation_verdicts_total[1d])) > 0)",
                        legend="{{mas_remediation_verdict}}",
                    ),
                ),
                unit="percentunit",
                low=0.0,
                limits=True,
                steps=above(0.001),
                overrides=marked(false_positive=palette.ORANGE, harmful=palette.VERMILLION),
                wish=Size(9, 8),
            ),
        ),
    )


def _resources() -> Section:
    host = 'host_name=~"$host"'
    return Section(
        "resources",
        "Resources by host",
        (
            Bars(
                key="cpu",
                title="Processor cores in use",
                words=Words(
                    "Cores that agents keep busy, for the ten busiest hosts.",
                    "Compare hosts: one far above the others is a hot spot.",
                    "Move agents away, or ask what they do in the debug view.",
                ),
                none="No agent reports its process.",
                queries=(
                    Prom(
                        expr="topk(10, sum by (host_name) "
                        f"(rate(process_cpu_time_seconds_total{{{host}}}[$__rate_interval])))",
                        legend="{{host_name}}",
                        instant=True,
                    ),
                ),
                unit="none",
                decimals=2,
                low=0.0,
                wish=_THIRD,
            ),
            Bars(
                key="memory",
                title="Memory in use",
                words=Words(
                    "Resident memory of agents, for the ten fullest hosts.",
                    "Steady is good; a steady rise is a leak.",
                    "Restart the agent that leaks, its runbook says how.",
                ),
                none="No agent reports its process.",
                queries=(
                    Prom(
                        expr=f"topk(10, sum by (host_name) (process_memory_usage_bytes{{{host}}}))",
                        legend="{{host_name}}",
                        instant=True,
                    ),
                ),
                unit="bytes",
                low=0.0,
                wish=_THIRD,
            ),
            Lines(
                key="contention",
                title="Shortages by pool, worst pools",
                words=Words(
                    "Rejects, out-of-memory kills and quotas hit per minute, for the five worst pools.",
                    "0 is good. A sum over pools would hide one that is starved.",
                    "Limit admission to that pool, or give it room.",
                ),
                none="No pool reports.",
                queries=(
                    Prom(
                        expr="topk(5, max by (mas_resource_pool) "
                        "(rate(mas_resource_contention_events_total[$__rate_interval]))) * 60",
                        legend="{{mas_resource_pool}}",
                    ),
                ),
                unit="none",
                low=0.0,
                limits=True,
                steps=above(1.0),
                color_mode="continuous-BlPu",
                wish=_THIRD,
            ),
        ),
    )


def _changes() -> Section:
    return Section(
        "changes",
        "What changed",
        (
            Lines(
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
            ),
            States(
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
            ),
        ),
    )


def _compliance(material: Material) -> Section:
    links = material.runbook("R4", "compliance violation")
    return Section(
        "compliance",
        "Compliance",
        (
            Stat(
                key="violations",
                title="Violations",
                words=Words(
                    "Breaches of compliance rules in the time chosen above.",
                    "0 is good; each one is a page to Legal and Compliance.",
                    "Pause the agent at once, then follow the runbook.",
                ),
                none="No agent reports compliance.",
                queries=(
                    Prom(
                        expr="sum(increase(mas_compliance_violations_total[$__range]))",
                        instant=True,
                    ),
                ),
                unit="none",
                decimals=0,
                steps=(*any_is(palette.BAD)[:1], limits.Step(palette.BAD, 0.5)),
                background=True,
                see=links,
                wish=_SMALL,
            ),
            Lines(
                key="rules",
                title="Violations by rule",
                words=Words(
                    "Breaches per hour, by the rule that was broken.",
                    "0 is good.",
                    "The action history in the debug view shows what the agent did.",
                ),
                none="No agent reports compliance.",
                queries=(
                    Prom(
                        expr="sum by (mas_compliance_rule)"
                        " (increase(mas_compliance_violations_total[1h]))",
                        legend="{{mas_compliance_rule}}",
                    ),
                ),
                unit="none",
                low=0.0,
                limits=True,
                steps=above(1.0),
                color_mode="continuous-BlPu",
                see=links,
                wish=Size(8, 8),
            ),
            Stat(
                key="audit",
                title="Audit coverage",
                words=Words(
                    "Actions that left an audit record, in the time chosen above.",
                    f"{_CATALOGUE_AUDIT_COVERAGE:.1%} or more is good; below, conflicts may go unseen.",
                    "Find the agent with gaps beside this, and its sequence numbers.",
                ),
                none="No action ended in this time.",
                queries=(
                    Prom(
                        expr="clamp_max(sum(increase(mas_audit_records_total[$__range]))"
                        " / (sum(increase(mas_agent_actions_total[$__range])) > 0), 1)",
                        instant=True,
                    ),
                ),
                unit="percentunit",
                decimals=2,
                steps=(
                    limits.Step(palette.BAD, None),
                    limits.Step(palette.GOOD, _CATALOGUE_AUDIT_COVERAGE),
                ),
                wish=_SMALL,
            ),
            Stat(
                key="gaps",
                title="Gaps in the audit trail",
                words=Words(
                    "Audit records missing by their sequence numbers, in the time chosen above.",
                    "0 is good.",
                    "Keep the agent's log: the record may still be there.",
                ),
                none="No audit trail is watched.",
                queries=(Prom(expr="sum(increase(mas_audit_gaps_total[$__range]))", instant=True),),
                unit="none",
                decimals=0,
                steps=any_is(palette.BAD),
                wish=_SMALL,
            ),
            Stat(
                key="dsr",
                title="Data subject requests ended",
                words=Words(
                    "Requests of data subjects that ended, in the time chosen above, by outcome.",
                    "Done is good. Failed ones have a legal time limit that goes on.",
                    "Failed: hand to Legal and Compliance with the request's record.",
                ),
                none="No request of a data subject ended while this was measured.",
                queries=(
                    Prom(
                        expr="sum by (mas_dsr_outcome)"
                        " (increase(mas_dsr_requests_total[$__range]))",
                        legend="{{mas_dsr_outcome}}",
                        instant=True,
                    ),
                ),
                unit="none",
                decimals=0,
                text_mode="value_and_name",
                wish=Size(8, 5),
            ),
            Lines(
                key="stale",
                title="Agents on an old policy",
                words=Words(
                    "Agents that do not enforce the desired revision, by policy.",
                    "0 is good; some, for minutes, after each publication.",
                    "For longer than ten minutes: look at the agents' policy cache.",
                ),
                none="No policy is watched.",
                queries=(
                    Prom(
                        expr="max by (mas_policy_name) (mas_policy_stale_agent_count)",
                        legend="{{mas_policy_name}}",
                    ),
                ),
                unit="none",
                decimals=0,
                low=0.0,
                limits=True,
                steps=above(1.0),
                color_mode="continuous-BlPu",
                see=material.runbook("F4", "stale policy"),
                wish=Size(8, 8),
            ),
        ),
    )


def _incidents(material: Material) -> Section:
    fired = f'ALERTS{{alertstate="firing",alertname!="{WATCHDOG}"{material.only_team()}}}'
    return Section(
        "incidents",
        "Recent incidents",
        (
            States(
                key="history",
                title="Alerts over time",
                words=Words(
                    "When each alert fired.",
                    "Empty is good. Bands that start together may have one cause.",
                    "Compare their start with the marks of deployments and policies.",
                ),
                none="No alert fired in this time.",
                queries=(Prom(expr=f"max by (alertname) ({fired})", legend="{{alertname}}"),),
                unit="none",
                states=(State(1.0, 1.0, "firing", palette.BAD),),
                steps=any_is(palette.BAD),
                wish=Size(14, 8),
            ),
            Table(
                key="fired",
                title="What fired, how often",
                words=Words(
                    "Alerts that fired in the time chosen above, with their owner.",
                    "Empty is good. One that fires daily needs a fix, not a person.",
                    "Click the alert's name: it leads to the runbook.",
                ),
                none="No alert fired in this time.",
                queries=(
                    Prom(
                        expr="sum by (alertname, severity, team)"
                        f" (count_over_time({fired}[$__range:1m]))",
                        table=True,
                    ),
                ),
                unit="m",
                decimals=0,
                sort="Minutes",
                overrides=(
                    hidden("Time"),
                    renamed("alertname", "Alert", ("links", _runbook_links(material))),
                    renamed("severity", "Severity", ("mappings", _severity_words())),
                    renamed("team", "Owner"),
                    renamed("Value", "Minutes"),
                ),
                wish=Size(10, 8),
            ),
        ),
    )
