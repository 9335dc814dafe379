"""Who is behind, what was rolled back, who leads."""

from __future__ import annotations

from tests.agent_watch import (
    COUNT,
    LEADERS,
    PROPAGATION,
    ROLLBACKS,
    STALE,
    TICK,
    A,
    B,
    C,
    Fleet,
    process,
    settle,
    use,
)


def test_an_agent_that_goes_on_with_an_old_revision_is_stale() -> None:
    fleet = Fleet()
    for number in range(10):
        use(fleet, A, "v9" if number < 4 else "v10")
        use(fleet, B, "v9")
        fleet.pass_time(TICK)

    seen = fleet.over_time(STALE, mas__policy__name="guard")
    assert seen[:6] == [0] * 6
    assert seen[-1] == 1


def test_an_idle_agent_is_not_stale_for_what_it_used_before() -> None:
    fleet = Fleet()
    for who in (A, B):
        use(fleet, who, "1")
    fleet.pass_time(TICK)
    for _ in range(10):
        use(fleet, A, "2")
        fleet.beat(B)
        fleet.pass_time(TICK)

    assert max(fleet.over_time(STALE)) == 0


def test_a_stale_agent_that_catches_up_is_well_again() -> None:
    fleet = Fleet()
    for number in range(14):
        use(fleet, A, "2")
        use(fleet, B, "1" if number < 8 else "2")
        fleet.pass_time(TICK)

    assert max(fleet.over_time(STALE)) == 1
    assert fleet.value(STALE) == 0


def test_revisions_without_an_order_are_told_and_not_judged() -> None:
    fleet = Fleet()
    for _ in range(6):
        use(fleet, A, "fe12ab90")
        use(fleet, B, "0a12ab90")
        fleet.pass_time(TICK)

    assert fleet.value(STALE) == 0
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="unordered") == 12


def run_version(fleet: Fleet, version: str, seconds: float = 60) -> None:
    fleet.live(seconds, process("worker", "a", service__version=version))


def test_a_version_that_goes_back_is_a_rollback_that_nobody_told() -> None:
    fleet = Fleet()
    for version in ("1.0", "1.1", "1.0"):
        run_version(fleet, version)

    assert fleet.value("mas.deployments", mas__service__tier="standard") == 1
    assert fleet.value(ROLLBACKS) == 1
    assert fleet.value(ROLLBACKS, mas__rollback__trigger="inferred") == 1


def test_a_rollback_that_was_told_is_counted_as_told() -> None:
    fleet = Fleet()
    run_version(fleet, "1.0")
    run_version(fleet, "1.1")
    fleet.record(process("deployer", "d"), {"mas.rollback.trigger": "auto"})
    run_version(fleet, "1.0")

    assert fleet.value(ROLLBACKS) == 1
    assert fleet.value(ROLLBACKS, mas__rollback__trigger="auto") == 1


def test_two_leaders_are_counted_and_one_that_stops_is_not() -> None:
    fleet = Fleet()
    claim = {"mas.election.group": "orchestrators", "mas.leader": True}
    for number in range(8):
        for who in (A, B) if number < 4 else (A,):
            fleet.record(who, claim)
        fleet.pass_time(TICK)

    seen = fleet.over_time(LEADERS, mas__election__group="orchestrators")
    assert seen[1] == 2
    assert seen[-1] == 1


def publish(fleet: Fleet, revision: str) -> None:
    said = {"mas.policy.name": "guard", "mas.policy.version": revision}
    fleet.record(process("store", "s"), {**said, "mas.policy.published": True})


def test_the_time_from_publication_to_the_first_use_of_each_agent_is_told() -> None:
    fleet = Fleet()
    for who in (A, B):
        use(fleet, who, "1")
    fleet.pass_time(20)
    publish(fleet, "2")
    for seconds, who in ((4, A), (30, B), (5, A), (5, B)):
        fleet.pass_time(seconds)
        use(fleet, who, "2")
    settle(fleet)

    assert fleet.value(PROPAGATION, mas__policy__name="guard") == 2
    assert fleet.value(f"{PROPAGATION}.sum") == 4 + 34
    assert fleet.over_time(PROPAGATION)[0] == 0


def test_a_revision_that_nobody_published_is_out_since_it_was_seen_first() -> None:
    fleet = Fleet()
    for who in (A, B):
        use(fleet, who, "1")
    fleet.pass_time(20)
    use(fleet, A, "2")
    fleet.pass_time(12)
    use(fleet, B, "2")
    settle(fleet)

    assert fleet.value(PROPAGATION) == 1
    assert fleet.value(f"{PROPAGATION}.sum") == 12


def test_an_agent_that_begins_with_the_newest_revision_waited_for_none() -> None:
    fleet = Fleet()
    use(fleet, A, "1")
    publish(fleet, "2")
    fleet.pass_time(600)
    use(fleet, C, "2")
    settle(fleet)

    assert fleet.value(PROPAGATION) == 0


def test_whoever_publishes_uses_nothing_and_is_no_agent() -> None:
    fleet = Fleet()
    use(fleet, A, "1")
    publish(fleet, "2")
    fleet.live(60, A)

    assert fleet.value(COUNT) == 1
    assert fleet.value(STALE) == 0
