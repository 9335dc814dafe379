"""Files of sloth, pyrra and OpenSLO mean with us what their formats say they mean."""

from __future__ import annotations

import pytest

from slo.diagnostic import Level
from slo.importers.native import RESERVED
from slo.model import Calendar, Rolling
from slo.promql import canonical
from slo.spec import SourceFile, read
from slo.spec.check import RESERVED_LABELS
from tests.foreign import (
    EVENTS,
    RATIO,
    SLOTH_KUBERNETES,
    SUITE,
    V1ALPHA,
    Foreign,
    openslo,
    pyrra,
    read_foreign,
    sloth,
    source,
    told,
)


@pytest.mark.parametrize("case", SUITE, ids=lambda case: case.name)
def test_bad_and_all_events_are_those_of_the_format(case: Foreign) -> None:
    project, problems = read_foreign(case.text)

    assert project is not None, problems
    found = {slo.slo_id: (slo.sli.errors, slo.sli.total) for slo in project.slos}
    assert found == {
        slo_id: (canonical(errors), canonical(total))
        for slo_id, (errors, total) in case.means.items()
    }


def test_objective_window_and_owner_are_kept() -> None:
    project, _ = read_foreign(V1ALPHA)

    assert project is not None
    slo = project.slos[0]
    assert (slo.objective.percent(), slo.owner, slo.title) == ("98", "web", "The API")
    assert isinstance(slo.window, Rolling)
    assert slo.window.length.promql() == "30d"


def test_sloths_alerts_become_the_four_windows_and_nothing_else() -> None:
    project, _ = read_foreign(sloth(EVENTS))

    assert project is not None
    tiers = project.slos[0].alerting.tiers
    assert [(str(tier.burn), tier.long.promql()) for tier in tiers] == [
        ("72/5", "1h"),
        ("6", "6h"),
        ("3", "1d"),
        ("1", "3d"),
    ]


def test_a_disabled_page_leaves_the_tickets() -> None:
    project, _ = read_foreign(SLOTH_KUBERNETES)

    assert project is not None
    slo = project.slos[0]
    assert {tier.severity for tier in slo.alerting.tiers} == {"ticket"}
    assert slo.by == ("zone",)
    assert slo.labels == {"owner": "web"}


def test_what_sloth_says_beyond_us_is_named_at_its_place() -> None:
    text = sloth(EVENTS + "    alerting:\n      name: High\n      page_alert: {labels: {a: b}}\n")

    _, problems = read_foreign(text)

    assert told(problems) == [("SLO070", 11), ("SLO070", 12)]


def test_an_unknown_key_is_never_lost_in_silence() -> None:
    _, problems = read_foreign(sloth(EVENTS + "    brandnew: 1\n"))

    assert told(problems) == [("SLO070", 10)]
    assert "brandnew" in problems[0].text


def test_a_plugin_cannot_be_measured() -> None:
    text = sloth("  - name: api\n    objective: 99\n    sli: {plugin: {id: x/y}}\n")

    project, problems = read_foreign(text)

    assert project is None
    assert told(problems) == [("SLO073", 6)]


def test_a_fault_in_a_templated_query_is_drawn_at_its_column() -> None:
    query = "sum(rate(a_total[{{ .window }}])) + nope(b)"
    text = sloth(
        "  - name: api\n    objective: 99\n    sli:\n      events:\n"
        f"        error_query: {query}\n        total_query: {query.partition(' +')[0]}\n"
    )

    _, problems = read_foreign(text)

    fault = next(problem for problem in problems if problem.code == "SLO050")
    assert fault.place is not None
    line = text.split("\n")[fault.place.line - 1]
    assert line[fault.place.column - 1 :].startswith("nope")


def test_pyrra_wants_series_and_not_expressions() -> None:
    text = pyrra("    ratio: {errors: {metric: sum(a_total)}, total: {metric: b_total}}\n")

    project, problems = read_foreign(text)

    assert project is None
    assert told(problems, "SLO071") == [("SLO071", 8)]


def test_a_policy_that_is_only_named_is_told_how_to_be_named() -> None:
    text = (
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\n"
        "spec:\n  service: web\n  alertPolicies: [fast]\n"
    )

    _, problems = read_foreign(text)

    assert "write - alertPolicyRef: NAME" in [problem.help for problem in problems]


GAUGE = "    bool_gauge: {metric: up}\n"


