"""The rest of what an agent does in a block: policies, remediations, messages, tools, runs."""

from __future__ import annotations

from typing import Self

from collectors.instrument.values import Decision, ErrorType, RemediationOutcome
from collectors.instrument.work import Work, classify


class PolicyEvaluation(Work):
    """One evaluation of one policy; allowed unless it says otherwise, an exception is `error`."""

    _decision = Decision.ALLOW

    def deny(self) -> None:
        """The policy forbids it."""
        self._decision = Decision.DENY

    def _end(self, seconds: float, error: BaseException | None) -> None:
        if error is not None:
            self._decision = Decision.ERROR
            self._mark(type(error).__qualname__, error)
        self._span.set_attribute("mas.policy.decision", self._decision.value)
        self._tools.instruments.record(
            "mas.policy.evaluation.duration",
            seconds,
            {
                "mas.policy.name": self._attributes["mas.policy.name"],
                "mas.policy.decision": self._decision.value,
            },
        )


class Remediation(Work):
    """One automated remediation, from detection to its end, on one clock.

    Enter it when the trouble is detected, or say with `waited` how long ago that was by
    the same clock.
    """

    _outcome = RemediationOutcome.FIXED
    _waited = 0.0

    def __enter__(self) -> Self:
        super().__enter__()
        self._tools.instruments.add("mas.remediation.active", 1, self._kind_of())
        return self

    def waited(self, seconds: float) -> None:
        """Seconds from detection until the block began, 0 or more."""
        self._waited = max(0.0, seconds)

    def fail(self) -> None:
        """It did not help: pages."""
        self._outcome = RemediationOutcome.FAILED

    def escalate(self) -> None:
        """It gave up and called a person: pages."""
        self._outcome = RemediationOutcome.ESCALATED

    def _end(self, seconds: float, error: BaseException | None) -> None:
        if error is not None:
            self._outcome = RemediationOutcome.FAILED
        if self._outcome is not RemediationOutcome.FIXED:
            name = self._outcome.value if error is None else type(error).__qualname__
            self._mark(name, error)
        instruments = self._tools.instruments
        labels = {**self._kind_of(), "mas.remediation.outcome": self._outcome.value}
        self._span.set_attribute("mas.remediation.outcome", self._outcome.value)
        instruments.add("mas.remediation.active", -1, self._kind_of())
        instruments.add("mas.remediations", 1, labels)
        instruments.record("mas.remediation.duration", seconds + self._waited, labels)

    def _kind_of(self) -> dict[str, str]:
        """The class of the remediation."""
        return {"mas.remediation.class": self._attributes["mas.remediation.class"]}


class MessageWork(Work):
    """Work on one message from a queue, in the trace of whoever sent it."""

    def _end(self, seconds: float, error: BaseException | None) -> None:
        if error is not None:
            self._mark(type(error).__qualname__, error)
        keys = ("messaging.destination.name", "messaging.system")
        labels = {key: self._attributes[key] for key in keys}
        self._tools.instruments.record("messaging.process.duration", seconds, labels)


class Timed(Work):
    """An invocation, a tool or a workflow: its duration, and the class of its error."""

    metric = ""
    keys: tuple[str, ...] = ()
    _error: ErrorType | None = None

    def fail(self, error_type: ErrorType = ErrorType.OTHER) -> None:
        """It failed without an exception."""
        self._error = error_type

    def _end(self, seconds: float, error: BaseException | None) -> None:
        if error is not None and self._error is None:
            self._error = classify(error)
        labels = {key: self._attributes[key] for key in self.keys}
        if self._error is not None:
            labels["error.type"] = self._error.value
            self._mark(self._error.value, error)
        self._tools.instruments.record(self.metric, seconds, labels)


class Invocation(Timed):
    """One invocation of this agent."""

    metric = "gen_ai.invoke_agent.duration"


class Workflow(Timed):
    """One run of a workflow from end to end."""

    metric = "gen_ai.invoke_workflow.duration"


class ToolCall(Timed):
    """One execution of a tool."""

    metric = "gen_ai.execute_tool.duration"
    keys = ("gen_ai.tool.name",)
