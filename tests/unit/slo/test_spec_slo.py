"""An SLO is resolved exactly, whatever form its SLI has, or refused with all its problems."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from slo.diagnostic import Level
from slo.exact import Duration, Ratio
from slo.model import Calendar, Rolling, Scope, SliKind, SpansMatch
from slo.names import SLI_EVENTS
from slo.spec.latency import bound_pattern
from tests.front_end import (
    EVENTS,
    TEAM,
    codes_of,
    document,
    marked,
    problems_of,
    project_of,
    slo_of,
    slo_text,
)


def sli_of(sli: str, more: str = "") -> tuple[str, str]:
    found = slo_of(slo_text(sli=sli, more=more)).sli
    return found.errors, found.total


def test_an_objective_is_exactly_what_is_written() -> None:
    assert slo_of(slo_text(objective="99.90")).objective == Ratio(Fraction(999, 1000))
    assert slo_of(slo_text(objective="99.999999")).objective.budget.promql() == "0.00000001"


def test_what_is_not_said_has_a_default() -> None:
    slo = slo_of(slo_text("check-out"))

    assert slo.slo_id == "shop-check-out"
    assert slo.title == "Check out"
    assert slo.window == Rolling(Duration.parse("30d"))
    assert slo.scope is Scope.SERVICE
    assert slo.root_cause == "shop-check-out"
    assert slo.alerting.policy == "sre-multiwindow"
    assert slo.alerting.idle == "ok"
    assert slo.events_per_second is None
    assert [tier.name for tier in slo.alerting.tiers][:2] == ["outage", "fast"]


def test_everything_that_is_said_arrives() -> None:
    more = """\
  description: Orders that go through.
  catalog: M2
  window: {calendar: quarter, timezone: Europe/Berlin}
  by: [region, tenant]
  scope: agent
  root_cause: database
  traffic: {events_per_second: 2.5}
  alerting:
    {policy: fleet-sustained, form: windowed, severities: [ticket], idle: page, min_events: 5}