def test_pyrras_burn_rates_over_28_days_are_kept_with_their_waits() -> None:
    project, problems = read_foreign(pyrra(GAUGE))

    assert project is not None
    tiers = project.slos[0].alerting.tiers
    assert [
        (str(tier.burn), tier.long.promql(), tier.short and tier.short.promql(), tier.hold.promql())
        for tier in tiers
    ] == [
        ("14", "1h", "5m", "2m"),
        ("7", "6h", "30m", "15m"),
        ("2", "1d", "2h", "1h"),
        ("1", "4d", "6h", "3h"),
    ]
    assert told(problems, "SLO070") == []


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            "30d",
            [
                ("1h4m", "5m", "2m"),
                ("6h26m", "32m", "16m"),
                ("1d1h43m", "2h9m", "1h4m"),
                ("4d6h51m", "6h26m", "3h13m"),
            ],
        ),
        (
            "1w",
            [
                ("15m", "1m", "1m"),
                ("1h30m", "8m", "4m"),
                ("6h", "30m", "15m"),
                ("1d", "1h30m", "45m"),
            ],
        ),
    ],
)
def test_pyrras_burn_rates_grow_with_the_window_as_pyrra_lets_them(
    window: str, expected: list[tuple[str, str, str]]
) -> None:
    project, problems = read_foreign(pyrra(GAUGE).replace("4w", window))

    assert project is not None
    found = project.slos[0].alerting.tiers
    assert [
        (tier.long.promql(), tier.short and tier.short.promql(), tier.hold.promql())
        for tier in found
    ] == expected
    assert told(problems, "SLO070") == []


def test_what_pyrra_itself_could_not_evaluate_is_named() -> None:
    project, problems = read_foreign(pyrra(GAUGE).replace("4w", "2d"))

    assert project is not None
    assert [tier.name for tier in project.slos[0].alerting.tiers] == ["slow", "trend", "drift"]
    assert told(problems, "SLO070") == [("SLO070", 6)]


def test_pyrras_burn_rates_that_are_off_alert_nobody() -> None:
    project, problems = read_foreign(pyrra(GAUGE, "  alerting: {burnrates: false}\n"))

    assert project is not None
    assert project.slos[0].alerting.tiers == ()
    assert told(problems, "SLO070") == []


def test_a_bucket_of_another_metric_is_counted_as_written() -> None:
    text = pyrra(
        "    latency: {success: {metric: 'fast_bucket{le=\"1\"}'}, total: {metric: all_count}}\n"
    )

    project, problems = read_foreign(text)

    assert project is not None
    assert '"1"' in project.slos[0].sli.errors
    assert ("SLO074", 8) in told(problems)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("{duration: 1w, calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC}}", "week"),
        ("{duration: 1M, calendar: {startTime: 2024-03-01 00:00:00, timeZone: UTC}}", "month"),
        ("{duration: 3M, calendar: {startTime: 2024-04-01 00:00:00, timeZone: UTC}}", "quarter"),
        ("{duration: 1Y, calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC}}", "year"),
    ],
)
def test_a_calendar_window_that_starts_at_a_boundary_is_kept(window: str, expected: str) -> None:
    text = openslo(RATIO, "{target: 0.99}").replace("{duration: 28d, isRolling: true}", window)

    project, problems = read_foreign(text)

    assert project is not None
    assert project.slos[0].window == Calendar(expected, "UTC")
    assert told(problems, "SLO070") == []


def test_a_calendar_window_that_we_do_not_know_rolls_and_is_told() -> None:
    window = "{duration: 14d, calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC}}"
    text = openslo(RATIO, "{target: 0.99}").replace("{duration: 28d, isRolling: true}", window)

    project, problems = read_foreign(text)

    assert project is not None
    assert isinstance(project.slos[0].window, Rolling)
    assert told(problems, "SLO070") == [("SLO070", 7)]


POLICY = """\
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: slow}
      spec:
        alertWhenBreaching: true
        conditions:
          - kind: AlertCondition
            metadata: {name: slow}
            spec:
              severity: page
              condition: {op: OP, threshold: 6, lookbackWindow: WINDOW, alertAfter: 0m}
"""


def policy(window: str, op: str = "gt") -> str:
    return openslo(
        RATIO, "{target: 0.999}", more=POLICY.replace("WINDOW", window).replace("OP", op)
    )


