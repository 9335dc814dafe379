"""What SLOs take from classes, settings and policies, and what they are to each other."""

from __future__ import annotations

from slo.exact import Duration, Ratio
from slo.model import Rolling
from tests.front_end import (
    codes_of,
    document,
    marked,
    problems_of,
    project_of,
    slo_of,
    slo_text,
)


def test_an_owner_may_come_from_the_settings() -> None:
    text = slo_text().replace("  owner: web\n", "")
    settings = document("Settings", "settings", "{defaults: {owner: web}}")

    assert codes_of(text) == ["SLO011"]
    assert slo_of(text, settings).owner == "web"


def test_a_wrong_default_owner_is_told_once_where_it_stands() -> None:
    text = slo_text().replace("  owner: web\n", "")
    settings = document("Settings", "settings", "{defaults: {owner: wbe}}")
    problems = problems_of(text, text.replace("checkout", "search"), settings)

    assert [(p.code, p.help) for p in problems] == [("SLO021", "did you mean web?")]


def test_a_class_fills_what_the_slo_does_not_say() -> None:
    base = document(
        "Class",
        "gold",
        "{objective: 99, window: 7d, labels: {tier: gold, x: y},"
        " alerting: {policy: fleet-sustained, idle: page}}",
    )
    text = slo_text(more="  class: gold\n  alerting: {idle: ticket}\n")
    text = text.replace("service: shop}", "service: shop, labels: {x: mine}}")
    slo = slo_of(text, base)

    assert slo.objective == Ratio.from_percent("99.9")
    assert slo.window == Rolling(Duration.parse("7d"))
    assert (slo.alerting.policy, slo.alerting.idle) == ("fleet-sustained", "ticket")
    assert slo.labels == {"tier": "gold", "x": "mine"}


def test_an_slo_may_get_its_objective_from_its_class() -> None:
    base = document("Class", "gold", "{objective: 99.5, owner: web}")
    text = slo_text(more="  class: gold\n").replace("  objective: 99.9\n  owner: web\n", "")

    assert slo_of(text, base).objective == Ratio.from_percent("99.5")


def test_classes_build_on_each_other_but_not_in_a_circle() -> None:
    chain = (document("Class", "a", "{class: b}"), document("Class", "b", "{window: 14d}"))
    circle = (document("Class", "a", "{class: b}"), document("Class", "b", "{class: a}"))
    text = slo_text(more="  class: a\n")

    assert slo_of(text, *chain).window == Rolling(Duration.parse("14d"))
    assert set(codes_of(text, *circle)) == {"SLO023"}


def test_an_unknown_class_is_refused() -> None:
    assert codes_of(slo_text(more="  class: gold\n")) == ["SLO021"]


def test_causes_are_found_by_id_by_name_and_among_alerts() -> None:
    other = slo_text("payment", service="bank")
    for word in ("bank-payment", "payment"):
        slos = project_of(slo_text(more=f"  alerting: {{depends_on: [{word}]}}\n"), other).slos
        assert slos[1].alerting.depends_on == ("bank-payment",)


def test_a_name_that_two_slos_have_needs_its_service() -> None:
    others = (slo_text("pay", service="a"), slo_text("pay", service="b"))
    text = slo_text(more="  alerting: {depends_on: [pay]}\n")

    assert codes_of(text, *others) == ["SLO021"]
    assert codes_of(text.replace("[pay]", "[a-pay]"), *others) == []


def test_causes_in_a_circle_are_refused_once() -> None:
    first = slo_text("a", more="  alerting: {depends_on: [b]}\n")
    second = slo_text("b", more="  alerting: {depends_on: [a]}\n")

    assert codes_of(first, second) == ["SLO023"]


def test_an_id_stands_once() -> None:
    problems = problems_of(slo_text(), slo_text())

    assert [p.code for p in problems] == ["SLO020"]
    assert "line 3" in problems[0].text


def test_two_ids_may_not_share_an_alert_name() -> None:
    problems = problems_of(slo_text("check-2"), slo_text("check2"))

    assert [p.code for p in problems] == ["SLO020"]
    assert "ShopCheck2Burn" in problems[0].text


def test_a_tier_that_cannot_fire_is_repaired_with_a_warning_at_the_objective() -> None:
    text = slo_text(objective="90")
    problems = problems_of(text)

    assert {p.code for p in problems} == {"SLO031", "SLO032"}
    assert {marked(p, text) for p in problems} == {"90"}
    assert all(tier.threshold.value < 1 for tier in slo_of(text).alerting.tiers)


def test_a_tier_can_be_switched_off() -> None:
    slo = slo_of(slo_text(more="  alerting: {off: [outage, drift]}\n"))

    assert [tier.name for tier in slo.alerting.tiers] == ["fast", "slow", "trend"]


def test_a_policy_of_ones_own_is_used() -> None:
    policy = """\
apiVersion: fleetslo/v1
kind: Policy
metadata: {name: calm}
spec:
  forms:
    windowed:
      - {name: only, form: windows, severity: page, burn: 10, long: 1h, short: 5m}
"""
    slo = slo_of(slo_text(more="  alerting: {policy: calm}\n"), policy)

    assert [tier.name for tier in slo.alerting.tiers] == ["only"]


def test_a_broken_policy_is_told_once_and_not_again_where_it_is_used() -> None:
    policy = document("Policy", "calm", "{forms: {windowed: []}}")

    assert codes_of(slo_text(more="  alerting: {policy: calm}\n"), policy) == ["SLO030"]
