"""The generated unit tests: they pass on the rules they came with, and on no others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from slo import names
from slo.emit.tests import GENERATOR
from slo.exact import Duration
from slo.model import (
    AlertRule,
    Calendar,
    Compiled,
    Intervals,
    RecordRule,
    RuleFile,
    Settings,
    Slo,
)
from slo.plugin import Verdict
from slo.policy import PolicyName, PolicyOptions
from slo.prove.links import PROOF as LINKS
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from tests.rule_projects import make_project, make_slo, promtool, write_tree

servers = pytest.mark.servers
GAUGE = "sum(count_over_time((max(queue_age) > 5)[$window:30s])) / 300"


def written(folder: Path, compiled: Compiled) -> dict[str, list[dict[str, object]]]:
    write_tree(compiled, folder)
    return {
        file.name: yaml.safe_load(file.read_text())["tests"]
        for file in sorted((folder / "prometheus/tests").glob("*.test.yaml"))
    }


def complaints(folder: Path) -> str:
    promtool()
    return "\n".join(
        result.detail for result in PROOF.run(folder) if result.verdict is not Verdict.PASSED
    )


CASES = {
    "multiwindow": make_slo(objective="99.9"),
    "tight": make_slo(objective="99.99"),
    "repaired": make_slo(objective="80"),
    "week": make_slo(window="7d"),
    "calendar": make_slo(window=Calendar("month", "Europe/Berlin")),
    "literal": make_slo(policy=PolicyName.FLEET_SUSTAINED),
    "windowed": make_slo(
        policy=PolicyName.FLEET_SUSTAINED, options=PolicyOptions(form="windowed"), objective="99.5"
    ),
    "median": make_slo(
        policy=PolicyName.FLEET_SUSTAINED,
        objective="50",
        options=PolicyOptions(off=frozenset({"page"})),
    ),
    "traffic": make_slo(
        policy=PolicyName.BUDGET_AWARE, objective="99.95", events_per_second=Fraction(500)
    ),
    "groups": make_slo(by=("agent", "pool"), idle="page"),
    "a lost signal pages": make_slo(signal_lost="page"),
    "a lost signal is fine": make_slo(signal_lost="ok", idle="ticket"),
    "never alerts": make_slo(signal_lost="ok", options=PolicyOptions(severities=frozenset())),
    "latency": make_slo(
        errors='sum(rate(d_count[$window])) - sum(rate(d_bucket{le="0.05"}[$window]))',
        total="sum(rate(d_count[$window]))",
    ),
    "recorded level": make_slo(
        errors=GAUGE, total="sum(count_over_time(queue_age[$window])) / 300"
    ),
    "zero for each part": make_slo(
        errors='(sum(rate(a{o="x"}[$window])) or vector(0))'
        ' + (sum(rate(a{o="y"}[$window])) or on() vector(0))',
        total="sum(rate(a[$window]))",
    ),
    "always some total": make_slo(
        errors='sum(rate(a{o="x"}[$window]))', total="sum(rate(a[$window])) or vector(0)"
    ),
    "eager": make_slo(options=PolicyOptions(min_events=Fraction(1))),
}  # fmt: skip


@servers
@pytest.mark.parametrize("name", CASES)
def test_the_generated_tests_pass_on_their_own_rules(name: str, tmp_path: Path) -> None:
    write_tree(compile_project(make_project(CASES[name])), tmp_path)

    assert complaints(tmp_path) == ""


@servers
@pytest.mark.parametrize("fast", ["10s", "45s", "1m", "90s", "2m"])
def test_they_pass_at_whatever_interval_the_rules_are_evaluated(fast: str, tmp_path: Path) -> None:
    settings = Settings(intervals=Intervals(fast=Duration.parse(fast)))
    slos = (make_slo(idle="ticket"), make_slo("held", policy=PolicyName.FLEET_SUSTAINED))
    write_tree(compile_project(make_project(*slos, settings=settings)), tmp_path)

    assert complaints(tmp_path) == ""


@servers
def test_promtool_passes_them_as_they_are_without_our_help(tmp_path: Path) -> None:
    write_tree(compile_project(make_project(CASES["literal"], make_slo("other"))), tmp_path)

    files = sorted((tmp_path / "prometheus/tests").glob("*.yaml"))
    ended = subprocess.run(
        [promtool(), "test", "rules", *files], capture_output=True, text=True, check=False
    )

    assert len(files) == 2
    assert ended.returncode == 0, ended.stdout + ended.stderr


Change = Callable[[RecordRule | AlertRule], RecordRule | AlertRule | None]


def changed(compiled: Compiled, change: Change) -> Compiled:
    """The same project with other rules."""
    files = [
        RuleFile(
            file.service,
            tuple(
                replace(group, rules=tuple(new for rule in group.rules if (new := change(rule))))
                for group in file.groups
            ),
        )
        for file in compiled.rule_files
    ]
    return replace(compiled, rule_files=tuple(files))


def in_expr(before: str, after: str, *, record: str = "", tier: str = "") -> Change:
    """A mutant: `before` is replaced in the rule that records `record` or is of `tier`."""

    def change(rule: RecordRule | AlertRule) -> RecordRule | AlertRule:
        if isinstance(rule, RecordRule):
            return (
                replace(rule, expr=rule.expr.replace(before, after))
                if rule.record == record
                else rule
            )
        meant = bool(tier) and rule.tier is not None and rule.tier.name == tier
        return replace(rule, expr=rule.expr.replace(before, after)) if meant else rule

    return change


def of_alert(name: str, **changes: object) -> Change:
    def change(rule: RecordRule | AlertRule) -> RecordRule | AlertRule:
        if isinstance(rule, AlertRule) and name in {rule.name, rule.labels.get("slo_tier")}:
            return replace(rule, **changes)  # type: ignore[arg-type] - fields of AlertRule
        return rule

    return change


def without(name: str) -> Change:
    def change(rule: RecordRule | AlertRule) -> RecordRule | AlertRule | None:
        own = {getattr(rule, "record", ""), getattr(rule, "name", ""), rule.labels.get("slo_tier")}
        return None if name in own else rule

    return change


RATE5 = "slo:sli_errors:rate5m"
MUTANTS = {
    "a page that starts too early": in_expr("> 0.144", "> 0.12", tier="fast"),
    "a page that starts too late": in_expr("> 0.144", "> 0.17", tier="fast"),
    "an outage that starts too late": in_expr("> 0.25", "> 0.3", tier="outage"),
    "a ticket at twice its burn": in_expr("> 0.03", "> 0.06", tier="trend"),
    "a drift that can never fire": in_expr("> 0.01", "> 1", tier="drift"),
    "a gate without errors counted": in_expr(">= 10", ">= 0", tier="fast"),
    "a gate that never opens": in_expr(">= 10", ">= 1e9", tier="slow"),
    "a gate open for whoever is busy": in_expr("on (slo_id, agent)", "on (slo_id)", tier="fast"),
    "no zero where there are no errors": in_expr(
        " or 0 * sum by (agent) (rate(actions_total[5m]))", "", record=RATE5
    ),
    "a division by no traffic": in_expr("} > 0)", "} >= 0)", record="slo:sli_error:ratio_rate5m"),
    "an outage told late": of_alert("outage", hold=Duration.parse("90s")),
    "a page that never ends": of_alert("fast", keep_firing_for=Duration.parse("7m")),
    "another severity": of_alert("fast", labels={"severity": "ticket", "slo_tier": "fast",
                                                 "slo_id": "fleet-action-success"}),
    "silence when the targets are gone": without(names.SIGNAL_LOST),
    "a lost signal told at once": of_alert(names.SIGNAL_LOST, hold=Duration(0)),
    "no ratio of six hours": without("slo:sli_error:ratio_rate6h"),
    "one tier less": without("slow"),
    "an alert that joins the description": in_expr(
        "> 0.25", "* on (slo_id) group_left () slo_info > 0.25", tier="outage"
    ),
    "a rate for each target": in_expr("sum by (agent)", "sum by (agent, relabelled)",
                                      record="slo:sli_total:rate5m"),
}  # fmt: skip


@servers
@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_wrong_fails_the_tests(name: str, tmp_path: Path) -> None:
    compiled = compile_project(make_project(make_slo(by=("agent",))))
    mutant = changed(compiled, MUTANTS[name])
    assert mutant != compiled
    write_tree(mutant, tmp_path)
    for file in GENERATOR.generate(compiled):
        (tmp_path / file.path).write_text(file.text)

    assert "FAILED" in complaints(tmp_path)


@servers
def test_a_ticket_that_forgets_its_six_hours_fails_the_tests(tmp_path: Path) -> None:
    compiled = compile_project(make_project(CASES["literal"]))
    write_tree(changed(compiled, of_alert("ticket", hold=Duration.parse("5h"))), tmp_path)
    for file in GENERATOR.generate(compiled):
        (tmp_path / file.path).write_text(file.text)

    assert 'slo_tier="ticket"' in complaints(tmp_path)


def test_hours_are_proven_in_coarse_steps_and_minutes_in_fine_ones(tmp_path: Path) -> None:
    found = written(tmp_path, compile_project(make_project(CASES["literal"])))

    assert set(found) == {"fleet.test.yaml", "fleet.long.test.yaml"}
    assert {test["interval"] for test in found["fleet.test.yaml"]} == {"30s"}
    assert [test["name"] for test in found["fleet.long.test.yaml"]] == [
        "fleet-action-success: ticket, held"
    ]


@pytest.mark.parametrize("slo", CASES.values(), ids=list(CASES))
def test_every_tier_is_tested_on_both_sides_of_its_threshold(slo: Slo, tmp_path: Path) -> None:
    tests = written(tmp_path, compile_project(make_project(slo)))["fleet.test.yaml"]

    told = {str(test["name"]).partition(": ")[2] for test in tests}
    for tier in slo.alerting.tiers:
        assert {f"{tier.name}, just below", f"{tier.name}, just above"} <= told
    assert "no errors, no traffic, no signal" in told
    assert ("total outage" in told) == any(tier.hold.ms == 0 for tier in slo.alerting.tiers)


def test_what_cannot_be_derived_from_series_is_fed_as_recorded_rates(tmp_path: Path) -> None:
    raw = written(tmp_path / "raw", compile_project(make_project(CASES["latency"])))
    recorded = written(
        tmp_path / "recorded", compile_project(make_project(CASES["recorded level"]))
    )

    def series(tests: dict[str, list[dict[str, object]]]) -> str:
        return str([test["input_series"] for test in tests["fleet.test.yaml"]])

    assert "d_bucket" in series(raw)
    assert "slo:" not in series(raw)
    assert "slo:sli_errors:rate5m" in series(recorded)


PLANNED = ((1_796_158_800, 1_796_162_400), (1_796_200_000, 1_796_201_000))


@servers
@pytest.mark.parametrize("name", ["multiwindow", "literal", "calendar", "groups", "latency"])
def test_planned_work_is_proven_to_leave_the_budget_alone(name: str, tmp_path: Path) -> None:
    slo = replace(CASES[name], excluded=PLANNED)
    found = written(tmp_path, compile_project(make_project(slo)))

    names_of = [test["name"] for test in found["fleet.excluded.test.yaml"]]
    assert names_of == ["fleet-action-success: planned work"]
    assert complaints(tmp_path) == ""


@servers
def test_a_lost_signal_of_another_severity_fails_the_tests(tmp_path: Path) -> None:
    write_tree(compile_project(make_project(make_slo(signal_lost="ticket"))), tmp_path)
    for file in GENERATOR.generate(compile_project(make_project(make_slo(signal_lost="page")))):
        (tmp_path / file.path).write_text(file.text)

    assert 'severity="page"' in complaints(tmp_path)


@servers
def test_an_alert_on_a_signal_that_may_be_lost_fails_the_tests(tmp_path: Path) -> None:
    write_tree(compile_project(make_project(make_slo(signal_lost="ticket"))), tmp_path)
    for file in GENERATOR.generate(compile_project(make_project(make_slo(signal_lost="ok")))):
        (tmp_path / file.path).write_text(file.text)

    assert names.SIGNAL_LOST in complaints(tmp_path)


FORGETS = {
    "the window": (" * (1 - (time() >= bool 1200) * (time() < bool 2100))", ""),
    "the minutes after it": ("bool 2100", "bool 1800"),
    "that it ends": ("(time() < bool 2100)", "(time() < bool 9999)"),
    "a zero": ("(1 - (time() >=", "((time() <"),
}


@servers
@pytest.mark.parametrize("name", FORGETS)
def test_rules_that_forget_planned_work_fail_the_tests(name: str, tmp_path: Path) -> None:
    slo = replace(make_slo(), excluded=PLANNED)
    write_tree(compile_project(make_project(slo)), tmp_path)
    rules = tmp_path / "prometheus/tests/excluded/fleet.yaml"
    assert FORGETS[name][0] in rules.read_text()
    rules.write_text(rules.read_text().replace(*FORGETS[name]))

    assert "FAILED" in complaints(tmp_path)


def test_the_rules_of_planned_work_are_held_against_those_that_are_loaded(tmp_path: Path) -> None:
    slo = replace(make_slo(), excluded=PLANNED)
    write_tree(compile_project(make_project(slo)), tmp_path)

    def broken() -> list[str]:
        found = {result.name: result.detail for result in LINKS.run(tmp_path)}
        return found["planned work is proven on the rules that are loaded"].splitlines()

    assert broken() == []
    loaded = tmp_path / "prometheus/rules/fleet.yaml"
    loaded.write_text(loaded.read_text().replace("time() < bool 1796201300", "time() < bool 1 + 1"))
    assert "slo:sli_total:rate5m in fleet-action-success:fast" in "".join(broken())


def test_a_service_without_slos_has_nothing_to_test() -> None:
    assert list(GENERATOR.generate(compile_project(make_project()))) == []
