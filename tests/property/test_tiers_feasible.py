"""For every objective, window and policy: tiers can fire, and slower ones are slower."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slo.exact import Duration, Ratio
from slo.model import Severity, TierForm
from slo.policy import (
    Ground,
    Plan,
    PolicyName,
    PolicyOptions,
    builtin,
    detection_seconds,
    false_alerts,
    tiers,
    trusted,
)

# 0.01 to 99.9999 percent, in steps of a ten-thousandth.
OBJECTIVES = st.integers(100, 999_999).map(lambda parts: Ratio(Fraction(parts, 1_000_000)))
PERIODS = st.integers(1, 400).map(lambda days: Duration.seconds(days * 86_400))
POLICIES = st.sampled_from([(name, form) for name in PolicyName for form in builtin(name).forms])
TRAFFIC = st.none() | st.integers(1, 10_000).map(lambda rate: Fraction(rate, 10))


def planned(
    policy: tuple[PolicyName, str],
    objective: Ratio,
    period: Duration,
    traffic: Fraction | None,
    severities: frozenset[Severity] = frozenset(Severity),
) -> Plan:
    name, form = policy
    options = PolicyOptions(form=form, severities=severities)
    return tiers(builtin(name), objective, period, options=options, events_per_second=traffic)


@given(POLICIES, OBJECTIVES, PERIODS, TRAFFIC)
def test_every_tier_can_fire_and_never_on_a_service_that_keeps_its_objective(
    policy: tuple[PolicyName, str], objective: Ratio, period: Duration, traffic: Fraction | None
) -> None:
    for tier in planned(policy, objective, period, traffic).tiers:
        assert 0 < tier.threshold.value < 1
        assert tier.threshold.value == tier.burn * objective.budget.value
        assert tier.threshold >= objective.budget
        assert detection_seconds(tier, Ratio(Fraction(1))) is not None


@given(POLICIES, OBJECTIVES, PERIODS, TRAFFIC)
def test_a_tier_is_kept_or_there_is_a_note_that_names_it(
    policy: tuple[PolicyName, str], objective: Ratio, period: Duration, traffic: Fraction | None
) -> None:
    name, form = policy
    plan = planned(policy, objective, period, traffic)

    kept = {tier.name for tier in plan.tiers}
    told = {note.tier for note in plan.notes}
    assert {template.name for template in builtin(name).forms[form]} <= kept | told


@given(POLICIES, OBJECTIVES, PERIODS)
def test_a_slower_tier_never_needs_more_errors_than_a_faster_one(
    policy: tuple[PolicyName, str], objective: Ratio, period: Duration
) -> None:
    burns = [
        tier.burn
        for tier in planned(policy, objective, period, None).tiers
        if tier.form is not TierForm.OUTAGE
    ]

    assert all(faster > slower for faster, slower in pairwise(burns))


@given(POLICIES, OBJECTIVES, PERIODS)
def test_severities_that_are_off_leave_no_tier_and_no_word(
    policy: tuple[PolicyName, str], objective: Ratio, period: Duration
) -> None:
    plan = planned(policy, objective, period, None, frozenset({Severity.TICKET}))

    assert {tier.severity for tier in plan.tiers} <= {Severity.TICKET}
    assert not {note.tier for note in plan.notes} & {"outage", "fast", "slow", "page"}


@given(OBJECTIVES, st.integers(1, 10_000).map(lambda rate: Fraction(rate, 10)))
def test_budget_aware_pages_by_chance_as_rarely_as_it_says(
    objective: Ratio, traffic: Fraction
) -> None:
    policy = builtin(PolicyName.BUDGET_AWARE)
    assert policy.max_false_pages is not None
    plan = planned((PolicyName.BUDGET_AWARE, policy.default_form), objective,
                   Duration.parse("30d"), traffic)  # fmt: skip

    for tier in plan.tiers:
        if tier.burn > 1:
            found = false_alerts(tier, traffic * objective.budget.value)
            assert found <= float(policy.max_false_pages) * 1.001


SHARES = st.integers(1, 1000).map(lambda parts: Ratio(Fraction(parts, 1000)))
SCRAPES = st.integers(1, 120).map(Duration.seconds)


def first_seconds(plan: Plan, errors: Ratio) -> Fraction | None:
    """When the first tier of `plan` tells of an even error ratio."""
    found = [detection_seconds(tier, errors) for tier in plan.tiers]
    return min((seconds for seconds in found if seconds is not None), default=None)


@given(POLICIES, OBJECTIVES, PERIODS, SHARES, SHARES)
def test_more_errors_are_never_told_later(
    policy: tuple[PolicyName, str], objective: Ratio, period: Duration, one: Ratio, two: Ratio
) -> None:
    few, many = sorted((one, two))
    for tier in planned(policy, objective, period, None).tiers:
        late, early = detection_seconds(tier, few), detection_seconds(tier, many)
        assert late is None or (early is not None and early <= late)


@given(POLICIES, OBJECTIVES, OBJECTIVES, PERIODS, SHARES)
def test_a_stricter_objective_is_never_told_of_later(
    policy: tuple[PolicyName, str], one: Ratio, two: Ratio, period: Duration, errors: Ratio
) -> None:
    loose, strict = sorted((one, two))
    late = first_seconds(planned(policy, loose, period, None), errors)
    early = first_seconds(planned(policy, strict, period, None), errors)

    assert late is None or (early is not None and early <= late)


@given(POLICIES, OBJECTIVES, st.integers(1, 10**8), SCRAPES)
def test_a_repaired_tier_can_fire_and_chance_seldom_fires_it(
    policy: tuple[PolicyName, str], objective: Ratio, thousandths: int, scrape: Duration
) -> None:
    traffic = Fraction(thousandths, 10_000)
    plan = planned(policy, objective, Duration.parse("30d"), traffic)

    repaired = trusted(plan, Ground(objective.budget, traffic, scrape))

    told = {note.tier for note in repaired.notes}
    before = {tier.name: tier for tier in plan.tiers}
    assert {tier.name for tier in repaired.tiers} <= set(before)
    for tier in repaired.tiers:
        assert min(tier.long, tier.short or tier.long).ms >= 4 * scrape.ms
        assert detection_seconds(tier, Ratio(Fraction(1)), events_per_second=traffic) is not None
        assert tier.burn <= 1 or false_alerts(tier, traffic * objective.budget.value) <= 1.001
        assert tier == before[tier.name] or tier.name in told
    assert set(before) - {tier.name for tier in repaired.tiers} <= told
