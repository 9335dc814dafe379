"""The promtool proof: what it runs, and what it says when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slo.model import Calendar
from slo.plugin import Result, Verdict
from slo.prove.promtool import PROOF
from slo.prove.slices import slices
from slo.rules import compile_project
from tests.rule_projects import make_alert, make_project, make_slo, promtool, write_tree


def tree(folder: Path) -> Path:
    project = make_project(make_slo(), make_slo("other"), alerts=(make_alert(),))
    return write_tree(compile_project(project), folder)


def results(folder: Path) -> dict[str, Result]:
    promtool()
    return {result.name: result for result in PROOF.run(folder)}


@pytest.mark.servers
def test_everything_that_prometheus_reads_is_checked(tmp_path: Path) -> None:
    found = results(tree(tmp_path))

    assert set(found) == {
        "promtool check config prometheus/prometheus.yml",
        "promtool check rules prometheus/rules/fleet.yaml",
        "promtool check rules prometheus/rules/fleetslo.yaml",
        "promtool test rules prometheus/tests/fleet.test.yaml (29 tests)",
    }
    assert {result.verdict for result in found.values()} == {Verdict.PASSED}


@pytest.mark.servers
def test_a_rule_that_prometheus_refuses_fails_with_the_words_of_the_tool(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    (folder / "prometheus/rules/fleetslo.yaml").write_text("groups: [{name: a, rules: [{}]}]")

    failed = [result for result in results(folder).values() if result.verdict is Verdict.FAILED]

    assert any("one of 'record' or 'alert' must be set" in result.detail for result in failed)


@pytest.mark.servers
def test_a_failing_test_names_the_slo(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    file = folder / "prometheus/rules/fleet.yaml"
    file.write_text(file.read_text().replace("> 0.25", "> 0.5"))

    failed = [result for result in results(folder).values() if result.verdict is Verdict.FAILED]

    assert len(failed) == 1
    assert "fleet-other:" in failed[0].detail
    assert "fleet-action-success:" in failed[0].detail


def test_without_the_tool_the_proof_is_skipped_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tree(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FLEETSLO_SERVERS", str(tmp_path))

    (result,) = PROOF.run(folder)

    assert result.verdict is Verdict.SKIPPED
    assert "make servers" in result.detail


def test_a_directory_without_rules_proves_nothing(tmp_path: Path) -> None:
    assert list(PROOF.run(tmp_path)) == []


def test_a_slice_holds_one_slo_and_only_the_rules_that_its_tests_reach(tmp_path: Path) -> None:
    window = Calendar("month", "UTC")
    compiled = compile_project(make_project(make_slo(), make_slo("other", window=window)))
    write_tree(compiled, tmp_path)

    parts = {part.subject: part for part in slices(tmp_path / "prometheus/tests/fleet.test.yaml")}

    assert set(parts) == {"fleet-action-success", "fleet-other"}
    rules = json.loads(parts["fleet-other"].rules)["groups"]
    assert {group["name"] for group in rules} == {"fleet-other:fast", "fleet-other:slow"}
    records = {rule.get("record") for group in rules for rule in group["rules"]}
    assert {"slo:sli_error:ratio_rate3d", "slo:sli_errors:avg5m"} <= records
    assert "slo:period_error:ratio" not in records


def test_all_tests_are_in_exactly_one_slice(tmp_path: Path) -> None:
    file = tree(tmp_path) / "prometheus/tests/fleet.test.yaml"

    parts = list(slices(file))

    names = [test["name"] for part in parts for test in json.loads(part.tests)["tests"]]
    assert len(names) == len(set(names)) == sum(part.count for part in parts) == 29
