"""Composites, several objectives on one SLI, and native histograms, from the file to the truth."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import promql_parser as pp
import pytest

from slo.exact import Duration
from slo.model import Calendar, Rolling, Severity, SliKind
from slo.plugin import Verdict
from slo.promql import bind
from slo.prove.promtool import PROOF
from slo.replay import levels
from slo.rules import compile_project
from tests.front_end import codes_of, problems_of, project_of, slo_text
from tests.rule_projects import promtool, write_tree

MEMBERS = (slo_text("a", objective="99"), slo_text("b", objective="90"))
TWO = "    composite: {of: [a, b]}\n"


def composite(sli: str, name: str = "whole", more: str = "") -> str:
    return slo_text(name, sli=sli, more=more)


def expressions(sli: str) -> tuple[str, str]:
    slos = {slo.name: slo for slo in project_of(*MEMBERS, composite(sli)).slos}
    assert slos["whole"].sli.kind is SliKind.COMPOSITE
    return slos["whole"].sli.errors, slos["whole"].sli.total


# Member a: 100 events per second, 2 bad. Member b: 10 events per second, 1 bad.
RECORDED = {
    'slo:sli_total:rate5m{slo_id="shop-a"}': "100",
    'slo:sli_errors:rate5m{slo_id="shop-a"}': "2",
    'slo:sli_error:ratio_rate5m{slo_id="shop-a"}': "0.02",
    'slo:sli_total:rate5m{slo_id="shop-b"}': "10",
    'slo:sli_errors:rate5m{slo_id="shop-b"}': "1",
    'slo:sli_error:ratio_rate5m{slo_id="shop-b"}': "0.1",
}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("sli", "ratio", "total"),
    [
        (TWO, "3 / 110", "110"),
        ("    composite: {of: [{slo: a, weight: 2}, b]}\n", "(2 * 2 + 1) / 210", "210"),
        # a spends more than its 1 percent; b is at its 10 percent and not above.
        ("    composite: {of: [a, b], method: all}\n", "1", "1 / 30"),
        ("    composite: {of: [b], method: all}\n", "0", "1 / 30"),
        ("    composite: {of: [a, b], method: minimum}\n", "0.1", "1 / 30"),
    ],
)
def test_a_composite_is_what_its_method_says(
    sli: str, ratio: str, total: str, tmp_path: Path
) -> None:
    errors, every = (bind(text, Duration.parse("5m")) for text in expressions(sli))
    exact = "1e-9"
    checks = [
        f"abs(({errors}) / ({every}) - {ratio}) < bool {exact}",
        f"abs({every} - {total}) < bool {exact}",
    ]
    tests = {
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": name, "values": f"{value}x10"} for name, value in RECORDED.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": check,
                        "eval_time": "5m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for check in checks
                ],
            }
        ],
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps(tests))
    command = [str(promtool()), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_member_that_is_silent_is_not_missed() -> None:
    errors, total = expressions("    composite: {of: [{slo: a, weight: 2}, b]}\n")

    assert " or " in errors
    assert " or " in total


def test_agents_of_one_slo_become_a_fleet() -> None:
    agents = slo_text("a", more="  by: [agent]\n")
    fleet = composite("    composite: {of: [a], method: minimum}\n")

    slos = {slo.name: slo for slo in project_of(agents, fleet).slos}

    assert slos["whole"].by == ()
    assert "max(slo:sli_error:ratio_rate5m" in slos["whole"].sli.errors


def test_a_composite_keeps_the_labels_that_all_its_members_have() -> None:
    agents = [slo_text(name, more="  by: [agent, pool]\n") for name in ("a", "b")]
    fleet = composite(TWO, more="  by: [pool]\n")

    slos = {slo.name: slo for slo in project_of(*agents, fleet).slos}

    assert "by (pool)" in slos["whole"].sli.errors


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ((*MEMBERS, composite(TWO, more="  by: [pool]\n")), "SLO053"),
        ((*MEMBERS, composite("    composite: {of: [a, c]}\n")), "SLO021"),
        ((*MEMBERS, composite("    composite: {of: []}\n")), "SLO018"),
        ((*MEMBERS, composite("    composite: {of: [a, a]}\n")), "SLO013"),
        ((*MEMBERS, composite("    composite: {of: [{slo: a, weight: 2}, a]}\n")), "SLO018"),
        ((*MEMBERS, composite("    composite: {of: [a], method: best}\n")), "SLO016"),
        (
            (*MEMBERS, composite("    composite: {of: [{slo: a, weight: 2}], method: all}\n")),
            "SLO018",
        ),
        (
            (
                composite("    composite: {of: [y]}\n", "x"),
                composite("    composite: {of: [x]}\n", "y"),
            ),
            "SLO023",
        ),
        ((composite("    composite: {of: [x]}\n", "x"),), "SLO023"),
    ],
)
def test_a_composite_that_cannot_be_is_refused(texts: tuple[str, ...], code: str) -> None:
    errors = [problem for problem in problems_of(*texts) if problem.level == "error"]

    assert {problem.code for problem in errors} == {code}


def test_a_broken_member_is_told_once() -> None:
    broken = slo_text("a", objective="101")

    assert [p.code for p in problems_of(broken, composite("    composite: {of: [a]}\n"))] == [
        "SLO012"
    ]


def test_composites_of_composites_are_read_whatever_their_order() -> None:
    top = composite("    composite: {of: [middle], method: minimum}\n", "above")
    middle = composite(TWO, "middle")

    project = project_of(top, *MEMBERS, middle)

    order = [slo.name for slo in project.slos]
    assert order == ["a", "above", "b", "middle"]


def test_a_replay_records_members_before_what_is_made_of_them() -> None:
    project = project_of(*MEMBERS, composite(TWO))
    groups = [group for file in compile_project(project).rule_files for group in file.groups]

    order = [
        (timed.rule.labels.get("slo_id"), timed.rule.record)
        for level in levels(groups)
        for timed in level
    ]

    assert order.index(("shop-a", "slo:sli_total:rate5m")) < order.index(
        ("shop-whole", "slo:sli_total:rate5m")
    )


def test_a_composite_reads_nothing_raw_and_no_window_but_five_minutes() -> None:
    project = project_of(*MEMBERS, composite(TWO))
    rules = {
        rule.expr
        for file in compile_project(project).rule_files
        for group in file.groups
        if group.name.startswith("shop-whole")
        for rule in group.rules
    }

    assert not any("_total[" in expr for expr in rules)


OBJECTIVES = """\
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: checkout, service: shop, title: Checkout}
spec:
  owner: web
  description: Orders.
  alerting: {policy: sre-multiwindow, idle: ticket}
  objectives:
    - {name: month, objective: 99.9, window: {calendar: month}}
    - {name: week, objective: 99, window: 7d, alerting: {severities: [ticket]}}
  sli: {events: {bad: 'sum(rate(e_total[$window]))', total: 'sum(rate(r_total[$window]))'}}
