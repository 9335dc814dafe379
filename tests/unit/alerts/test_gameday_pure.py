"""The parts of the simulated fleet that need neither clock nor sockets."""

from __future__ import annotations

import random
import statistics

import pytest

from alerts.gameday.fleet.conditions import Breach, Conditions
from alerts.gameday.fleet.lease import TTL_SECONDS, Lease
from alerts.gameday.fleet.repertoire import identity, speaks
from alerts.gameday.fleet.topology import TEAMS, Protocol, Role, Topology
from alerts.gameday.fleet.traffic import LogNormal, Traffic
from collectors.instrument import Role as SpokenRole
from slo.catalog import metrics


def test_only_the_holder_renews_a_lease_and_a_new_holder_raises_the_epoch() -> None:
    lease = Lease()

    first = lease.acquire("a", 0.0)
    refused = lease.acquire("b", TTL_SECONDS - 0.1)
    renewed = lease.acquire("a", TTL_SECONDS - 0.1)
    taken = lease.acquire("b", 2 * TTL_SECONDS)

    assert (first.leads, first.epoch, first.elected) == (True, 1, True)
    assert (refused.leads, refused.holder) == (False, "a")
    assert (renewed.leads, renewed.epoch, renewed.elected) == (True, 1, False)
    assert (taken.leads, taken.epoch, taken.elected) == (True, 2, True)


def test_a_lost_lease_is_not_kept_by_asking() -> None:
    lease = Lease()
    lease.acquire("a", 0.0)
    lease.acquire("b", TTL_SECONDS)

    assert not lease.acquire("a", TTL_SECONDS + 1).leads


def test_each_team_is_dealt_over_the_worker_processes() -> None:
    topology = Topology(workers_per_team=4, worker_processes=2)
    pools = [each for each in topology.processes() if each.name.startswith("workers-")]

    teams = [{spec.team for spec in pool.agents} for pool in pools]

    assert teams == [set(TEAMS), set(TEAMS)]
    assert sum(len(pool.agents) for pool in pools) == 4 * len(TEAMS)


def test_every_agent_is_a_resource_of_its_own_and_the_same_in_every_run() -> None:
    agents = Topology().agents()

    assert len({spec.instance_id for spec in agents}) == len(agents)
    assert [spec.instance_id for spec in Topology().agents()] == [
        spec.instance_id for spec in agents
    ]


def test_the_fleet_speaks_both_protocols() -> None:
    assert {process.protocol for process in Topology().processes()} == set(Protocol)


def test_a_fleet_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 worker per team in 1 process, got 0 in 2"):
        Topology(workers_per_team=0)


def test_every_role_of_the_fleet_is_one_of_the_catalogue() -> None:
    assert {role.value for role in Role} <= {role.value for role in SpokenRole}


def test_agents_stay_within_the_bounds_of_the_catalogue() -> None:
    bounds = {attribute.key: attribute.bound for attribute in metrics().attributes}
    agents = Topology(workers_per_team=10).agents()

    for key in ("mas.action.type", "messaging.destination.name"):
        spoken = {value for spec in agents for value in speaks(spec).known()[key]}
        assert len(spoken) <= bounds[key]
    assert len({identity(spec).name for spec in agents}) <= bounds["gen_ai.agent.name"]


def test_the_same_seed_gives_the_same_numbers_and_streams_do_not_disturb_each_other() -> None:
    traffic = Traffic(seed=7)
    alone = [traffic.stream("a").random() for _ in range(1)]
    disturbed = traffic.stream("b")
    disturbed.random()

    assert [traffic.stream("a").random()] == alone
    assert Traffic(seed=8).stream("a").random() != alone[0]
    assert traffic.seeded(8).stream("a").random() == Traffic(seed=8).stream("a").random()


def test_half_of_a_log_normal_lies_below_its_median_and_its_mean_is_as_computed() -> None:
    latency = LogNormal(2.0, 0.5)
    rng = random.Random(1)
    drawn = [latency.draw(rng) for _ in range(20_000)]

    assert statistics.median(drawn) == pytest.approx(2.0, rel=0.03)
    assert statistics.fmean(drawn) == pytest.approx(latency.mean(), rel=0.03)


def test_a_fleet_of_any_size_is_about_half_busy() -> None:
    full = Traffic().busy(workers_per_team=10)
    compact = Traffic(latency_scale=0.2).busy(workers_per_team=3)

    assert 0.4 < compact < 0.8
    assert 0.4 < full < 0.8


def test_work_is_least_at_midnight_most_at_noon_and_its_mean_is_the_mean_of_the_day() -> None:
    day = [Traffic(swing=0.5).arrivals(hour * 3600.0) for hour in range(24)]

    assert min(day) == day[0] == pytest.approx(2.0)
    assert max(day) == day[12] == pytest.approx(6.0)
    assert sum(day) / len(day) == pytest.approx(4.0)
    assert Traffic().arrivals(7 * 3600.0) == 4.0


def test_a_long_run_takes_ten_minutes_to_three_hours_and_most_are_short() -> None:
    drawn = [Traffic().long_seconds(number / 1000) for number in range(1000)]

    assert drawn[0] == pytest.approx(600.0)
    assert drawn == sorted(drawn)
    assert max(drawn) < 10_800.0
    assert drawn[500] < 1200.0


def test_a_command_brings_a_fault_into_force_and_heal_ends_all() -> None:
    clock: list[float] = []
    now = Conditions(set_clock=clock.append)
    for command in (
        {"do": "fail-actions", "name": "worker-ops", "share": 0.5},
        {"do": "wedge", "agents": ["worker-ops-1"]},
        {"do": "mute", "agents": ["worker-ops-2"]},
        {"do": "deafen", "agents": ["worker-ops-3"]},
        {"do": "block"},
        {"do": "unfence"},
        {"do": "oscillate"},
        {"do": "arrivals", "team": "ops", "factor": 6},
        {"do": "llm-errors", "provider": "provider-a", "share": 0.3, "status": 429},
        {"do": "reject", "per_minute": 4},
        {"do": "breach", "rule": "pii-egress"},
        {"do": "name-runs", "agents": ["worker-ops-1"]},
        {"do": "skew", "seconds": 90},
    ):
        now.obey(command)

    assert now.action_failure == {"worker-ops": 0.5}
    assert now.llm_errors == {"provider-a": (0.3, 429)}
    assert list(now.breaches) == [Breach("pii-egress", "critical")]
    assert (now.blocked, now.unfenced, now.oscillating) == (True, True, True)
    assert now.naming == {"worker-ops-1"}
    now.obey({"do": "heal"})
    assert now == Conditions(set_clock=now.set_clock)
    assert clock == [90.0, 0.0]


def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown command 'explode', one of arrivals, block"):
        Conditions().obey({"do": "explode"})
