"""Configuration of `agentdetectors`."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from collectors.component import Config
from collectors.dialects import DialectName, unknown
from collectors.judging import LEASE_GRACE_SECONDS, MISSES
from collectors.net.fields import SECOND, Count, Nanoseconds, Positive
from slo.catalog import Metric, metrics

MADE: Final = (
    "mas.action.reversals",
    "mas.agent.action.conflicts",
    "mas.agent.count",
    "mas.agent.health_checks",
    "mas.agent.loops",
    "mas.agent.restarts",
    "mas.audit.gaps",
    "mas.compliance.violations",
    "mas.deployment.rollbacks",
    "mas.deployments",
    "mas.leader.count",
    "mas.policy.propagation.duration",
    "mas.policy.stale_agent.count",
)
"""The metrics of the catalogue that are derived."""

Decision = Literal["action", "remediation"]
DECISIONS: Final[tuple[Decision, ...]] = ("action", "remediation")
"""What may need an audit record."""

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
Interval = Annotated[Nanoseconds, Field(gt=0)]
Keys = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


def _said(*keys: str) -> list[str]:
    """The default of a field of `KeysConfig`."""
    found: list[str] = Field(default_factory=lambda: [*keys])
    return found


class KeysConfig(Config):
    """Which attributes say it, best first.

    Attributes:
        agent_id: On a heartbeat: which agent of the process beats.
        role: Place in the hierarchy; also on the resource.
        state: ``draining`` is a goodbye, ``degraded`` a failed health check of its own.
        heartbeat: Its presence makes a span or log record a heartbeat.
        key: Idempotency key of an action.
        base: Version of the target that the action builds upon.
        epoch: Of the lease under which a leader acted.
        lease: Which lease; none where a fleet has but one.
        group: Among whom a leader is elected.
        leads: ``true`` where the agent calls itself leader of `group`.
        published: ``true`` where a policy's revision was published, and not used.
        rollback: Who rolled back: ``auto``, ``manual`` or ``agent``.
        remediation: Its presence makes a span a remediation.
        incident: What a remediation is about.
        audit: ``true`` makes a log record an audit record.
        sequence: Number of an audit record, one more for each of the process.
        rule: The compliance rule that was broken.
        severity: How grave that is; without one it is ``high``.
        reaction: What was done at once; without one the agent still acts.
        decision: Of a policy or a guardrail; ``deny`` or ``true`` with a severity is a violation.
        arguments: Of the call of a tool.
    """

    agent_id: Keys = _said("gen_ai.agent.id")
    role: Keys = _said("mas.agent.role")
    state: Keys = _said("mas.agent.state")
    heartbeat: Keys = _said("mas.agent.heartbeat")
    type: Keys = _said("mas.action.type")
    target: Keys = _said("mas.action.target")
    value: Keys = _said("mas.action.value")
    key: Keys = _said("mas.action.key")
    outcome: Keys = _said("mas.action.outcome")
    base: Keys = _said("mas.action.base_version")
    epoch: Keys = _said("mas.lease.epoch")
    lease: Keys = _said("mas.lease.name")
    group: Keys = _said("mas.election.group")
    leads: Keys = _said("mas.leader")
    policy: Keys = _said("mas.policy.name", "gen_ai.guardrail.name")
    revision: Keys = _said("mas.policy.revision", "mas.policy.version")
    published: Keys = _said("mas.policy.published")
    rollback: Keys = _said("mas.rollback.trigger")
    remediation: Keys = _said("mas.remediation.class")
    incident: Keys = _said("mas.incident.id")
    audit: Keys = _said("mas.audit")
    sequence: Keys = _said("mas.audit.sequence")
    rule: Keys = _said("mas.compliance.rule")
    severity: Keys = _said("mas.compliance.severity")
    reaction: Keys = _said("mas.compliance.action")
    decision: Keys = _said("mas.policy.decision", "gen_ai.guardrail.triggered")
    arguments: Keys = _said(
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "gcp.vertex.agent.tool_call_args",
        "ai.toolCall.args",
        "langfuse.observation.input",
        "traceloop.entity.input",
        "input.value",
    )


class HeartbeatConfig(Config):
    """The roster.

    Attributes:
        interval: How often agents beat, and how often they are judged and the metrics put out.
        misses: Intervals without a sign that make an agent missing.
        returns: Intervals with a sign that bring it back.
        idle: For how long an agent may say nothing that never sent a heartbeat; 0 where
            silence counts at once.
        handover: An instance that falls silent so long after another of its class came, or
            before, was replaced by it.
        expiry: An agent missing for so long is taken off the roster.
        max_agents: Most on the roster.
    """

    interval: Interval = 15 * SECOND
    misses: Positive = MISSES
    returns: Positive = 2
    idle: Nanoseconds = 5 * MINUTE
    handover: Nanoseconds = 5 * MINUTE
    expiry: Interval = HOUR
    max_agents: Positive = 5_000


class ToolConfig(Config):
    """A tool whose calls are actions.

    Attributes:
        tool: Its name; ``*`` stands for any text.
        type: Of the actions.
        target: Member of the arguments that names what is changed.
        value: Member that says to what; none where calls set nothing.
    """

    tool: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    value: str = ""


class ActionsConfig(Config):
    """Conflicts and reversals.

    Attributes:
        conflict_window: Within it two agents must not do the same thing to one target.
        reversal_window: Within it a target must not go from A to B and back.
        order_tolerance: Of what arrives within so long the senders' clocks give the order,
            of all else the arrival; it is also for how long an action waits.
        lease_grace: For how long the holder of a lease may act on after another took it over.
        ignore_types: Types of actions that never clash, such as reading.
        tools: Tools whose calls are actions, for agents that tell nothing but their tools.
        max_actions: Most that are remembered.
    """

    conflict_window: Nanoseconds = MINUTE
    reversal_window: Nanoseconds = 15 * MINUTE
    order_tolerance: Interval = 2 * SECOND
    lease_grace: Nanoseconds = round(LEASE_GRACE_SECONDS) * SECOND
    ignore_types: list[str] = Field(default_factory=list[str])
    tools: list[ToolConfig] = Field(default_factory=list[ToolConfig])
    max_actions: Positive = 100_000


class LoopsConfig(Config):
    """Runs that go round in circles.

    Attributes:
        repetitions: Calls of one tool with the same arguments in one trace.
        within: Longest time between two of them; a tool that is asked more seldom is polled.
        handoffs: Times that two agents hand work to each other and back.
        model_calls: Operations on models in one trace; 0 for any number.
        ignore_tools: Tools that may be repeated; ``*`` stands for any text.
        remember: For how long a trace is known after its last step.
        max_steps: Most steps that are remembered.
    """

    repetitions: Annotated[int, Field(ge=2)] = 3
    within: Interval = MINUTE
    handoffs: Positive = 3
    model_calls: Count = 5_000
    ignore_tools: list[str] = Field(default_factory=list[str])
    remember: Interval = HOUR
    max_steps: Positive = 200_000


class RevisionsConfig(Config):
    """Policies, versions and leaders.

    Attributes:
        grace: How long after a newer revision was seen first agents may still use older ones.
        announced: For how long a rollback that was told explains versions that go back.
        leader_seen: For how long an agent that called itself leader is taken for one.
    """

    grace: Nanoseconds = 30 * SECOND
    announced: Nanoseconds = 15 * MINUTE
    leader_seen: Interval = 30 * SECOND


class AuditsConfig(Config):
    """Audit records that are missing.

    Attributes:
        decisions: What needs a record: ``action``, ``remediation``.
        exempt_types: Types of actions that need none.
        patience: How late a record may come after what it is about, and after later records.
        recall: For how long records are known, for what ends after they were written.
        max_records: Most decisions, and most records, that are remembered.
    """

    decisions: list[Decision] = Field(default_factory=lambda: [*DECISIONS])
    exempt_types: list[str] = Field(default_factory=list[str])
    patience: Interval = MINUTE
    recall: Interval = HOUR
    max_records: Positive = 100_000


class ViolationsConfig(Config):
    """Breaches of compliance rules.

    Attributes:
        pairing: For how long a span and a record inside it that tell the same are one.
        max_violations: Most that are remembered.
    """

    pairing: Interval = HOUR
    max_violations: Positive = 20_000


class AgentDetectorsConfig(Config):
    """Configuration of `agentdetectors`.

    Attributes:
        resource_attributes: On everything that is put out; with several collectors each
            needs a ``service.instance.id`` of its own.
        exclude_metrics: Metrics that are not made, since somebody else counts them.
        without_metrics: Dialects whose agents count loops and violations themselves, but do not
            send their metrics here.
        aggregation_cardinality_limit: Most series of a metric, 0 for no limit.
    """

    heartbeat: HeartbeatConfig = HeartbeatConfig()
    actions: ActionsConfig = ActionsConfig()
    loops: LoopsConfig = LoopsConfig()
    revisions: RevisionsConfig = RevisionsConfig()
    audits: AuditsConfig = AuditsConfig()
    violations: ViolationsConfig = ViolationsConfig()
    keys: KeysConfig = KeysConfig()
    resource_attributes: dict[str, str] = Field(
        default_factory=lambda: {"service.name": "agentdetectors"}
    )
    exclude_metrics: list[str] = Field(default_factory=list[str])
    without_metrics: list[DialectName] = Field(default_factory=list[str])
    aggregation_cardinality_limit: Count = 2000

    def counted(self) -> tuple[str, ...]:
        """The metrics that are made: two of these see one fact twice."""
        return tuple(metric.name for metric in self.made())

    def made(self) -> tuple[Metric, ...]:
        """The metrics that are made."""
        return tuple(metrics().metric(name) for name in MADE if name not in self.exclude_metrics)

    @field_validator("exclude_metrics")
    @classmethod
    def _are_made(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in MADE:
                raise ValueError(unknown(name, MADE))
        return value

    @model_validator(mode="after")
    def _waits_are_in_order(self) -> Self:
        beat = self.heartbeat
        if beat.expiry < beat.interval * beat.misses:
            msg = "heartbeat.expiry must not be shorter than heartbeat.misses intervals"
            raise ValueError(msg)
        if self.audits.recall < self.audits.patience:
            msg = "audits.recall must not be shorter than patience"
            raise ValueError(msg)
        if self.actions.reversal_window < self.actions.order_tolerance:
            msg = "actions.reversal_window must not be shorter than order_tolerance"
            raise ValueError(msg)
        return self
