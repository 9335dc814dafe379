"""Instruments speak the catalogue's words, from zero, and never without bound."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint

from collectors.instrument import Role, Speaks, values
from collectors.instrument.instruments import OTHER
from slo.catalog import metrics
from tests.instrumented import instrumented

CLOSED = {each.key: set(each.values) for each in metrics().attributes if each.values}
ENUMS = {
    "mas.agent.role": values.Role,
    "mas.agent.state": values.AgentState,
    "mas.check.result": values.CheckResult,
    "mas.action.outcome": values.Outcome,
    "mas.error.attribution": values.Attribution,
    "mas.remediation.class": values.RemediationClass,
    "mas.remediation.outcome": values.RemediationOutcome,
    "mas.remediation.verdict": values.Verdict,
    "mas.conflict.type": values.ConflictType,
    "mas.policy.decision": values.Decision,
    "mas.contention.type": values.ContentionType,
    "mas.service.tier": values.Tier,
    "mas.rollback.trigger": values.RollbackTrigger,
    "mas.dependency.name": values.Dependency,
    "mas.dependency.state": values.DependencyState,
    "gen_ai.operation.name": values.Operation,
    "error.type": values.ErrorType,
    "mas.llm.attempt.result": values.AttemptResult,
    "mas.compliance.severity": values.ComplianceSeverity,
    "mas.compliance.action": values.ComplianceAction,
    "mas.loop.kind": values.LoopKind,
}


@pytest.mark.parametrize(("key", "enum"), ENUMS.items())
def test_the_typed_values_are_the_catalogues(key: str, enum: type[StrEnum]) -> None:
    assert {member.value for member in enum} == CLOSED[key] - {""}


def test_every_set_of_typed_values_is_compared() -> None:
    enums = {
        each
        for each in vars(values).values()
        if isinstance(each, type) and issubclass(each, StrEnum)
    }

    assert enums - {StrEnum} == set(ENUMS.values())


def test_every_counter_starts_at_zero_for_what_the_agent_speaks_of() -> None:
    found = instrumented(Speaks(action_types=("scale", "restart"), pools=("gpu",)))

    actions = found.values("mas.agent.actions")

    assert len(actions) == 2 * 17
    assert set(actions.values()) == {0}
    assert len(found.values("mas.resource.contention.events")) == 5


def test_what_the_agent_does_not_speak_of_has_no_series() -> None:
    found = instrumented()

    assert found.values("mas.agent.actions") == {}
    assert found.values("mas.remediations") == {}
    assert found.values("mas.agent.heartbeats") == {("worker-ops", "worker"): 0}


def test_a_histogram_has_the_catalogues_buckets() -> None:
    found = instrumented()

    found.agent.instruments.record(
        "mas.remediation.duration",
        29.0,
        {"mas.remediation.class": "ops", "mas.remediation.outcome": "fixed"},
    )
    (point,) = found.points("mas.remediation.duration")

    assert isinstance(point, HistogramDataPoint)
    assert tuple(point.explicit_bounds) == metrics().metric("mas.remediation.duration").buckets


def test_a_level_is_what_was_last_said() -> None:
    found = instrumented()
    labels = {"messaging.destination.name": "ops", "messaging.system": "memory"}

    for depth in (5, 3, 3):
        found.agent.instruments.set("mas.queue.depth", depth, labels)
    found.agent.instruments.set("mas.queue.oldest_message.age", 1.5, labels)
    found.agent.instruments.set("mas.queue.oldest_message.age", 0.5, labels)

    assert found.values("mas.queue.depth") == {("ops", "memory"): 3}
    assert found.values("mas.queue.oldest_message.age") == {("ops", "memory"): 0.5}


def test_an_open_attribute_is_folded_past_its_bound() -> None:
    found = instrumented()
    bound = next(each.bound for each in metrics().attributes if each.key == "mas.resource.pool")

    for n in range(bound + 5):
        labels = {"mas.contention.type": "oom", "mas.resource.pool": f"pool-{n}"}
        found.agent.instruments.add("mas.resource.contention.events", 1, labels)
    counted = found.moved("mas.resource.contention.events")

    assert len(counted) == bound + 1
    assert counted["oom", OTHER] == 5


@pytest.mark.parametrize(
    ("name", "attributes", "error", "message"),
    [
        ("mas.nothing", {}, KeyError, "mas.nothing"),
        ("mas.agent.loops", {"color": "red"}, KeyError, "has no attribute color"),
        ("mas.agent.loops", {"mas.loop.kind": "eight"}, ValueError, "cannot be 'eight'"),
        ("mas.queue.message.wait", {}, ValueError, "is no counter, it is a histogram"),
    ],
)
def test_words_that_the_catalogue_does_not_have_are_refused(
    name: str, attributes: dict[str, str], error: type[Exception], message: str
) -> None:
    instruments = instrumented().agent.instruments

    with pytest.raises(error, match=re.escape(message)):
        instruments.add(name, 1, attributes)


def test_a_counter_records_no_duration_and_has_no_level() -> None:
    instruments = instrumented().agent.instruments

    with pytest.raises(ValueError, match="is no histogram"):
        instruments.record("mas.agent.loops", 1, {"mas.loop.kind": "ping_pong"})
    with pytest.raises(ValueError, match="has no level"):
        instruments.set("mas.agent.loops", 1, {"mas.loop.kind": "ping_pong"})


def test_the_resource_says_who_it_is() -> None:
    attributes = instrumented().agent.identity.resource().attributes

    promoted = {each.key for each in metrics().resource}
    assert promoted <= set(attributes)
    assert attributes["service.name"] == "worker-ops"
    assert attributes["mas.team"] == "ops"


def test_two_identities_are_two_instances() -> None:
    from collectors.instrument import Identity  # noqa: PLC0415 - the one test that makes its own

    made = [Identity(name="a", role=Role.OTHER).instance_id for _ in range(2)]

    assert made[0] != made[1]
