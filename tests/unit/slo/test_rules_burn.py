"""Burn alerts: what they compare, what they carry, and what they say."""

from __future__ import annotations

from fractions import Fraction

import pytest

from slo import names
from slo.model import AlertRule, RecordRule, Settings, Slo, Urls
from slo.policy import PolicyName, PolicyOptions
from slo.rules import compile_project
from slo.rules.burn import IDLE
from tests.front_end import project_of, slo_text
from tests.rule_projects import make_project, make_slo

ID = '{slo_id="fleet-action-success"}'


def alerts(*slos: Slo, settings: Settings | None = None) -> list[AlertRule]:
    compiled = compile_project(make_project(*slos, settings=settings))
    return [rule for rule in compiled.alert_rules() if rule.slo is not None]


def tier_rule(slo: Slo, tier: str) -> AlertRule:
    return next(rule for rule in alerts(slo) if rule.tier and rule.tier.name == tier)


def test_both_windows_and_enough_bad_events_are_needed() -> None:
    rule = tier_rule(make_slo(), "fast")

    assert rule.expr.splitlines() == [
        f"slo:sli_error:ratio_rate1h{ID} > 0.144",
        f"and on (slo_id) slo:sli_error:ratio_rate5m{ID} > 0.144",
        f"and on (slo_id) sum_over_time(slo:sli_errors:rate5m{ID}[1h]) * 30 >= 10",
    ]


def test_every_term_is_matched_on_the_budget_so_that_a_busy_agent_opens_no_gate() -> None:
    for rule in alerts(make_slo(by=("agent", "pool"))):
        if rule.tier is not None:
            assert rule.expr.count("and on (slo_id, agent, pool)") == rule.expr.count("\n")


def test_days_are_counted_in_tiles() -> None:
    rule = tier_rule(make_slo(), "drift")

    assert f"sum_over_time(slo:sli_errors:avg5m{ID}[2d23h57m30s:5m]) * 300 >= 10" in rule.expr


def test_a_held_tier_asks_for_a_pace_so_that_its_hold_is_not_prolonged() -> None:
    rule = tier_rule(make_slo(policy=PolicyName.FLEET_SUSTAINED), "page")

    assert rule.expr.splitlines() == [
        f"slo:sli_error:ratio_rate5m{ID} > 0.02",
        f"and on (slo_id) slo:sli_errors:rate5m{ID} * 900 >= 10",
    ]
    assert rule.hold.promql() == "15m"


def test_without_a_minimum_there_is_no_gate() -> None:
    slo = make_slo(options=PolicyOptions(min_events=Fraction(0)))

    assert "sli_errors" not in tier_rule(slo, "fast").expr


def test_slow_tiers_are_evaluated_slowly() -> None:
    (file,) = [
        file
        for file in compile_project(make_project(make_slo())).rule_files
        if file.service == "fleet"
    ]
    fast, slow = file.groups

    assert (fast.interval.promql(), slow.interval.promql()) == ("30s", "2m")
    told = [
        [rule.tier.name for rule in group.rules if isinstance(rule, AlertRule) and rule.tier]
        for group in (fast, slow)
    ]
    assert told == [["outage", "fast", "slow"], ["trend", "drift"]]


def test_all_tiers_share_a_name_and_no_two_share_their_labels() -> None:
    rules = [rule for rule in alerts(make_slo()) if rule.tier]

    assert {rule.name for rule in rules} == {"FleetActionSuccessBurn"}
    assert len({tuple(sorted(rule.labels.items())) for rule in rules}) == len(rules)


def test_an_alert_carries_every_promised_label() -> None:
    rule = tier_rule(make_slo(by=("agent",), labels={"tier": "critical"}), "fast")

    assert set(names.ALERT_LABELS) <= set(rule.labels)
    assert rule.labels["budget_id"] == "fleet-action-success/{{ $labels.agent }}"
    assert rule.labels["severity"] == "page"
    assert rule.labels["tier"] == "critical"
    assert rule.by == ("agent",)


def test_a_label_of_the_user_reroutes_nothing() -> None:
    rule = tier_rule(make_slo(labels={"severity": "none", "team": "nobody"}), "fast")

    assert (rule.labels["severity"], rule.labels["team"]) == ("page", "agents-core")


def test_annotations_lead_to_the_runbook_and_to_the_dashboard_on_this_slo() -> None:
    urls = Urls(runbooks="https://docs/runbooks", grafana="https://grafana")

    rule = alerts(make_slo(), settings=Settings(urls=urls))[0]

    assert set(rule.annotations) == set(names.ALERT_ANNOTATIONS)
    assert rule.annotations["runbook_url"] == "https://docs/runbooks/FleetActionSuccessBurn.md"
    assert rule.annotations["dashboard_url"] == (
        "https://grafana/d/fleetslo-on-call?var-slo=fleet-action-success"
    )


def test_a_lost_signal_is_missed_for_a_day_and_told_once_per_slo() -> None:
    (rule,) = [rule for rule in alerts(make_slo(by=("agent",))) if rule.name == names.SIGNAL_LOST]

    assert rule.expr == (
        f"group by (slo_id) (present_over_time(slo:sli_total:rate5m{ID}[1d:5m]))\n"
        f"unless on (slo_id) slo:sli_total:rate5m{ID}"
    )
    assert (rule.hold.promql(), rule.labels["severity"], rule.by) == ("10m", "ticket", ())
    assert "slo_tier" not in rule.labels


@pytest.mark.parametrize("idle", ["ticket", "page"])
def test_idle_traffic_is_told_only_where_it_is_asked_for(idle: str) -> None:
    assert IDLE not in [rule.name for rule in alerts(make_slo())]

    (rule,) = [rule for rule in alerts(make_slo(idle=idle)) if rule.name == IDLE]

    assert rule.labels["severity"] == idle


def test_a_lost_signal_is_as_severe_as_the_slo_says() -> None:
    found = {
        wish: [
            (str(rule.severity), rule.labels["severity"])
            for rule in compile_project(make_project(make_slo(signal_lost=wish))).alert_rules()
            if rule.name == names.SIGNAL_LOST
        ]
        for wish in ("ok", "ticket", "page")
    }

    assert found == {"ok": [], "ticket": [("ticket", "ticket")], "page": [("page", "page")]}


def test_an_slo_without_that_alert_says_so_to_whoever_looks_for_it() -> None:
    from_file = project_of(slo_text(more="  alerting: {signal_lost: ok}\n"))

    told = [
        rule.labels.get("signal_lost")
        for file in compile_project(from_file).rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule) and rule.record == names.INFO
    ]

    assert told == ["ok"]
