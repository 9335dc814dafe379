"""The fleet in virtual time, as a model: what it shows, and that nothing of it is lost."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.gameday.virtual.matrix import cases
from alerts.gameday.virtual.meter import Values, VirtualMeter
from alerts.gameday.virtual.pipe import JOBS
from alerts.gameday.virtual.play import BEGIN, Script, lived
from alerts.gameday.virtual.queues import Line
from alerts.gameday.virtual.tape import Tape
from alerts.gameday.virtual.trouble import Act, Trouble
from collectors.instrument.instruments import Instruments
from slo.catalog import metrics, prometheus_label
from slo.model import Severity

CASES = {case.id: case for case in cases()}
SHORT = 300.0
OF_NO_INSTRUMENT = {
    "up",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_iterations_missed_total",
}


def life(*acts: Act, seed: int = 20) -> Tape:
    return lived(Script(acts, SHORT, SHORT), seed).tape


@pytest.fixture(scope="module")
def healthy() -> Tape:
    return life()


def samples(tape: Tape, name: str, **labels: str) -> list[tuple[float, float]]:
    found = [
        dict(zip(one.times, one.values, strict=True))
        for one in tape.series()
        if one.name == name and labels.items() <= one.labels.items()
    ]
    times = sorted({time for one in found for time in one})
    return [(time, sum(float(one.get(time, 0)) for one in found)) for time in times]


def test_the_same_seed_lives_the_same_life_and_another_seed_does_not(healthy: Tape) -> None:
    assert list(life().series()) == list(healthy.series())
    assert list(life(seed=21).series()) != list(healthy.series())


def test_a_life_that_is_lived_in_pieces_is_the_same_life(healthy: Tape) -> None:
    def nothing(_wrong: Trouble) -> None:
        return

    pieces = [Act(seconds, nothing) for seconds in (-200.0, -45.0, -30.0, 100.0)]

    for one, other in zip(life(*pieces).series(), healthy.series(), strict=True):
        assert (one.name, one.labels, one.times) == (other.name, other.labels, other.times)
        # A sum of seconds is rounded where it is added up.
        assert list(one.values) == pytest.approx(list(other.values), rel=1e-12)


def test_a_tape_that_is_scraped_less_often_shows_the_same_at_its_scrapes(healthy: Tape) -> None:
    script = Script((), SHORT, SHORT, scrape_seconds=60)
    seldom = {(one.name, *one.labels.items()): one for one in lived(script, 20).tape.series()}

    for one in healthy.series():
        other = seldom[one.name, *one.labels.items()]
        often = dict(zip(one.times, one.values, strict=True))
        assert {time: often[time] for time in other.times} == dict(
            zip(other.times, other.values, strict=True)
        )
        assert len(other.times) >= len(one.times) // 4


def test_every_series_and_label_is_of_the_catalogue(healthy: Tape) -> None:
    known = metrics().by_series()
    resource = {"job", "instance", "le", prometheus_label("service.name")}

    for one in healthy.series():
        if one.name in OF_NO_INSTRUMENT:
            continue
        assert set(one.labels) - resource <= set(known[one.name].labels), one.name


def test_the_fleet_keeps_its_budget_of_series(healthy: Tape) -> None:
    assert 500 < len(healthy) < 25_000


def test_every_message_taken_becomes_three_actions_and_none_is_lost(healthy: Tape) -> None:
    taken = healthy.last("messaging_client_consumed_messages_total")
    waiting = healthy.last("mas_queue_depth")
    sent = healthy.last("messaging_client_sent_messages_total")
    kinds = ("query", "change", "notify")
    actions = sum(healthy.last("mas_agent_actions_total", mas_action_type=kind) for kind in kinds)

    assert taken > 2_000
    assert taken + waiting == sent
    assert actions == 3 * taken


def test_what_is_injected_is_counted_to_the_last_event() -> None:
    def split(wrong: Trouble) -> None:
        wrong.work.conflicts = 3.0

    tape = life(Act(0.0, split))

    assert tape.last("mas_agent_action_conflicts_total") == 3.0 * SHORT / 60.0


def test_failures_that_come_evenly_are_as_many_as_injected_to_the_last_one() -> None:
    def fail(wrong: Trouble) -> None:
        wrong.work.evenly = True
        wrong.work.failing = {"worker-research": 0.025}

    tape = life(Act(-SHORT, fail))
    name = "mas_agent_actions_total"
    own = tape.last(name, gen_ai_agent_name="worker-research", mas_error_attribution="agent")
    done = tape.last(name, gen_ai_agent_name="worker-research")

    assert done > 1_000
    assert 0 <= 0.025 * done - own < 1 + 1e-6


@pytest.mark.parametrize(
    ("case", "tier", "seconds"),
    [("M2-1.3", "ticket", 208), ("M2-2.5", "page", 204), ("M2-50", "outage", 149)],
)
def test_a_burn_is_told_by_the_fastest_shipped_tier_that_it_passes(
    case: str, tier: str, seconds: int
) -> None:
    (expected,) = CASES[case].scenario.expected

    assert dict(expected.where)["slo_tier"] == tier
    assert expected.severity is (Severity.TICKET if tier == "ticket" else Severity.PAGE)
    assert expected.detection(900.0) == pytest.approx(seconds, abs=1)


def test_an_agent_that_comes_back_counts_from_zero() -> None:
    def restart(wrong: Trouble) -> None:
        wrong.agents.restarted = {"supervisor-ops-1"}

    tape = life(Act(60.0, restart))
    values = [
        value
        for _, value in samples(tape, "mas_audit_records_total", gen_ai_agent_name="supervisor-ops")
    ]
    falls = [n for n in range(1, len(values)) if values[n] < values[n - 1]]

    assert len(falls) == 1
    assert tape.last("mas_agent_restarts_total", gen_ai_agent_name="supervisor-ops") == 1.0


def test_while_the_collector_is_down_nothing_is_seen_and_nothing_is_forgotten() -> None:
    def down(wrong: Trouble) -> None:
        wrong.pipeline.down = True

    def back(wrong: Trouble) -> None:
        wrong.pipeline.down = False

    tape = life(Act(0.0, down), Act(120.0, back))
    began = BEGIN + SHORT
    during = [time for time, _ in samples(tape, "mas_queue_depth") if began < time < began + 120]

    assert during == []
    assert [value for time, value in samples(tape, "up") if began < time < began + 120] == [0.0] * 7
    assert len(samples(tape, "up", job=JOBS[0])) == 1 + 2 * SHORT / 15
    assert tape.last("messaging_client_consumed_messages_total") > 2_000


def arrived(rate: float, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(1)
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


@pytest.mark.parametrize(("workers", "offered", "share"), [(1, 0.5, 0.5), (10, 7.0, 0.2217)])
def test_the_share_that_waits_is_erlangs(workers: int, offered: float, share: float) -> None:
    came = arrived(offered, 60_000.0)
    service = np.random.default_rng(2).exponential(1.0, len(came))

    flow = Line(workers).flow(came, service, workers, (0.0, 4_000, 15.0))

    assert (flow.waits > 0.001).mean() == pytest.approx(share, abs=0.02)


def test_a_queue_that_gets_more_than_it_can_give_grows_and_its_waits_with_it() -> None:
    came = np.arange(0.0, 120.0, 1 / 3)
    flow = Line(10).flow(came, np.full(360, 5.0), 10, (0.0, 8, 15.0))
    newest = flow.waits[flow.at == 7]

    assert flow.taken.tolist() == [30] * 8
    assert flow.depth[-1] == 8 * 15
    assert newest.min() > flow.waits[flow.at == 6].max() > 20.0
    assert newest[-1] == pytest.approx(40.0, abs=5.0)
    assert flow.oldest[-1] == pytest.approx(40.0, abs=2.0)


def test_who_is_wedged_takes_nothing_and_who_comes_back_takes_at_once() -> None:
    line, came = Line(2), np.arange(0.0, 15.0)
    none = line.flow(came, np.ones(15), 0, (0.0, 1, 15.0))
    after = line.flow(came + 15, np.ones(15), 2, (15.0, 1, 15.0))

    assert (none.taken[0], none.depth[0], none.oldest[0]) == (0, 15, 15)
    assert (after.taken[0], after.depth[0]) == (30, 0)


def test_a_histogram_of_the_meter_is_cumulative() -> None:
    values = Values()
    instruments = Instruments(VirtualMeter(values), {})
    for seconds in (0.003, 0.04, 9.0):
        labels = {"mas.policy.name": "p", "mas.policy.decision": "allow"}
        instruments.record("mas.policy.evaluation.duration", seconds, labels)
    found = {(name, dict(labels).get("le")): value for (name, labels), value in values.items()}
    name = "mas_policy_evaluation_duration_seconds"

    assert found[f"{name}_bucket", "0.0025"] == 0
    assert found[f"{name}_bucket", "0.005"] == 1
    assert found[f"{name}_bucket", "0.05"] == 2
    assert found[f"{name}_bucket", "+Inf"] == found[f"{name}_count", None] == 3
    assert found[f"{name}_sum", None] == pytest.approx(9.043)