"""
    slo = slo_of(slo_text(more=more))

    assert slo.description == "Orders that go through."
    assert slo.catalog_id == "M2"
    assert slo.window == Calendar("quarter", "Europe/Berlin")
    assert slo.by == ("region", "tenant")
    assert slo.scope is Scope.AGENT
    assert slo.root_cause == "database"
    assert slo.events_per_second == Fraction(5, 2)
    assert slo.alerting.idle == "page"
    assert [(tier.name, tier.min_bad_events) for tier in slo.alerting.tiers] == [("ticket", 5)]


def test_bad_and_total_are_grouped_by_the_labels_of_by() -> None:
    assert sli_of(EVENTS, "  by: [region]\n") == (
        "sum by (region) (rate(errors_total[$window]))",
        "sum by (region) (rate(requests_total[$window]))",
    )


def test_without_a_good_event_yet_all_are_bad() -> None:
    sli = "    events: {good: 'sum(rate(ok[$window]))', total: 'sum(rate(all[$window]))'}\n"

    assert sli_of(sli)[0] == (
        "sum(rate(all[$window])) - (sum(rate(ok[$window])) or 0 * sum(rate(all[$window])))"
    )


def test_good_and_bad_add_up_even_while_one_of_them_is_missing() -> None:
    sli = "    events: {good: 'sum(rate(ok[$window]))', bad: 'sum(rate(ko[$window]))'}\n"

    assert sli_of(sli) == (
        "sum(rate(ko[$window]))",
        (
            "(sum(rate(ok[$window])) or 0 * sum(rate(ko[$window])))"
            " + (sum(rate(ko[$window])) or 0 * sum(rate(ok[$window])))"
        ),
    )


def test_latency_counts_what_is_not_in_the_bucket_of_the_threshold() -> None:
    sli = "    latency: {histogram: lat_seconds, threshold: 500ms, selector: 'a!=\"b\"'}\n"

    errors, total = sli_of(sli, "  by: [q]\n")

    assert total == 'sum by (q) (rate(lat_seconds_count{a!="b"}[$window]))'
    assert errors == (
        f'{total} - (sum by (q) (rate(lat_seconds_bucket{{a!="b",le=~"0\\\\.5"}}[$window]))'
        f" or 0 * {total})"
    )


@pytest.mark.parametrize(
    ("bound", "spellings", "others"),
    [
        ("0.5", ["0.5"], ["0x5", "0.50", "0"]),
        ("1", ["1", "1.0"], ["10", "1x0"]),
        ("100000", ["100000", "100000.0"], ["1e+05x"]),
        ("1000000", ["1000000", "1e+06", "1000000.0"], ["1e06", "10000000"]),
        ("2500000", ["2.5e+06", "2500000"], ["2x5e+06"]),
        ("0.00001", ["0.00001", "1e-05"], ["1e-5"]),
        ("0.05", ["0.05"], ["0.5"]),
    ],
)
def test_every_spelling_of_a_bucket_bound_is_matched(
    bound: str, spellings: list[str], others: list[str]
) -> None:
    pattern = bound_pattern(Fraction(bound))

    assert [text for text in spellings if not re.fullmatch(pattern, text)] == []
    assert [text for text in others if re.fullmatch(pattern, text)] == []


def test_a_gauge_counts_every_series_at_every_evaluation() -> None:
    errors, total = sli_of("    gauge: {expr: up, bad_when: '== 0'}\n", "  by: [job]\n")

    held = "scalar(count_over_time(vector(1)[$window:30s])) / 30"
    assert errors == f"sum by (job) (sum_over_time((up == bool 0)[$window:30s])) / {held}"
    assert total == f"sum by (job) (count_over_time((up >= -Inf)[$window:30s])) / {held}"


def test_time_slices_are_as_long_as_the_fast_interval_of_the_settings() -> None:
    settings = document("Settings", "settings", "{intervals: {fast: 15s}}")
    slo = slo_of(slo_text(sli="    gauge: {expr: up, bad_when: '== 0'}\n"), settings)

    assert "[$window:15s]" in slo.sli.total
    assert slo.sli.total.endswith("/ 15")


@pytest.mark.parametrize(
    ("side", "text", "errors"),
    [
        ("bad", "sum(rate(a[$window])) / sum(rate(b[$window]))", "sum(rate(a[$window]))"),
        (
            "good",
            "sum(rate(a[$window])) / sum(rate(b[$window]))",
            "sum(rate(b[$window])) - (sum(rate(a[$window])) or 0 * sum(rate(b[$window])))",
        ),
        ("good", "1 - sum(rate(a[$window])) / sum(rate(b[$window]))", "sum(rate(a[$window]))"),
    ],
)
def test_a_ratio_regains_its_weights(side: str, text: str, errors: str) -> None:
    assert sli_of(f"    ratio: {{{side}: '{text}'}}\n") == (errors, "sum(rate(b[$window]))")


def test_a_ratio_without_weights_is_a_time_slice_with_a_warning() -> None:
    text = slo_text(sli="    ratio: {good: 'avg(avg_over_time(g[$window]))'}\n")
    problems = problems_of(text)

    assert [(p.code, p.level) for p in problems] == [("SLO055", Level.WARNING)]
    assert slo_of(text).sli.errors == "(1 - (avg(avg_over_time(g[$window])) >= 0)) / 30"


def test_spans_are_counted_by_the_collector() -> None:
    sli = """\
    spans:
      service: worker
      span_name: run
      attributes: {kind: tool}
      bad: {status: false, attributes: {outcome: timeout}, above: 2s}
