"""What a tier means: detection times, budget used, alerts by chance."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

from slo.exact import Duration, Ratio
from slo.model import Calendar, Rolling, Tier, TierForm
from slo.policy import (
    PolicyName,
    detection_seconds,
    estimate,
    expected_fire_seconds,
    false_alerts,
    period_seconds,
)
from tests.rule_projects import make_slo

ALL = Ratio.from_percent("100")


def tier(name: str, **changes: object) -> Tier:
    found = make_slo(objective="99.9", **changes)  # type: ignore[arg-type] - keywords of make_slo
    return next(each for each in found.alerting.tiers if each.name == name)


def test_the_workbook_s_detection_times_come_out() -> None:
    fast, slow = tier("fast"), tier("slow")

    assert detection_seconds(fast, ALL) == Fraction("51.84")
    assert detection_seconds(slow, Ratio.from_percent("1")) == Fraction(12_960)
    assert detection_seconds(slow, Ratio.from_percent("0.6")) is None


def test_a_held_tier_fires_after_its_hold_whatever_the_severity() -> None:
    page = tier("page", policy=PolicyName.FLEET_SUSTAINED)

    found = detection_seconds(page, ALL)

    assert found == 900 + Fraction("0.6")


def test_a_total_outage_pages_within_two_minutes() -> None:
    for objective in ("99", "99.9", "99.99"):
        outage = make_slo(objective=objective).alerting.tiers[0]
        found = detection_seconds(outage, ALL)
        assert found is not None
        assert found < 120


def test_too_little_traffic_for_the_minimum_of_bad_events_never_fires() -> None:
    fast = tier("fast")

    assert detection_seconds(fast, ALL, events_per_second=Fraction(1, 1000)) is None
    assert detection_seconds(fast, ALL, events_per_second=Fraction(1, 60)) == 600


def test_what_is_expected_of_a_real_prometheus_is_later_than_the_ideal() -> None:
    for each in make_slo(objective="99.9").alerting.tiers:
        ideal, real = detection_seconds(each, ALL), expected_fire_seconds(each, ALL)
        assert ideal is not None
        assert real is not None
        assert real > ideal
    assert expected_fire_seconds(tier("fast"), Ratio.from_percent("1")) is None


def test_the_table_tells_the_budget_that_is_gone_when_it_fires() -> None:
    lines = estimate(make_slo(objective="99.9", policy=PolicyName.FLEET_SUSTAINED))

    page = next(line for line in lines if line.tier.name == "page")
    used = page.impacts[0].budget_used
    assert used is not None
    assert float(used) == pytest.approx(0.3475, abs=0.0002)


def test_unknown_traffic_leaves_the_false_alerts_unknown() -> None:
    lines = estimate(make_slo(events_per_second=None))

    assert {line.false_alerts for line in lines} == {None}


def test_calendar_windows_are_judged_by_their_usual_length() -> None:
    assert period_seconds(Calendar("month", "UTC")) == 30 * 86_400
    assert period_seconds(Rolling(Duration.parse("7d"))) == 7 * 86_400


def simulated(limit: int, window: int, rate: float, days: int) -> int:
    """Up-crossings of `limit` events within `window` seconds, counted event by event."""
    chance = random.Random(7)
    now, inside, crossings = 0.0, list[float](), 0
    while (now := now + chance.expovariate(rate)) < days * 86_400:
        before = len([moment for moment in inside if moment > now - window])
        inside = [moment for moment in inside if moment > now - window]
        inside.append(now)
        crossings += before == limit - 1
    return crossings


def test_the_model_of_chance_agrees_with_counting_events() -> None:
    short = tier("outage")
    one_window = Tier(
        "x", TierForm.OUTAGE, short.severity, Fraction(2), Ratio(Fraction(2, 1000)), short.long,
        None, Duration(0), Duration(0), Fraction(0),
    )  # fmt: skip
    rate = 0.01

    expected = false_alerts(one_window, Fraction(1, 100))
    counted = simulated(7, 300, rate, 30)

    assert math.isclose(expected, counted, rel_tol=0.2)


def test_more_events_asked_for_means_fewer_false_alerts() -> None:
    drift = tier("drift")
    held = tier("page", policy=PolicyName.FLEET_SUSTAINED)
    rate = Fraction(1, 10)

    for each in (drift, held):
        found = [
            false_alerts(
                Tier(
                    each.name, each.form, each.severity, each.burn, each.threshold, each.long,
                    each.short, each.hold, each.keep_firing_for, Fraction(least),
                ),
                rate,
            )
            for least in (10, 1_000, 30_000)
        ]  # fmt: skip
        assert found == sorted(found, reverse=True)
        assert found[0] > found[-1]
