"""What an SLO on metrics of the user's own adds to the story."""

from __future__ import annotations

from dashboards.proving.history import Timeline
from dashboards.proving.recorded import Rule
from dashboards.proving.users import own_events, told

TOTAL = 'sum by (region) (rate(http_requests_total{job="shop"}[5m]))'
BAD = 'sum by (region) (rate(http_requests_total{code=~"5..",job="shop"}[5m]))'
SLICES = "sum(count_over_time((max(shop_up))[5m:30s])) / 300"


def rules(total: str, errors: str, more: tuple[Rule, ...] = ()) -> tuple[Rule, ...]:
    named = {"slo:sli_total:rate5m": total, "slo:sli_errors:rate5m": f"{errors} or 0 * {total}"}
    named["slo:objective:ratio"] = "vector(0.99)"
    return (*(Rule(name, "", expr, {"slo_id": "a"}) for name, expr in named.items()), *more)


def test_selectors_tell_which_series_are_good_and_which_are_bad() -> None:
    (own,) = own_events(rules(TOTAL, BAD), ["a"])
    shown = {dict(series.labels).get("code", ""): series for series in own.series}

    assert own.told == ()
    assert {series.name for series in own.series} == {"http_requests_total"}
    assert {dict(series.labels)["job"] for series in own.series} == {"shop"}
    assert shown["500"].failing > 0
    assert shown["500"].rate == 0
    assert shown[""].failing == 0
    assert shown[""].rate > 0


def test_a_grouped_slo_has_more_than_one_group() -> None:
    (own,) = own_events(rules(TOTAL, BAD), ["a"])

    assert len(own.groups) == 2
    assert {dict(series.labels)["region"] for series in own.series} == {
        group["region"] for group in own.groups
    }


def test_in_health_the_budget_is_spent_slower_than_it_may_be() -> None:
    (own,) = own_events(rules(TOTAL, BAD), ["a"])
    bad = sum(series.failing for series in own.series)
    everything = sum(series.rate + series.failing for series in own.series)

    assert 0 < bad / everything < 0.01


def test_where_selectors_do_not_tell_the_records_of_raw_rules_are_told() -> None:
    derived = Rule("slo:burn_rate:ratio", "", "slo:sli_error:ratio_rate1h / 0.01", {"slo_id": "a"})
    ratio = Rule("slo:sli_error:ratio_rate1h", "", f"({SLICES}) / ({SLICES} > 0)", {"slo_id": "a"})
    (own,) = own_events(rules(SLICES, SLICES, (derived, ratio)), ["a"])
    families = told(own=[own], timeline=Timeline.until(1_800_000_000))

    assert own.series == ()
    assert set(families) == {
        "slo:sli_total:rate5m",
        "slo:sli_errors:rate5m",
        "slo:sli_error:ratio_rate1h",
    }


def test_a_phase_ends_with_its_own_value() -> None:
    (own,) = own_events(rules(SLICES, SLICES), ["a"])
    timeline = Timeline.until(1_800_000_000)
    ((_, points),) = told([own], timeline)["slo:sli_errors:rate5m"]
    at = {phase: dict(points)[time] for phase, time in timeline.moments().items()}

    assert at["healthy"] < at["slow-burn"] < at["fast-burn"]
    assert at["no-traffic"] == 0
