"""Tiers: exact, feasible, and what is said where a policy does not fit an objective."""

from __future__ import annotations

from fractions import Fraction

import pytest

from slo.exact import Duration, Ratio
from slo.model import Severity, Tier, TierForm
from slo.policy import AUTO_MIN_EVENTS, Plan, PolicyName, PolicyOptions, builtin, tiers

MONTH = Duration.parse("30d")


def plan(
    objective: str,
    policy: PolicyName = PolicyName.SRE_MULTIWINDOW,
    *,
    period: str = "30d",
    options: PolicyOptions | None = None,
    traffic: Fraction | None = None,
) -> Plan:
    return tiers(
        builtin(policy),
        Ratio.from_percent(objective),
        Duration.parse(period),
        options=options,
        events_per_second=traffic,
    )


def named(found: Plan, name: str) -> Tier:
    return next(tier for tier in found.tiers if tier.name == name)


def test_the_workbook_s_numbers_come_out_exactly() -> None:
    found = plan("99.9")

    told = [
        (tier.name, tier.severity, tier.threshold.promql(), tier.long.promql())
        for tier in found.tiers
    ]
    assert told == [
        ("outage", Severity.PAGE, "0.25", "5m"),
        ("fast", Severity.PAGE, "0.0144", "1h"),
        ("slow", Severity.PAGE, "0.006", "6h"),
        ("trend", Severity.TICKET, "0.003", "1d"),
        ("drift", Severity.TICKET, "0.001", "3d"),
    ]
    assert found.notes == ()


def test_the_guide_s_numbers_are_taken_literally() -> None:
    found = plan("99", PolicyName.FLEET_SUSTAINED)

    page, ticket = named(found, "page"), named(found, "ticket")
    assert (page.burn, page.hold.promql(), page.severity) == (2, "15m", Severity.PAGE)
    assert (ticket.burn, ticket.hold.promql()) == (Fraction(6, 5), "6h")
    assert {page.form, ticket.form} == {TierForm.SUSTAINED}
    assert page.threshold.promql() == "0.02"


def test_the_windowed_form_looks_at_windows_of_the_guide_s_length() -> None:
    found = plan("99", PolicyName.FLEET_SUSTAINED, options=PolicyOptions(form="windowed"))

    told = [(tier.long.promql(), tier.hold.ms) for tier in found.tiers if tier.name != "outage"]
    assert told == [("15m", 0), ("6h", 0)]


def test_an_unknown_form_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="literal, windowed"):
        plan("99", PolicyName.FLEET_SUSTAINED, options=PolicyOptions(form="round"))


def test_an_objective_of_everything_leaves_nothing_to_alert_on() -> None:
    with pytest.raises(ValueError, match="no budget"):
        tiers(builtin(PolicyName.SRE_MULTIWINDOW), Ratio(Fraction(1)), MONTH)


def test_a_tier_that_cannot_fire_is_repaired_and_named() -> None:
    found = plan("90")

    fast = named(found, "fast")
    assert (fast.burn, fast.threshold.promql()) == (8, "0.8")
    assert [(note.code, note.tier) for note in found.notes] == [
        ("SLO032", "outage"),
        ("SLO031", "fast"),
    ]


def test_a_repair_that_would_be_no_slower_than_the_tier_before_is_left_out() -> None:
    found = plan("80")

    assert [tier.name for tier in found.tiers] == ["fast", "trend", "drift"]
    assert ("SLO032", "slow") in [(note.code, note.tier) for note in found.notes]


def test_the_outage_tier_never_fires_below_a_quarter_of_errors() -> None:
    assert named(plan("99.99"), "outage").threshold.promql() == "0.25"
    assert named(plan("95"), "outage").threshold.promql() == "0.72"


def test_a_week_keeps_the_pages_but_fires_before_too_much_is_gone() -> None:
    found = plan("99.9", period="7d")

    burns = {tier.name: tier.burn for tier in found.tiers if tier.name != "outage"}
    assert burns == {"fast": Fraction(42, 5), "slow": Fraction(14, 5), "trend": Fraction(7, 5)}
    assert [(note.code, note.tier) for note in found.notes] == [("SLO032", "drift")]


def test_ticket_only_leaves_out_every_page_without_a_word() -> None:
    options = PolicyOptions(severities=frozenset({Severity.TICKET}))

    found = plan("50", PolicyName.FLEET_SUSTAINED, options=options)

    assert [tier.name for tier in found.tiers] == ["ticket"]
    assert found.notes == ()


def test_a_tier_can_be_switched_off_by_name() -> None:
    found = plan("99.9", options=PolicyOptions(off=frozenset({"drift"})))

    assert "drift" not in [tier.name for tier in found.tiers]


def test_an_slo_without_any_tier_left_is_told() -> None:
    everything = frozenset({"outage", "fast", "slow", "trend", "drift"})

    found = plan("99.9", options=PolicyOptions(off=everything))

    assert found.tiers == ()
    assert [note.code for note in found.notes] == ["SLO033"]


def test_minimum_events_are_ten_unless_the_slo_says_otherwise() -> None:
    assert {tier.min_bad_events for tier in plan("99").tiers} == {AUTO_MIN_EVENTS}
    two = plan("99", options=PolicyOptions(min_events=Fraction(2)))
    assert {tier.min_bad_events for tier in two.tiers} == {2}


def test_budget_aware_asks_for_more_events_where_chance_alone_would_fire() -> None:
    found = plan("99.99", PolicyName.BUDGET_AWARE, period="7d", traffic=Fraction(10))

    assert named(found, "trend").min_bad_events > AUTO_MIN_EVENTS
    assert named(found, "fast").min_bad_events == AUTO_MIN_EVENTS


def test_budget_aware_without_traffic_takes_ten_and_says_so() -> None:
    found = plan("99.9", PolicyName.BUDGET_AWARE)

    assert {tier.min_bad_events for tier in found.tiers} == {AUTO_MIN_EVENTS}
    assert [note.code for note in found.notes] == ["SLO034"]
