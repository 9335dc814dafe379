"""Tiers that an SLO changes, and tiers that cannot be trusted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from slo.exact import Duration, Ratio
from slo.plugin import Verdict
from slo.policy import PolicyOptions, TierChange, builtin, detection_seconds, floors, tiers
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


def codes(events_per_second: str | None, scrape: str = "15s", objective: str = "99.9") -> list[str]:
    promised = Ratio.from_percent(objective)
    plan = tiers(builtin(PolicyName.SRE_MULTIWINDOW), promised, Duration.parse("30d"))
    traffic = None if events_per_second is None else Fraction(events_per_second)
    notes = floors(plan.tiers, promised.budget, traffic, Duration.parse(scrape))
    return [f"{note.tier} {note.code}" for note in notes]


def test_a_busy_service_that_is_scraped_often_can_be_trusted() -> None:
    assert codes("100") == []
    assert codes(None) == []


def test_windows_of_few_scrapes_are_told() -> None:
    assert codes(None, scrape="75s") == []
    assert codes(None, scrape="2m") == ["outage SLO035", "fast SLO035"]


def test_a_tier_beyond_the_reach_of_the_traffic_is_told() -> None:
    # 10 requests an hour: ten bad events in five minutes or an hour cannot be, in six hours can.
    assert codes("0.0027")[:2] == ["outage SLO036", "fast SLO036"]
    assert "slow SLO036" not in codes("0.0027")


def test_a_tier_that_chance_fires_is_told() -> None:
    promised = Ratio.from_percent("99.9")
    told: dict[str, list[str]] = {}
    for least in ("1", "50"):
        options = PolicyOptions(form="windowed", min_events=Fraction(least))
        plan = tiers(
            builtin(PolicyName.FLEET_SUSTAINED), promised, Duration.parse("30d"), options=options
        )
        notes = floors(plan.tiers, promised.budget, Fraction(1), Duration.parse("15s"))
        told[least] = [f"{note.tier} {note.code}" for note in notes]

    assert "page SLO037" in told["1"]
    assert "page SLO037" not in told["50"]


def test_what_cannot_be_trusted_is_a_warning_at_the_objective() -> None:
    problems = problems_of(slo_text(more="  traffic: {events_per_second: 0.01}\n"))

    assert {(p.code, str(p.level)) for p in problems} == {("SLO036", "warning")}
    assert all(p.place is not None and p.place.line == 5 for p in problems)