"""
    found = slo_of(slo_text(sli=sli)).sli

    assert found.kind is SliKind.SPANS
    assert found.errors == (
        f'sum(rate({SLI_EVENTS}{{outcome="bad",slo_id="shop-checkout"}}[$window]))'
    )
    assert found.total == f'sum(rate({SLI_EVENTS}{{slo_id="shop-checkout"}}[$window]))'
    assert found.spans == SpansMatch(
        service="worker",
        span_name="run",
        attributes={"kind": "tool"},
        bad_status=False,
        bad_attributes={"outcome": "timeout"},
        bad_above=Duration.parse("2s"),
    )


@pytest.mark.parametrize(
    ("sli", "code"),
    [
        ("    {}\n", "SLO018"),
        ("    events: {bad: 'sum(rate(a[$window]))'}\n", "SLO018"),
        ("    events: {good: 'a', bad: 'a', total: 'a'}\n", "SLO018"),
        ("    gauge: {expr: 'x[5m]', bad_when: '== 0'}\n", "SLO052"),
        ("    gauge: {expr: 'rate(x[$window])', bad_when: '== 0'}\n", "SLO051"),
        ("    gauge: {expr: up, bad_when: 'zero'}\n", "SLO016"),
        ("    gauge: {expr: up, bad_when: '> many'}\n", "SLO016"),
        ("    latency: {histogram: a_bucket, threshold: 1s}\n", "SLO017"),
        ("    latency: {histogram: 'a{b=\"c\"}', threshold: 1s}\n", "SLO017"),
        ("    latency: {histogram: a, threshold: fast}\n", "SLO014"),
        ("    latency: {histogram: a, threshold: 1, selector: 'b'}\n", "SLO050"),
        ("    latency: {histogram: a}\n", "SLO011"),
        ("    ratio: {good: 'avg(x)'}\n", "SLO051"),
        ("    ratio: {good: 'avg by (a) (x[$window:])'}\n", "SLO050"),
        ("    spans: {service: a, bad: {status: false}}\n", "SLO018"),
        (
            "    spans: {service: a, attributes: {k: v}, bad: {attributes: {k: v}}}\n",
            "SLO018",
        ),
        ("    spans: {service: a, bad: {status: maybe}}\n", "SLO016"),
        ("    events: {bad: 'sum(increase(a[$window])) > 1', total: 'sum(b)'}\n", "SLO054"),
        (
            "    events: {bad: 'sum(rate(a[$window]) > bool 0)', total: 'sum(rate(b[$window]))'}\n",
            "SLO054",
        ),
    ],
)
def test_an_sli_that_cannot_be_is_refused(sli: str, code: str) -> None:
    assert code in codes_of(slo_text(sli=sli))


ZEROED = "sum(rate(a[$window])) or vector(0)"


@pytest.mark.parametrize(
    "sli",
    [
        f"    events: {{bad: '{ZEROED}', total: 'sum(rate(b[$window]))'}}\n",
        (
            "    events: {bad: '(sum(rate(a[$window])) or on () vector(0))',"
            " total: 'sum(rate(b[$window]))'}\n"
        ),
        f"    ratio: {{bad: '({ZEROED}) / sum(rate(b[$window]))'}}\n",
    ],
)
def test_a_zero_that_the_rules_fill_in_anyway_is_left_out(sli: str) -> None:
    assert sli_of(sli) == ("sum(rate(a[$window]))", "sum(rate(b[$window]))")


def test_another_default_than_zero_is_kept() -> None:
    sli = (
        "    events: {bad: 'sum(rate(a[$window])) or vector(1)', total: 'sum(rate(b[$window]))'}\n"
    )
    assert sli_of(sli)[0] == "(sum(rate(a[$window])) or vector(1))"


@pytest.mark.parametrize("window", ["99999999999d", "366d", "59m", "1ms"])
def test_a_window_that_no_budget_has_is_refused(window: str) -> None:
    found = problems_of(slo_text(more=f"  window: {window}\n"))

    assert [problem.code for problem in found] == ["SLO014"]
    assert found[0].place is not None
    assert found[0].place.line == 11


def test_a_window_of_a_class_is_refused_once_and_where_it_stands() -> None:
    text = slo_text(more="  class: long\n")

    assert codes_of(text, document("Class", "long", "{window: 10y}")) == ["SLO014"]


@pytest.mark.parametrize("window", ["1h", "1d", "7d", "4w", "28d", "30d", "90d", "1y"])
def test_a_window_of_an_hour_to_a_year_is_taken(window: str) -> None:
    slo = slo_of(slo_text(more=f"  window: {window}\n"))

    assert slo.window == Rolling(Duration.parse(window))


def test_spans_are_told_apart_by_attributes() -> None:
    spans = """\
    spans:
      service: worker
      labels: {agent: gen_ai.agent.name}
      values: {agent: [planner, coder, planner]}
