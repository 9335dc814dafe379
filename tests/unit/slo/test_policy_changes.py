"""Tiers that an SLO changes, and tiers that are repaired so that they can be trusted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from slo.exact import Duration, Ratio
from slo.plugin import Verdict
from slo.policy import (
    Ground,
    Plan,
    PolicyOptions,
    TierChange,
    builtin,
    detection_seconds,
    false_alerts,
    tiers,
    trusted,
)
from slo.policy.model import PolicyName
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from tests.front_end import codes_of, document, problems_of, project_of, slo_text
from tests.rule_projects import make_project, make_slo, promtool, write_tree

ALL = Ratio.from_percent("100")
CHANGES = {
    "fast": TierChange(name="urgent", hold=Duration.parse("2m")),
    "slow": TierChange(keep_firing_for=Duration.parse("30m")),
}


def test_a_tier_is_renamed_held_and_kept_as_the_slo_says() -> None:
    slo = make_slo(objective="99.9", options=PolicyOptions(changes=CHANGES))
    rules = {
        rule.tier.name: rule
        for rule in compile_project(make_project(slo)).alert_rules()
        if rule.tier
    }

    assert set(rules) == {"outage", "urgent", "slow", "trend", "drift"}
    assert rules["urgent"].labels["slo_tier"] == "urgent"
    assert (rules["urgent"].hold.promql(), rules["urgent"].keep_firing_for.promql()) == ("2m", "5m")
    assert (rules["slow"].hold.ms, rules["slow"].keep_firing_for.promql()) == (0, "30m")


def test_zero_takes_a_hold_or_a_hysteresis_away() -> None:
    none = TierChange(keep_firing_for=Duration(0))
    slo = make_slo(objective="99.9", options=PolicyOptions(changes={"fast": none}))

    fast = next(tier for tier in slo.alerting.tiers if tier.name == "fast")
    assert fast.keep_firing_for.ms == 0


def test_a_hold_comes_on_top_of_the_time_to_detect() -> None:
    plain, held = (
        next(
            t for t in make_slo(objective="99.9", options=options).alerting.tiers if t.burn == burn
        )
        for options, burn in (
            (PolicyOptions(), Fraction("14.4")),
            (PolicyOptions(changes=CHANGES), Fraction("14.4")),
        )
    )

    before, after = detection_seconds(plain, ALL), detection_seconds(held, ALL)
    assert before is not None
    assert after == before + 120


@pytest.mark.servers
def test_the_generated_tests_prove_changed_tiers(tmp_path: Path) -> None:
    promtool()
    slo = make_slo(objective="99.9", options=PolicyOptions(changes=CHANGES))
    write_tree(compile_project(make_project(slo)), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert results
    assert [(r.name, r.detail) for r in results if r.verdict is not Verdict.PASSED] == []


def test_changes_are_written_under_alerting() -> None:
    more = "  alerting: {tiers: {fast: {name: urgent, for: 2m, keep_firing_for: 0s}}}\n"

    (slo,) = project_of(slo_text(more=more)).slos

    tier = next(tier for tier in slo.alerting.tiers if tier.name == "urgent")
    assert (tier.hold.promql(), tier.keep_firing_for.ms) == ("2m", 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ("{quick: {for: 2m}}", "SLO027"),
        ("{fast: {name: slow}}", "SLO027"),
        ("{fast: {hold: 2m}}", "SLO010"),
        ("{fast: {for: 2}}", "SLO014"),
        ("[fast]", "SLO013"),
    ],
)
def test_a_change_that_cannot_be_is_refused(changes: str, code: str) -> None:
    assert codes_of(slo_text(more=f"  alerting: {{tiers: {changes}}}\n")) == [code]


def test_a_class_changes_tiers_for_all_its_slos() -> None:
    calm = document("Class", "calm", "{alerting: {tiers: {fast: {for: 2m}}}}")

    (slo,) = project_of(calm, slo_text(more="  class: calm\n")).slos

    assert next(tier for tier in slo.alerting.tiers if tier.name == "fast").hold.promql() == "2m"


def grounded(
    events_per_second: str | None,
    scrape: str = "15s",
    objective: str = "99.9",
    policy: PolicyName = PolicyName.SRE_MULTIWINDOW,
    options: PolicyOptions | None = None,
) -> Plan:
    promised = Ratio.from_percent(objective)
    chosen = options or PolicyOptions()
    plan = tiers(builtin(policy), promised, Duration.parse("30d"), options=chosen)
    traffic = None if events_per_second is None else Fraction(events_per_second)
    stated = chosen.min_events is not None
    return trusted(plan, Ground(promised.budget, traffic, Duration.parse(scrape), stated))


def told(plan: Plan) -> list[str]:
    return [f"{note.tier} {note.code}" for note in plan.notes]


def windowed(least: str | None = None) -> PolicyOptions:
    return PolicyOptions(form="windowed", min_events=Fraction(least) if least else None)


def test_a_busy_service_that_is_scraped_often_is_left_as_it_is() -> None:
    assert told(grounded("100")) == []
    assert told(grounded(None)) == []
    assert told(grounded(None, scrape="75s")) == []


def test_windows_grow_until_they_hold_four_scrapes() -> None:
    plan = grounded(None, scrape="2m")

    assert told(plan) == ["outage SLO035", "fast SLO035"]
    outage, fast = plan.tiers[:2]
    assert (outage.long.promql(), outage.short) == ("10m", None)
    assert fast.short is not None
    assert (fast.long.promql(), fast.short.promql()) == ("1h", "10m")
    assert [note.text.rpartition("; ")[2] for note in plan.notes] == [
        "its window becomes 10m",
        "its short window becomes 10m",
    ]


def test_a_short_window_that_would_reach_the_long_one_leaves_the_tier_out() -> None:
    plan = grounded(None, "5m", policy=PolicyName.FLEET_SUSTAINED, options=windowed())

    assert [tier.name for tier in plan.tiers] == ["outage", "ticket"]
    assert plan.notes[1].text.endswith("left out")


def test_a_tier_beyond_the_reach_of_the_traffic_asks_for_less_or_is_left_out() -> None:
    # 10 requests an hour: ten bad events in five minutes or an hour cannot be, in six hours can.
    plan = grounded("0.0027")

    assert told(plan) == ["outage SLO036", "fast SLO036"]
    assert {tier.name: tier.min_bad_events for tier in plan.tiers} == {
        "fast": 2,
        "slow": 10,
        "trend": 10,
        "drift": 10,
    }
    assert "asks for 10 bad events" in plan.notes[1].text
    assert plan.notes[1].text.endswith("it asks for 2")


def test_a_tier_that_chance_fires_asks_for_more_bad_events() -> None:
    plan = grounded("20", policy=PolicyName.FLEET_SUSTAINED, options=windowed())

    assert told(plan) == ["page SLO037"]
    page = next(tier for tier in plan.tiers if tier.name == "page")
    assert page.min_bad_events > 10
    assert plan.notes[0].text.endswith(f"with 10 bad events; it asks for {page.min_bad_events}")
    assert false_alerts(page, Fraction(20, 1000)) <= 1


def test_a_minimum_that_the_owner_states_is_told_and_kept() -> None:
    plan = grounded("1", policy=PolicyName.FLEET_SUSTAINED, options=windowed("1"))

    assert "page SLO037" in told(plan)
    assert {tier.min_bad_events for tier in plan.tiers} == {1}
    assert told(grounded("1", policy=PolicyName.FLEET_SUSTAINED, options=windowed("50"))) == []


def test_an_impossible_minimum_leaves_the_tier_out_whoever_states_it() -> None:
    plan = grounded("0.0027", options=PolicyOptions(min_events=Fraction(10)))

    assert [tier.name for tier in plan.tiers] == ["slow", "trend", "drift"]


def test_an_slo_without_any_events_worth_the_name_never_alerts_and_says_so() -> None:
    plan = grounded("0.000001")

    assert plan.tiers == ()
    assert told(plan)[-1] == " SLO033"


def test_what_is_repaired_is_a_warning_at_the_objective_and_kept_for_explain() -> None:
    text = slo_text(more="  traffic: {events_per_second: 0.01}\n")
    problems = problems_of(text)

    assert {(p.code, str(p.level)) for p in problems} == {("SLO036", "warning")}
    assert all(p.place is not None and p.place.line == 5 for p in problems)
    (slo,) = project_of(text).slos
    assert slo.alerting.changed == tuple(problem.text for problem in problems)


@pytest.mark.servers
def test_the_generated_tests_prove_repaired_tiers(tmp_path: Path) -> None:
    promtool()
    settings = document("Settings", "settings", "{intervals: {scrape: 2m}}")
    low = slo_text(more="  traffic: {events_per_second: 0.0027}\n")
    write_tree(compile_project(project_of(settings, low)), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert any("test rules" in result.name for result in results)
    assert [(r.name, r.detail) for r in results if r.verdict is not Verdict.PASSED] == []
