"""What one process counts of others starts at zero, and is counted once."""

from __future__ import annotations

import pytest

from collectors.instrument import (
    ConflictType,
    Deployer,
    Observer,
    RemediationClass,
    RollbackTrigger,
    Speaks,
    Tier,
    Verdict,
)
from tests.instrumented import Recorded, instrumented

SPEAKS = Speaks(
    action_types=("scale",),
    policies=("egress",),
    queues=("ops",),
    elections=("main",),
    remediations=(RemediationClass.OPS,),
)


@pytest.fixture
def found() -> Recorded:
    return instrumented(SPEAKS)


def test_an_observer_counts_what_no_agent_knows_of_itself(found: Recorded) -> None:
    observer = Observer(found.agent.instruments, SPEAKS, agents=("worker-data",))
    gaps = found.values("mas.audit.gaps")
    observer.queue("ops", 7, -1)
    observer.leaders("main", 2)
    observer.stale_agents("egress", 3)
    observer.propagated("egress", 4)
    observer.conflict(ConflictType.LEASE, "scale")
    observer.reversal("scale")
    observer.verdict(RemediationClass.OPS, Verdict.HARMFUL)
    observer.audit_gap("worker-data", 2)

    assert gaps == {("worker-data",): 0}
    assert found.moved("mas.queue.depth") == {("ops", "memory"): 7}
    assert found.values("mas.queue.oldest_message.age") == {("ops", "memory"): 0}
    assert found.moved("mas.leader.count") == {("main",): 2}
    assert found.moved("mas.policy.stale_agent.count") == {("egress",): 3}
    assert found.moved("mas.policy.propagation.duration") == {("egress",): 1}
    assert found.moved("mas.agent.action.conflicts") == {("scale", "lease"): 1}
    assert found.moved("mas.action.reversals") == {("scale",): 1}
    assert found.moved("mas.remediation.verdicts") == {("ops", "harmful"): 1}
    assert found.moved("mas.audit.gaps") == {("worker-data",): 2}
    assert found.values("mas.agent.health_checks") == {}


def test_a_deployer_counts_from_zero(found: Recorded) -> None:
    deployer = Deployer(found.agent.instruments)
    before = found.values("mas.deployment.rollbacks")
    deployer.deployed(Tier.CRITICAL)
    deployer.rolled_back(Tier.CRITICAL, RollbackTrigger.INFERRED)

    assert set(before.values()) == {0}
    assert len(before) == 12
    assert found.moved("mas.deployments") == {("critical",): 1}
    assert found.moved("mas.deployment.rollbacks") == {("inferred", "critical"): 1}