"""
    found = slo_of(slo_text(sli=spans, more="  by: [region, agent]\n")).sli

    series = f'{SLI_EVENTS}{{slo_id="shop-checkout"}}'
    assert found.total == f"sum by (agent, region) (rate({series}[$window]))"
    assert found.errors.startswith("sum by (agent, region) (rate(")
    assert found.spans is not None
    assert found.spans.labels == {"agent": "gen_ai.agent.name", "region": "region"}
    assert found.spans.values == {"agent": ("coder", "planner")}


@pytest.mark.parametrize(
    ("by", "more", "words"),
    [
        ("[x]", "labels: {y: z}", "labels names y, which by does not"),
        ("[x]", "values: {y: [z]}", "values names y, which by does not"),
        ("[outcome]", "span_name: run", "have a label outcome already"),
        ("[a, b, c, d, e]", "span_name: run", "takes 4 labels in by, got 5"),
        ("[x]", 'values: {x: [""]}', "1 to 128 characters"),
        ("[x]", f"values: {{x: {list(map(str, range(1001)))}}}", "make 1001 budgets"),
    ],
)
def test_what_the_collector_cannot_tell_apart_is_refused(by: str, more: str, words: str) -> None:
    text = slo_text(sli=f"    spans: {{service: a, {more}}}\n", more=f"  by: {by}\n")

    (problem,) = problems_of(text)
    assert (problem.code, words in problem.text) == ("SLO057", True), problem.text


@pytest.mark.parametrize(
    "objective",
    [
        "0",
        "100",
        "101",
        "-1",
        "99.9%",
        "many",
        "nan",
        "inf",
        "1e400",
        "9e999999999",
        "99.99999999999",
        "''",
        "[99]",
    ],
)
def test_an_impossible_objective_is_refused(objective: str) -> None:
    codes = codes_of(slo_text(objective=objective))

    assert len(codes) == 1
    assert codes[0] in {"SLO012", "SLO013"}


def test_problems_of_one_slo_are_told_all_at_once() -> None:
    text = slo_text(
        objective="101",
        sli="    events: {bad: 'sum(rate(a[$window])', total: 'rate(b[$window])'}\n",
        more="  windw: 30d\n  window: 30\n  by: [severity]\n  alerting: {policy: none, idle: no}\n",
        owner="nobody",
    )

    assert sorted(codes_of(text)) == [
        "SLO010", "SLO012", "SLO014", "SLO016", "SLO021", "SLO027", "SLO029", "SLO050", "SLO053",
    ]  # fmt: skip


def test_problems_stand_in_the_order_of_the_file() -> None:
    problems = problems_of(slo_text(objective="0"), slo_text("search", owner="webb"))

    assert [p.place.line for p in problems if p.place] == sorted(
        p.place.line for p in problems if p.place
    )
    assert [p.code for p in problems] == ["SLO012", "SLO021"]


def test_an_unknown_key_is_marked_and_the_nearest_one_offered() -> None:
    text = slo_text(more="  ownr: web\n")
    problem = problems_of(text)[0]

    assert marked(problem, text) == "ownr"
    assert problem.help == "did you mean owner?"


def test_a_fault_in_promql_is_marked_inside_a_block() -> None:
    sli = """\
    events:
      total: sum(rate(b[$window]))
      bad: |
        sum(
          rate(a[$win])
        )
"""
    text = slo_text(sli=sli)
    problem = problems_of(text)[0]

    assert (problem.code, marked(problem, text)) == ("SLO050", "$win")


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


def test_a_document_of_an_unclear_kind_causes_no_other_complaint() -> None:
    text = slo_text(owner="ops")
    odd = TEAM.replace("Team", "Taem").replace("name: web", "name: ops")

    assert codes_of(text, odd) == ["SLO019"]
