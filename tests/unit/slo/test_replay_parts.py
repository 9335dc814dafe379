"""The parts of the replay engine that need no server: alert states, levels, samples as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.exact import Duration
from slo.model import RecordRule, RuleGroup
from slo.replay import CircleError, Samples, Story, TooMuchError, alert_labels, levels, states
from slo.replay.blocks import SeriesError, write_block
from slo.replay.levels import inlined, reads
from slo.rules import compile_project
from tests.rule_projects import make_project, make_slo

SECONDS = [float(second) for second in range(20)]


def fired(*present: int, hold: float = 0, keep: float = 0) -> list[tuple[float, float | None]]:
    found = states(SECONDS, {float(at): 1.0 for at in present}, hold, keep)
    return [(start, end) for _, start, end, _ in found]


def group(*rules: tuple[str, str], name: str = "g") -> RuleGroup:
    made = tuple(RecordRule(record, expr, {"slo_id": "x"}) for record, expr in rules)
    return RuleGroup(name, Duration.seconds(30), made)


def test_an_alert_without_for_fires_at_once_and_ends_with_its_condition() -> None:
    assert fired(3, 4, 5) == [(3.0, 6.0)]
    assert fired(3, 5) == [(3.0, 4.0), (5.0, 6.0)]


def test_an_alert_that_is_held_starts_anew_when_its_condition_blinks() -> None:
    assert fired(1, 2, 4, 5, 6, 7, hold=3) == [(7.0, 8.0)]
    assert fired(1, 2, 3, hold=3) == []


def test_an_alert_that_is_kept_bridges_a_gap_shorter_than_that() -> None:
    assert fired(2, 5, keep=3) == [(2.0, 9.0)]
    assert fired(2, 8, keep=3) == [(2.0, 6.0), (8.0, 12.0)]


def test_a_pending_alert_is_not_kept() -> None:
    assert fired(2, 4, 6, hold=2, keep=9) == []


def test_an_alert_that_still_fires_has_no_end() -> None:
    assert fired(18, 19) == [(18.0, None)]
    assert fired(17, keep=9) == [(17.0, None)]


def test_labels_of_an_alert_are_those_of_the_result_and_of_the_rule() -> None:
    slo = make_slo(by=("agent",))
    rule = next(rule for rule in compile_project(make_project(slo)).alert_rules() if rule.tier)

    labels = alert_labels(rule, {"__name__": "x", "agent": "a7", "slo_id": slo.slo_id})

    assert labels["budget_id"] == "fleet-action-success/a7"
    assert labels["alertname"] == "FleetActionSuccessBurn"
    assert "__name__" not in labels


def test_every_level_reads_only_what_was_recorded_before() -> None:
    groups = [g for f in compile_project(make_project(make_slo())).rule_files for g in f.groups]
    recorded: set[str] = set()

    for level in levels(groups):
        every = {timed.rule.record for each in levels(groups) for timed in each}
        for timed in level:
            assert reads(timed.rule.expr) & every <= recorded
        recorded |= {timed.rule.record for timed in level}

    assert "slo:error_budget_remaining:ratio" in recorded


def test_only_what_is_needed_is_recorded() -> None:
    found = levels([group(("slo:a", "up"), ("slo:b", "slo:a"), ("slo:c", "up"))], wanted=["slo:b"])

    assert [[timed.rule.record for timed in level] for level in found] == [["slo:a"], ["slo:b"]]


def test_rules_in_a_circle_are_refused() -> None:
    with pytest.raises(CircleError, match="slo:a, slo:b"):
        levels([group(("slo:a", "slo:b"), ("slo:b", "slo:a"))])


def test_who_holds_the_raw_series_needs_no_recorded_ones() -> None:
    groups = [g for f in compile_project(make_project(make_slo())).rule_files for g in f.groups]
    recorded = {rule.record for g in groups for rule in g.rules if isinstance(rule, RecordRule)}

    for made in inlined(groups):
        for rule in made.rules:
            if isinstance(rule, RecordRule):
                read = reads(rule.expr)
                assert read <= recorded or not read & recorded, rule.expr


def test_a_story_is_evaluated_at_whole_multiples_of_an_interval() -> None:
    first, last = Story(1_000_000, 2_000_000).edges(Duration.seconds(30))

    assert (first - 1) * 30 < 1_000_000 <= first * 30
    assert last * 30 <= 2_000_000 < (last + 1) * 30


def test_a_story_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after it starts, got 20 to 10"):
        Story(20, 10)


def test_too_many_samples_are_refused_and_nothing_is_left_of_them(tmp_path: Path) -> None:
    with pytest.raises(TooMuchError, match="a replay takes 2 samples at most"):
        write_block(tmp_path, [Samples("a", {}, [1, 2, 3], [1, 2, 3])], limit=2)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (Samples("9 lives", {}, [1], [1]), "no metric can be called '9 lives'"),
        (Samples("a", {"b-c": "d"}, [1], [1]), "no label can be called 'b-c'"),
        (Samples("a", {}, [2, 1], [1, 1]), "times of a series must ascend"),
        (Samples("x", {}, [2], [1]), "two series have the same labels"),
    ],
)
def test_what_no_database_holds_is_refused_by_name(
    tmp_path: Path, series: Samples, words: str
) -> None:
    with pytest.raises(SeriesError, match=words):
        write_block(tmp_path, [Samples("x", {"empty": ""}, [1], ["NaN"]), series])

    assert list(tmp_path.iterdir()) == []


def test_no_samples_are_no_block(tmp_path: Path) -> None:
    assert write_block(tmp_path, [Samples("a", {}, [], [])]) == 0
    assert list(tmp_path.iterdir()) == []
