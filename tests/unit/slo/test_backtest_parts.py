"""Event files, variants of an SLO, and the picture: what a backtest does without a server."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from slo.backtest import Events, EventsError, Outcome, Spent, read_events, variants
from slo.backtest.events import counted
from slo.backtest.plot import svg
from slo.exact import Ratio
from slo.model import AlertRule, Slo
from slo.policy import PolicyName
from slo.promql import parse
from slo.replay import Firing
from slo.rules import compile_project
from tests.rule_projects import make_project, make_slo

NOON = 1_767_268_800


def read(tmp_path: Path, text: str) -> Events:
    path = tmp_path / "events"
    path.write_text(text, encoding="utf-8")
    return read_events(path)


def test_csv_and_json_lines_tell_the_same(tmp_path: Path) -> None:
    table = f"time,good,bad,agent\n{NOON + 60},10,1,a\n2026-01-01T12:00:00Z,5,,b\n"
    lines = (
        f'{{"time": {NOON + 60}, "good": 10, "bad": 1, "agent": "a"}}\n\n'
        '{"time": "2026-01-01T12:00:00", "good": 5, "agent": "b"}\n'
    )

    events = read(tmp_path, table)

    assert events == read(tmp_path, lines)
    assert [(row.time, row.good, row.bad) for row in events.rows] == [
        (NOON, 5, 0),
        (NOON + 60, 10, 1),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no event"),
        ("time,good,bad\n", "holds no event"),
        ("when,good\n1,2\n", "an event needs time, and good or bad, got when, good"),
        ("time,good\nyesterday,2\n", ":2: "),
        ("time,good\n12,2\n", "seconds since 1970"),
        (f"time,good\n{NOON},-1\n", "must be 0 or more, got -1"),
        (f"time,good\n{NOON},nan\n", "must be 0 or more, got nan"),
        ('{"time": 1', "line 1 is not JSON"),
        ("{}", "got nothing"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(EventsError, match=words):
        read(tmp_path, text)


def test_events_become_counters_that_start_at_zero_and_lose_nothing(tmp_path: Path) -> None:
    events = read(tmp_path, f"time,good,bad\n{NOON},7,0\n{NOON + 31},3,2\n")

    good, bad = events.series(make_slo(), 30.0)

    assert (good.values[0], bad.values[0]) == (0, 0)
    assert (good.values[-1], bad.values[-1]) == (10, 2)
    assert good.times[0] < NOON < good.times[-1]
    before = [value for at, value in zip(good.times, good.values, strict=True) if at < NOON]
    assert set(before) == {0}


def test_a_budget_for_each_agent_needs_the_agent_in_the_file(tmp_path: Path) -> None:
    slo = make_slo(by=("agent",))
    named = read(tmp_path, f"time,bad,agent\n{NOON},1,a\n{NOON},1,b\n")
    nameless = read(tmp_path, f"time,bad\n{NOON},1\n")

    assert len(list(named.of(slo).series(slo, 30.0))) == 4
    with pytest.raises(EventsError, match="a budget for each agent, got events without"):
        nameless.of(slo)


def test_events_of_other_slos_are_left_out(tmp_path: Path) -> None:
    events = read(tmp_path, f"time,bad,slo\n{NOON},1,action-success\n{NOON},9,other\n")

    assert [row.bad for row in events.of(make_slo()).rows] == [1]
    with pytest.raises(EventsError, match=r"is of fleet-third, only of .*; --slo ID takes one"):
        events.of(make_slo("third"))


def test_an_slo_on_a_file_of_events_counts_them_and_parses() -> None:
    slo = counted(make_slo(by=("agent",)))

    for expr in (slo.sli.errors, slo.sli.total):
        parse(expr)
        assert "sum by (agent)" in expr


def thresholds(slo: Slo) -> dict[str, Fraction]:
    return {tier.name: tier.threshold.value for tier in slo.alerting.tiers}


def test_the_variant_as_written_comes_first_and_is_untouched() -> None:
    slo = make_slo()
    objectives = [Ratio.from_percent(text) for text in ("99", "99.9")]

    found = variants(slo, objectives, [PolicyName.SRE_MULTIWINDOW, PolicyName.FLEET_SUSTAINED])

    assert found[0].slo is slo
    assert [one.as_written for one in found] == [True, False, False, False]
    told = [(one.slo.objective.percent(), one.slo.alerting.policy) for one in found[1:]]
    assert told == [
        ("99", "fleet-sustained"),
        ("99.9", "sre-multiwindow"),
        ("99.9", "fleet-sustained"),
    ]


@pytest.mark.parametrize("objective", ["90", "95", "99.9", "99.99"])
def test_another_objective_gets_the_tiers_that_its_file_would_get(objective: str) -> None:
    made = variants(make_slo(), [Ratio.from_percent(objective)], [])[1].slo
    fresh = make_slo(objective=objective)

    known = thresholds(fresh)
    assert thresholds(made) == {name: known[name] for name in thresholds(made)}
    assert set(known) - set(thresholds(made)) <= {"fast"}  # a repaired tier has another burn


def outcome(*alerts: AlertRule) -> Outcome:
    spent = tuple(Spent(Firing(rule, {}, NOON, NOON + 60, None, 0.5), 0.1, 0.2) for rule in alerts)
    variant = variants(replace(make_slo(), slo_id="a<b>&c"), [], [])[0]
    curve = tuple((NOON + 60.0 * step, 0.01 * step) for step in range(10))
    return Outcome(variant, spent, 1, 2, 0.5, whole=False, suggested=None, curve=curve)


def test_the_picture_is_svg_with_a_bar_for_each_alert() -> None:
    rules = compile_project(make_project(make_slo())).alert_rules()
    tiers = [rule for rule in rules if rule.tier]

    root = ET.fromstring(svg([outcome(*tiers), outcome()]))

    bars = [each for each in root.iter() if each.tag.endswith("rect")]
    assert len(bars) == 1 + len(tiers)
    assert any("a<b>&c" in (each.text or "") for each in root.iter())
