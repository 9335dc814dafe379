"""What an agent does is measured once, when it ends, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from opentelemetry.trace import SpanKind, StatusCode

from collectors.instrument import (
    AttemptResult,
    Attribution,
    ComplianceAction,
    ComplianceSeverity,
    ContentionType,
    Dependency,
    DependencyState,
    ErrorType,
    LoopKind,
    RemediationClass,
    Speaks,
    extract,
)
from collectors.instrument.work import Action, classify, classify_status
from slo.catalog import metrics
from tests.instrumented import Recorded, instrumented

SPEAKS = Speaks(
    action_types=("scale",),
    policies=("egress",),
    queues=("ops",),
    pools=("gpu",),
    models={"openai": ("m1",)},
    rules={"pii": ComplianceSeverity.CRITICAL},
    remediations=(RemediationClass.OPS,),
    dependencies=(Dependency.QUEUE,),
    elections=("main",),
    hands_to=("worker-data",),
)


@pytest.fixture
def found() -> Recorded:
    return instrumented(SPEAKS)


def outcome(found: Recorded) -> tuple[str, str]:
    """Outcome and attribution of the only action."""
    ((key, value),) = found.moved("mas.agent.actions").items()
    assert value == 1
    name, outcome, kind, role, attribution = key
    assert (name, role, kind) == ("worker-ops", "worker", "scale")
    return outcome, attribution


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda _: None, ("success", "none")),
        (Action.succeed, ("success", "none")),
        (Action.partial, ("partial", "none")),
        (Action.fail, ("failure", "agent")),
        (lambda a: a.fail(Attribution.PROVIDER), ("failure", "provider")),
        (Action.time_out, ("timeout", "dependency")),
        (Action.reject, ("rejected", "policy")),
        (Action.cancel, ("cancelled", "user")),
        (Action.defer, ("deferred", "none")),
    ],
)
def test_an_action_counts_once_as_it_was_judged(
    found: Recorded, say: Callable[[Action], None], expected: tuple[str, str]
) -> None:
    with found.agent.action("scale", target="svc/a", key="k1") as action:
        say(action)

    assert outcome(found) == expected
    # Every combination that can be said was there at zero.
    assert len(found.values("mas.agent.actions")) == 17


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no"), ("failure", "agent")),
        (TimeoutError(), ("timeout", "dependency")),
        (ConnectionResetError(), ("failure", "dependency")),
        (asyncio.CancelledError(), ("cancelled", "user")),
        (KeyboardInterrupt(), ("cancelled", "user")),
    ],
)
def test_an_exception_is_judged_and_goes_on(
    found: Recorded, error: BaseException, expected: tuple[str, str]
) -> None:
    with pytest.raises(type(error)), found.agent.action("scale"):
        raise error

    assert outcome(found) == expected


def test_what_was_said_wins_over_the_exception(found: Recorded) -> None:
    def refused(action: Action) -> None:
        action.fail(Attribution.POLICY)
        raise PermissionError

    with pytest.raises(PermissionError), found.agent.action("scale") as action:
        refused(action)

    assert outcome(found) == ("failure", "policy")


def test_the_span_of_an_action_says_what_the_metric_must_not(found: Recorded) -> None:
    with found.agent.action("scale", target="svc/a", key="k1") as action:
        action.fail()
    span = found.spans()["action scale"]

    assert span.attributes is not None
    assert span.attributes["mas.action.target"] == "svc/a"
    assert span.attributes["mas.action.key"] == "k1"
    assert span.attributes["error.type"] == "_OTHER"
    assert span.status.status_code is StatusCode.ERROR


def test_success_leaves_the_status_unset(found: Recorded) -> None:
    """Source: OpenTelemetry semantic conventions, recording errors."""
    with found.agent.action("scale"):
        pass

    assert found.spans()["action scale"].status.status_code is StatusCode.UNSET


def test_work_inside_work_is_its_child(found: Recorded) -> None:
    with found.agent.action("scale"), found.agent.llm_call("openai", "m1"):
        pass
    spans = found.spans()
    inner, outer = spans["chat m1"], spans["action scale"]

    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert inner.kind is SpanKind.CLIENT


def test_a_model_call_without_attempts_is_one(found: Recorded) -> None:
    with found.agent.llm_call("openai", "m1") as call:
        found.clock.now += 2
        call.tokens(sent=1800, received=250)
        call.cost(0.25)
    (duration,) = found.points("gen_ai.client.operation.duration")

    assert isinstance(duration, HistogramDataPoint)
    assert duration.sum == 2
    assert found.moved("mas.llm.attempts") == {("openai", "success"): 1}
    assert found.moved("mas.llm.cost") == {("worker-ops", "openai", "m1"): 0.25}
    assert set(found.moved("gen_ai.client.token.usage")) == {
        ("chat", "openai", "m1", "input"),
        ("chat", "openai", "m1", "output"),
    }


def test_retries_show_in_attempts_and_not_in_the_operation(found: Recorded) -> None:
    with found.agent.llm_call("openai", "m1") as call:
        call.attempt(AttemptResult.RATE_LIMIT)
        call.attempt(AttemptResult.RATE_LIMIT)
        call.attempt(AttemptResult.SUCCESS)

    assert found.moved("mas.llm.attempts") == {
        ("openai", "rate_limit"): 2,
        ("openai", "success"): 1,
    }
    assert found.moved("gen_ai.client.operation.duration") == {("chat", "openai", "m1"): 1}


@pytest.mark.parametrize("error_type", ErrorType)
def test_a_failed_model_call_is_one_failed_attempt(found: Recorded, error_type: ErrorType) -> None:
    with found.agent.llm_call("openai", "m1") as call:
        call.fail(error_type)
    ((_, attempt),) = found.moved("mas.llm.attempts")

    known = {result.value for result in AttemptResult}
    expected = error_type.value if error_type.value in known else "other"
    assert attempt == expected
    assert found.moved("gen_ai.client.operation.duration") == {
        (error_type.value, "chat", "openai", "m1"): 1
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (429, ErrorType.RATE_LIMIT),
        (401, ErrorType.AUTH),
        (403, ErrorType.AUTH),
        (408, ErrorType.TIMEOUT),
        (504, ErrorType.TIMEOUT),
        (500, ErrorType.PROVIDER),
        (529, ErrorType.PROVIDER),
        (400, ErrorType.CLIENT),
        (422, ErrorType.CLIENT),
        (200, ErrorType.OTHER),
    ],
)
def test_a_status_has_a_class(status: int, expected: ErrorType) -> None:
    assert classify_status(status) is expected


def test_an_exception_of_a_model_client_is_classed_by_its_status() -> None:
    class ApiError(Exception):
        status_code = 429

    assert classify(ApiError()) is ErrorType.RATE_LIMIT
    assert classify(TimeoutError()) is ErrorType.TIMEOUT
    assert classify(ConnectionRefusedError()) is ErrorType.PROVIDER
    assert classify(ValueError()) is ErrorType.OTHER


def test_a_policy_allows_denies_or_fails(found: Recorded) -> None:
    with found.agent.policy_evaluation("egress", 7):
        pass
    with found.agent.policy_evaluation("egress") as evaluation:
        evaluation.deny()
    with pytest.raises(ValueError, match="bad"), found.agent.policy_evaluation("egress"):
        raise ValueError("bad")  # noqa: EM101 - its text does not matter

    assert found.moved("mas.policy.evaluation.duration") == {
        ("allow", "egress"): 1,
        ("deny", "egress"): 1,
        ("error", "egress"): 1,
    }


def test_a_remediation_counts_from_detection(found: Recorded) -> None:
    with found.agent.remediation(incident="i1") as remediation:
        remediation.waited(10)
        found.clock.now += 5
        active = found.values("mas.remediation.active")
    (duration,) = found.points("mas.remediation.duration")

    assert active["ops",] == 1
    assert found.values("mas.remediation.active")["ops",] == 0
    assert isinstance(duration, HistogramDataPoint)
    assert duration.sum == 15
    assert found.moved("mas.remediations") == {("ops", "fixed"): 1}


def test_a_remediation_fails_escalates_or_breaks(found: Recorded) -> None:
    with found.agent.remediation() as remediation:
        remediation.fail()
    with found.agent.remediation() as remediation:
        remediation.escalate()
    with pytest.raises(OSError, match="gone"), found.agent.remediation():
        raise OSError("gone")  # noqa: EM101 - its text does not matter

    assert found.moved("mas.remediations") == {("ops", "failed"): 2, ("ops", "escalated"): 1}
    assert found.values("mas.remediation.active")["ops",] == 0


def test_a_message_is_worked_on_in_the_trace_of_its_sender(found: Recorded) -> None:
    with found.agent.workflow("task"):
        headers = found.agent.send("ops")
    with found.agent.receive("ops", headers, waited=0.7):
        found.clock.now += 3
    spans = found.spans()
    (waited,) = found.points("mas.queue.message.wait")

    assert spans["process ops"].parent is not None
    assert spans["process ops"].parent.span_id == spans["send ops"].context.span_id
    assert spans["process ops"].context.trace_id == spans["invoke_workflow task"].context.trace_id
    assert isinstance(waited, HistogramDataPoint)
    assert waited.sum == 0.7
    assert found.moved("messaging.client.sent.messages") == {("ops", "memory"): 1}
    assert found.moved("messaging.client.consumed.messages") == {("ops", "memory"): 1}
    assert found.moved("messaging.process.duration") == {("ops", "memory"): 1}


def test_malformed_headers_begin_a_new_trace(found: Recorded) -> None:
    with found.agent.receive("ops", {"traceparent": "rubbish"}, waited=0):
        pass

    assert found.spans()["process ops"].parent is None
    assert len(extract({})) == 0


def test_invocations_tools_and_workflows_are_timed(found: Recorded) -> None:
    with found.agent.workflow("task"), found.agent.invocation(), found.agent.tool("grep") as tool:
        tool.fail(ErrorType.CLIENT)

    assert found.moved("gen_ai.invoke_workflow.duration") == {("worker-ops",): 1}
    assert found.moved("gen_ai.invoke_agent.duration") == {("worker-ops",): 1}
    assert found.moved("gen_ai.execute_tool.duration") == {("client", "worker-ops", "grep"): 1}


def test_a_violation_has_the_severity_of_its_rule_and_a_log_line(found: Recorded) -> None:
    found.agent.violation("pii", ComplianceAction.PAUSED)
    found.agent.violation("other", ComplianceAction.LOGGED)

    assert found.moved("mas.compliance.violations") == {
        ("worker-ops", "paused", "pii", "critical"): 1,
        ("worker-ops", "logged", "other", "high"): 1,
    }
    first = found.logs.get_finished_logs()[0].log_record
    assert first.body == "compliance rule pii violated, paused"
    assert first.attributes is not None
    assert first.attributes["mas.compliance.rule"] == "pii"


def test_a_log_line_carries_the_trace_that_it_belongs_to(found: Recorded) -> None:
    with found.agent.action("scale") as action:
        found.agent.log.warning("slow %s", "disk", extra={"disk": 3, "what": ("a", "b")})
    record = found.logs.get_finished_logs()[0].log_record

    assert record.body == "slow disk"
    assert record.severity_text == "WARNING"
    assert record.trace_id == action.span.get_span_context().trace_id
    assert record.span_id == action.span.get_span_context().span_id
    assert record.attributes is not None
    assert record.attributes["disk"] == 3
    assert record.attributes["what"] == "('a', 'b')"


def test_an_audit_record_is_counted(found: Recorded) -> None:
    found.agent.audit("scaled", {"mas.action.target": "svc/a"})
    record = found.logs.get_finished_logs()[0].log_record

    assert found.moved("mas.audit.records") == {("worker-ops",): 1}
    assert record.attributes is not None
    assert record.attributes["mas.audit"] is True
    assert record.attributes["mas.audit.sequence"] == 1


def test_events_and_levels_of_an_agent(found: Recorded) -> None:
    agent = found.agent
    agent.contention(ContentionType.OOM, "gpu")
    agent.loop(LoopKind.PING_PONG)
    agent.elected("main")
    agent.handoff("worker-data")
    agent.policy_revision("egress", 8)
    agent.credential("tls", -5)
    agent.dependency(Dependency.QUEUE, DependencyState.DOWN)
    agent.dependency(Dependency.QUEUE, DependencyState.DEGRADED)

    assert found.moved("mas.resource.contention.events") == {("oom", "gpu"): 1}
    assert found.moved("mas.agent.loops") == {("worker-ops", "ping_pong"): 1}
    assert found.moved("mas.leader.elections") == {("main",): 1}
    assert found.moved("mas.agent.handoffs") == {("worker-ops", "worker-data"): 1}
    assert found.moved("mas.policy.revision") == {("worker-ops", "egress"): 8}
    assert found.moved("mas.credential.time_to_expiry") == {("worker-ops", "tls"): -5}
    assert found.values("mas.dependency.status") == {
        ("worker-ops", "queue", "up"): 0,
        ("worker-ops", "queue", "degraded"): 1,
        ("worker-ops", "queue", "down"): 0,
    }


def test_no_measurement_leaves_the_catalogue(found: Recorded) -> None:
    with found.agent.action("scale"), found.agent.llm_call("openai", "m1"):
        pass
    data = found.reader.get_metrics_data()
    assert data is not None
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                entry = metrics().metric(metric.name)
                assert metric.unit == entry.unit
                for point in metric.data.data_points:
                    assert set(point.attributes or {}) <= {each.key for each in entry.attributes}
