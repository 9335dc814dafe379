"""One instrumented agent: everything that the catalogue asks of it, as methods."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import SpanKind

from collectors.instrument import providers as otel
from collectors.instrument.duties import (
    Invocation,
    MessageWork,
    PolicyEvaluation,
    Remediation,
    ToolCall,
    Workflow,
)
from collectors.instrument.endpoints import Endpoints, Trail
from collectors.instrument.exposition import exposition
from collectors.instrument.heartbeat import Heartbeat
from collectors.instrument.identity import Identity, Speaks
from collectors.instrument.instruments import Instruments
from collectors.instrument.logs import OtlpHandler
from collectors.instrument.propagation import extract, inject
from collectors.instrument.values import (
    ComplianceAction,
    ComplianceSeverity,
    ContentionType,
    Dependency,
    DependencyState,
    LoopKind,
    Operation,
    RemediationClass,
)
from collectors.instrument.work import Action, Clock, LlmCall, Tools
from slo.catalog import Source

PORT: Final = "FLEETSLO_AGENT_PORT"
"""Environment variable: where to answer on loopback; not at all without it, 0 is any."""
MAX_PORT: Final = 65_535
SCOPE: Final = "fleetslo.instrument"
"""Instrumentation scope of everything that this module records."""


def start(identity: Identity, speaks: Speaks | None = None) -> Agent:
    """An agent that sends OTLP where the standard environment variables say.

    Call `Agent.stop` at the end, or what is pending is lost.

    Raises:
        ValueError: An environment variable is malformed.
        OSError: The port in `FLEETSLO_AGENT_PORT` is taken.
    """
    port = _port(os.environ.get(PORT, ""))
    exporters = otel.exporters_from_environment(os.environ)
    if port is None:
        providers = otel.build(identity.resource(), exporters, os.environ)
        return Agent(identity, speaks or Speaks(), providers)
    reader = InMemoryMetricReader()
    providers = otel.build(identity.resource(), exporters, os.environ, [reader])
    agent = Agent(identity, speaks or Speaks(), providers)
    agent.answer(lambda: exposition(reader.get_metrics_data()), port)
    return agent


class Agent:
    """Measures what one agent does. Safe in threads and in asyncio tasks."""

    def __init__(
        self,
        identity: Identity,
        speaks: Speaks,
        providers: otel.Providers,
        clock: Clock = time.monotonic,
    ) -> None:
        """Measure with `providers`, which `stop` ends; every counter starts at 0 now."""
        self.identity = identity
        self.providers = providers
        self.instruments = Instruments(providers.metrics.get_meter(SCOPE), identity.constants())
        self._speaks = speaks
        self._tools = Tools(providers.traces.get_tracer(SCOPE), self.instruments, clock)
        self._beats = 0
        self._audits = itertools.count(1)
        self._healthy = True
        self.trail = Trail()
        self.endpoints: Endpoints | None = None
        self.log = self._logger()
        self._start_at_zero()

    def answer(self, metrics: Callable[[], str], port: int = 0) -> Endpoints:
        """Answer at ``/healthz``, ``/metrics`` and ``/audit`` on loopback until `stop`.

        Healthy is what the last heartbeat said. Call once.

        Raises:
            OSError: The port is taken.
        """
        self.endpoints = Endpoints(lambda: self._healthy, metrics, self.trail, port)
        return self.endpoints

    def stop(self) -> None:
        """Send what is pending and end the background threads. Call once."""
        if self.endpoints is not None:
            self.endpoints.close()
        self.providers.shutdown()

    # Work, each a context manager

    def action(self, kind: str, *, target: str = "", key: str = "") -> Action:
        """One logical action.

        Args:
            kind: One of `Speaks.action_types`.
            target: What it changes; on the span only. Conflicts are found by it.
            key: Idempotency key, the same for each retry; on the span only.
        """
        attributes = {"mas.action.type": kind, "mas.action.target": target}
        if key:
            attributes["mas.action.key"] = key
        return Action(self._tools, f"action {kind}", self._with_name(attributes))

    def invocation(self, headers: Mapping[str, str] | None = None) -> Invocation:
        """One invocation of this agent, in the trace of `headers` where there are any."""
        return Invocation(
            self._tools,
            f"invoke_agent {self.identity.name}",
            self._with_name({"gen_ai.operation.name": Operation.INVOKE_AGENT.value}),
            parent=extract(headers) if headers is not None else None,
        )

    def workflow(self, name: str) -> Workflow:
        """One run of the workflow `name`, a new trace unless one is current."""
        attributes = {"gen_ai.operation.name": Operation.INVOKE_WORKFLOW.value}
        return Workflow(self._tools, f"invoke_workflow {name}", self._with_name(attributes))

    def tool(self, name: str) -> ToolCall:
        """One execution of the tool `name`, at most 30 names in a fleet."""
        attributes = {
            "gen_ai.operation.name": Operation.EXECUTE_TOOL.value,
            "gen_ai.tool.name": name,
        }
        return ToolCall(self._tools, f"execute_tool {name}", self._with_name(attributes))

    def llm_call(self, provider: str, model: str, operation: Operation = Operation.CHAT) -> LlmCall:
        """One operation on a model; provider and model as in `Speaks.models`."""
        attributes = {
            "gen_ai.operation.name": operation.value,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
        }
        name = f"{operation.value} {model}"
        return LlmCall(self._tools, name, self._with_name(attributes), SpanKind.CLIENT)

    def policy_evaluation(self, policy: str, revision: int | None = None) -> PolicyEvaluation:
        """One evaluation of `policy`; `revision` goes on the span."""
        attributes = {"mas.policy.name": policy}
        if revision is not None:
            attributes["mas.policy.version"] = str(revision)
        return PolicyEvaluation(self._tools, f"policy {policy}", self._with_name(attributes))

    def remediation(
        self, kind: RemediationClass = RemediationClass.OPS, *, incident: str = ""
    ) -> Remediation:
        """One automated remediation; `incident` goes on the span."""
        attributes = {"mas.remediation.class": kind.value, "mas.incident.id": incident}
        return Remediation(self._tools, f"remediation {kind.value}", self._with_name(attributes))

    # Messages

    def send(self, queue: str) -> dict[str, str]:
        """Count a message sent to `queue`; put the headers returned beside its body."""
        labels = self._queue(queue)
        with self._tools.tracer.start_as_current_span(
            f"send {queue}", kind=SpanKind.PRODUCER, attributes=self._with_name(labels)
        ):
            self.instruments.add("messaging.client.sent.messages", 1, labels)
            return inject()

    def receive(self, queue: str, headers: Mapping[str, str], waited: float) -> MessageWork:
        """Count a message taken from `queue` and measure the work on it.

        Args:
            queue: One of `Speaks.queues`.
            headers: What `send` returned.
            waited: Seconds in the queue, 0 or more, by the queue's own clock.
        """
        labels = self._queue(queue)
        self.instruments.add("messaging.client.consumed.messages", 1, labels)
        self.instruments.record("mas.queue.message.wait", max(0.0, waited), labels)
        return MessageWork(
            self._tools,
            f"process {queue}",
            self._with_name(labels),
            SpanKind.CONSUMER,
            parent=extract(headers),
        )

    def handoff(self, target: str) -> None:
        """Count work handed to the agent named `target`."""
        self.instruments.add("mas.agent.handoffs", 1, {"mas.target.agent": target})

    # Events and levels

    def heartbeat(
        self, *, healthy: bool = True, draining: bool = False, leads: str = ""
    ) -> Heartbeat:
        """Count a heartbeat; send what it returns to the roster, every 15 s."""
        self._beats += 1
        self._healthy = healthy
        self.instruments.add("mas.agent.heartbeats", 1, {})
        return Heartbeat(
            name=self.identity.name,
            role=self.identity.role,
            instance_id=self.identity.instance_id,
            healthy=healthy,
            draining=draining,
            leads=leads,
        )

    def violation(
        self, rule: str, action: ComplianceAction, severity: ComplianceSeverity | None = None
    ) -> None:
        """Count a breach of `rule`; its severity is that of `Speaks.rules`, else high."""
        known = self._speaks.rules.get(rule, ComplianceSeverity.HIGH)
        labels = {
            "mas.compliance.rule": rule,
            "mas.compliance.severity": (severity or known).value,
            "mas.compliance.action": action.value,
        }
        self.instruments.add("mas.compliance.violations", 1, labels)
        self.log.error("compliance rule %s violated, %s", rule, action.value, extra=labels)

    def contention(self, kind: ContentionType, pool: str) -> None:
        """Count a shortage of `pool`."""
        labels = {"mas.contention.type": kind.value, "mas.resource.pool": pool}
        self.instruments.add("mas.resource.contention.events", 1, labels)

    def loop(self, kind: LoopKind) -> None:
        """Count a run that went round in circles."""
        self.instruments.add("mas.agent.loops", 1, {"mas.loop.kind": kind.value})

    def elected(self, group: str) -> None:
        """Count an election won."""
        self.instruments.add("mas.leader.elections", 1, {"mas.election.group": group})
        self.log.warning("elected leader of %s", group, extra={"mas.election.group": group})

    def policy_revision(self, policy: str, revision: int) -> None:
        """Say which revision of `policy` is enforced from now on."""
        self.instruments.set("mas.policy.revision", revision, {"mas.policy.name": policy})

    def dependency(self, name: Dependency, state: DependencyState) -> None:
        """Say what was found when `name` was last asked."""
        for other in DependencyState:
            labels = {"mas.dependency.name": name.value, "mas.dependency.state": other.value}
            self.instruments.set("mas.dependency.status", float(other is state), labels)

    def credential(self, kind: str, seconds_left: float) -> None:
        """Say when the next credential of `kind` expires; below 0 it has."""
        labels = {"mas.credential.kind": kind}
        self.instruments.set("mas.credential.time_to_expiry", seconds_left, labels)

    def audit(self, event: str, attributes: Mapping[str, str] | None = None) -> None:
        """Write an audit record: one log record of its own kind, counted and numbered.

        Write it inside the block of what it is about, so that the two are found together.
        """
        self.instruments.add("mas.audit.records", 1, {})
        self.trail.add(event, attributes or {})
        numbered = {"mas.audit": True, "mas.audit.sequence": next(self._audits)}
        self.log.info(event, extra={**numbered, **(attributes or {})})

    def _with_name(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """`attributes` of a span, and whose it is."""
        return {**attributes, "gen_ai.agent.name": self.identity.name}

    def _queue(self, queue: str) -> dict[str, str]:
        """The attributes of a queue."""
        return {
            "messaging.destination.name": queue,
            "messaging.system": self._speaks.messaging_system,
        }

    def _logger(self) -> logging.Logger:
        """A logger of this agent alone, into OTLP and nowhere else."""
        # Not `getLogger`: that one is shared by name with every agent of this class.
        logger = logging.Logger(f"agent.{self.identity.name}", logging.INFO)  # noqa: LOG001
        logger.addHandler(OtlpHandler(self.providers.logs.get_logger(SCOPE)))
        return logger

    def _start_at_zero(self) -> None:
        """Let every series that this agent may count exist."""
        known = self._speaks.known()
        self.instruments.start_at_zero(Source.AGENT, {**known, "mas.compliance.rule": ()})
        for rule, severity in self._speaks.rules.items():
            graded = {"mas.compliance.rule": (rule,), "mas.compliance.severity": (severity.value,)}
            self.instruments.start_metric_at_zero("mas.compliance.violations", graded)
        for provider, models in self._speaks.models.items():
            values = {"gen_ai.provider.name": (provider,), "gen_ai.request.model": models}
            self.instruments.start_metric_at_zero("mas.llm.cost", values)


def _port(text: str) -> int | None:
    """The port to answer at; None where nobody asked for it.

    Raises:
        ValueError: Not a number from 0 to 65535.
    """
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) > MAX_PORT:
        msg = f"{PORT} must be a port from 0 to {MAX_PORT}, got {text!r}"
        raise ValueError(msg)
    return int(text)
