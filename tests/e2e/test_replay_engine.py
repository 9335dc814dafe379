"""The replay engine on a real Prometheus: a story in, recorded series and alerts out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from slo.exact import Duration
from slo.model import RecordRule, RuleGroup
from slo.replay import Replay, ReplayError, Samples, Story, replay
from slo.rules import compile_project
from slo.servers import find
from tests.rule_projects import make_alert, make_project, make_slo

pytestmark = pytest.mark.servers

START = 1_767_225_600
END = START + 6 * 3_600
SCRAPE = 30
# From when until when agent b fails, and the queue is stuck, in seconds of the story.
FAILING, STUCK = (7_200, 10_800), (3_615, 5_415)


@pytest.fixture(autouse=True)
def _servers() -> None:
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus and promtool are not to be had, run `make servers`")


def story() -> Iterator[Samples]:
    times = list(range(START, END + 1, SCRAPE))
    for agent in "ab":
        for outcome in ("success", "failure"):
            value, values = 0, []
            for at in times:
                bad = agent == "b" and FAILING[0] < at - START <= FAILING[1]
                value += 60 * ((outcome == "failure") == bad)
                values.append(value)
            yield Samples("actions_total", {"agent": agent, "outcome": outcome}, times, values)
    ages = [90 if STUCK[0] <= at - START < STUCK[1] else 1 for at in times]
    yield Samples("queue_age_seconds", {"queue": "orders"}, times, ages)


def groups() -> list[RuleGroup]:
    project = make_project(make_slo(by=("agent",)), alerts=(make_alert(),))
    return [group for file in compile_project(project).rule_files for group in file.groups]


def played() -> Story:
    return Story(START, END, Duration.seconds(SCRAPE))


def children() -> set[str]:
    mine = str(os.getpid())
    stats = Path("/proc").glob("[0-9]*/stat")
    found: set[str] = set()
    for stat in stats:
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == mine:
            found.add(stat.parent.name)
    return found


def test_a_story_is_recorded_and_its_alerts_fire_for_whom_they_should() -> None:
    with replay(played()) as playing:
        playing.load(story())
        playing.record(groups())
        firings = playing.firings(groups())
        hour = playing.server.instant('slo:sli_error:ratio_rate1h{agent="b"}', START + FAILING[1])
        left = playing.server.instant("slo:error_budget_remaining:ratio", END)

    assert hour[0].value == pytest.approx(1, abs=0.01)
    assert {series.labels["agent"]: series.value > 0 for series in left} == {"a": True, "b": False}
    tiers = {f.labels.get("slo_tier"): f for f in firings if f.rule.tier}
    assert {f.labels["agent"] for f in firings if f.rule.tier} == {"b"}
    assert 0 < tiers["outage"].start - START - FAILING[0] <= 180
    assert tiers["outage"].end is not None
    assert tiers["outage"].labels["budget_id"] == "fleet-action-success/b"


def test_an_operational_alert_waits_for_its_for_and_is_kept() -> None:
    with replay(played()) as playing:
        playing.load(story())
        stuck = [f for f in playing.firings(groups()) if f.rule.name == "QueueStuck"]

    (firing,) = stuck
    first, gone = START + 3_630, START + 5_430
    assert (firing.since, firing.start) == (first, first + 120)
    assert firing.end == gone + 60
    assert firing.labels["queue"] == "orders"


def test_what_is_recorded_once_is_not_recorded_again() -> None:
    with replay(played()) as playing:
        playing.load(story())
        first = playing.record(groups(), wanted=["slo:sli_total:rate5m"])
        again = playing.record(groups(), wanted=["slo:sli_total:rate5m"])

    assert (first > 1_000, again) == (True, 0)


def test_a_series_ends_soon_after_its_last_sample() -> None:
    times = list(range(START, START + 3_601, SCRAPE))
    with replay(played()) as playing:
        playing.load([Samples("up", {}, times, [1] * len(times))])
        (up,) = playing.ranged("up", Duration.seconds(15))

    # The lookback is closed before Prometheus 3.0, and open since.
    assert up.times[-1] - times[-1] in {30, 45}
    assert set(np.diff(up.times)) == {15}


def test_values_pass_through_to_the_last_digit() -> None:
    rule = RecordRule("third", "x / 3", {"slo_id": "s"})
    with replay(played()) as playing:
        playing.load([Samples("x", {}, [START + 60, START + 90], [1, 7])])
        playing.record([RuleGroup("g", Duration.seconds(30), (rule,))])
        (series,) = playing.server.instant("third[6h]", END)

    assert [float(value) for _, value in series.points[:1]] == [1 / 3]
    assert series.labels == {"__name__": "third", "slo_id": "s"}


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_outlives_the_block(fails: bool) -> None:
    before = children()
    folder = Path()

    def play(playing: Replay) -> None:
        playing.load(story())
        assert playing.server.instant("1")
        assert children() - before
        if fails:
            raise KeyError

    try:
        with replay(played()) as playing:
            folder = playing.blocks.parent
            play(playing)
    except KeyError:
        assert fails

    assert children() - before == set()
    assert not folder.exists()


def test_a_series_that_cannot_be_is_told_by_its_name() -> None:
    with replay(played()) as playing, pytest.raises(ReplayError, match="'9 lives'"):
        playing.load([Samples("9 lives", {}, [START + 60], [1])])