def test_a_condition_that_a_tier_says_too_is_that_tier_alone() -> None:
    project, problems = read_foreign(policy("6h"))

    assert project is not None
    alerting = project.slos[0].alerting
    assert (alerting.policy, [tier.name for tier in alerting.tiers]) == (
        "sre-multiwindow",
        ["slow"],
    )
    assert told(problems, "SLO070", "SLO075") == []


def test_a_condition_that_no_tier_says_is_kept_in_a_policy_of_its_own() -> None:
    project, problems = read_foreign(policy("7h"))

    assert project is not None
    alerting = project.slos[0].alerting
    assert alerting.policy == "openslo-shop-api"
    assert [
        (str(tier.form), str(tier.severity), tier.burn, tier.long.promql(), tier.short)
        for tier in alerting.tiers
    ] == [("window", "page", 6, "7h", None)]
    assert told(problems, "SLO070") == []


def test_a_severity_that_nobody_knows_pages_and_is_told() -> None:
    project, problems = read_foreign(policy("7h").replace("severity: page", "severity: sev2"))

    assert project is not None
    assert [str(tier.severity) for tier in project.slos[0].alerting.tiers] == ["page"]
    assert told(problems, "SLO070") == [("SLO070", 9)]


def test_objectives_of_one_document_share_its_policy() -> None:
    several = policy("7h").replace(
        "objectives: [{target: 0.999}]", "objectives: [{target: 0.999}, {target: 0.99}]"
    )

    project, _ = read_foreign(several)

    assert project is not None
    assert {slo.alerting.policy for slo in project.slos} == {"openslo-shop-api"}


def test_an_inverted_condition_is_told() -> None:
    _, problems = read_foreign(policy("6h", "lte"))

    assert told(problems, "SLO075") == [("SLO075", 18)]


def test_references_go_across_files_and_a_lost_one_is_an_error() -> None:
    head = "apiVersion: openslo/v1\nkind: "
    first = f"{head}DataSource\nmetadata: {{name: metrics}}\nspec: {{type: Prometheus}}\n"
    second = (
        f"{head}SLI\nmetadata: {{name: depth}}\nspec:\n"
        "  thresholdMetric: {metricSource: {metricSourceRef: metrics, spec: {query: depth}}}\n"
    )
    third = (
        f"{head}SLO\nmetadata: {{name: api}}\n"
        "spec: {service: shop, budgetingMethod: Occurrences, indicatorRef: depth, "
        "objectives: [{op: lt, value: 1, target: 0.9}]}\n"
    )

    whole, _ = read_foreign(third, first, second)
    partial, problems = read_foreign(third, first)

    assert whole is not None
    assert partial is None
    assert told(problems, "SLO072") == [("SLO072", 4)]


def test_another_systems_query_is_impossible() -> None:
    metric = f"thresholdMetric: {source('depth')}".replace("Prometheus", "Datadog")

    project, problems = read_foreign(openslo(metric, "{op: lt, value: 1, target: 0.9}"))

    assert project is None
    assert told(problems) == [("SLO073", 11)]


def test_objectives_with_indicators_of_their_own_make_a_composite() -> None:
    own = f"indicator: {{spec: {{{RATIO}}}}}"
    text = (
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: whole}\nspec:\n  service: shop\n"
        "  budgetingMethod: Occurrences\n  objectives:\n"
        f"    - {{displayName: a, target: 0.99, compositeWeight: 3, {own}}}\n"
        f"    - {{displayName: b, target: 0.95, {own}}}\n"
    )

    project, _ = read_foreign(text)

    assert project is not None
    whole = next(slo for slo in project.slos if slo.slo_id == "shop-whole")
    assert whole.objective.percent() == "98"
    assert {slo.slo_id for slo in project.slos} == {"shop-whole", "shop-whole-a", "shop-whole-b"}
    assert "3 *" in whole.sli.errors


def test_two_objectives_on_one_indicator_are_two_budgets_and_no_composite() -> None:
    text = openslo(RATIO, "{target: 0.99}\n    - {target: 0.95}")

    project, _ = read_foreign(text)

    assert project is not None
    assert [slo.slo_id for slo in project.slos] == ["shop-api-1", "shop-api-2"]


def test_a_label_that_alerts_set_themselves_is_refused_as_in_our_own_files() -> None:
    assert RESERVED == RESERVED_LABELS


def test_an_import_without_an_owner_asks_for_one() -> None:
    _, problems = read([SourceFile("a.yaml", sloth(EVENTS), named=True)])

    assert {problem.code for problem in problems if problem.level is Level.ERROR} == {"SLO011"}