"""


def test_each_objective_is_an_slo_with_an_id_a_window_and_alerts_of_its_own() -> None:
    month, week = project_of(OBJECTIVES).slos

    assert (month.slo_id, month.title) == ("shop-checkout-month", "Checkout (month)")
    assert (month.window, month.objective.percent()) == (Calendar("month", "UTC"), "99.9")
    assert (week.slo_id, week.window) == ("shop-checkout-week", Rolling(Duration.parse("7d")))
    assert {tier.severity for tier in week.alerting.tiers} == {Severity.TICKET}
    assert {tier.severity for tier in month.alerting.tiers} == set(Severity)


def test_objectives_share_the_sli_and_what_they_do_not_say() -> None:
    month, week = project_of(OBJECTIVES).slos

    assert month.sli == week.sli
    assert (week.description, week.owner, week.alerting.idle) == ("Orders.", "web", "ticket")


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("  owner: web\n", "  owner: web\n  objective: 99\n", "SLO018"),
        ("  owner: web\n", "  owner: web\n  window: 7d\n", "SLO018"),
        ("name: week, ", "", "SLO011"),
        ("objective: 99, ", "", "SLO011"),
        ("name: week", "name: month", "SLO020"),
        ("objective: 99,", "objectiv: 99,", "SLO010"),
    ],
)
def test_a_fault_in_the_objectives_is_told(before: str, after: str, code: str) -> None:
    assert code in codes_of(OBJECTIVES.replace(before, after))


def test_a_native_histogram_is_counted_and_cut_at_any_threshold() -> None:
    native = "    latency: {histogram: lat_seconds, native: true, threshold: 300ms}\n"

    (slo,) = project_of(slo_text(sli=native, more="  by: [region]\n")).slos

    rate = "sum by (region) (rate(lat_seconds[$window]))"
    assert slo.sli.total == f"histogram_count({rate})"
    fraction = f"histogram_fraction(-Inf, 0.3, {rate})"
    assert slo.sli.errors == f"(histogram_count({rate}) > 0) * (1 - {fraction})"
    pp.parse(bind(slo.sli.errors, Duration.parse("5m")))


@pytest.mark.servers
def test_the_generated_tests_of_composites_pass(tmp_path: Path) -> None:
    project = project_of(
        *MEMBERS, composite(TWO), composite("    composite: {of: [a, whole], method: all}\n", "all")
    )
    write_tree(compile_project(project), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert results
    assert [(r.name, r.detail) for r in results if r.verdict is not Verdict.PASSED] == []
