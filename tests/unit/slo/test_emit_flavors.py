"""Wrappers for Kubernetes, VictoriaMetrics and Mimir: the same rules, word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from slo.cli.app import run
from slo.emit.flavors import (
    MAX_CONFIGMAP_BYTES,
    Flavor,
    too_large,
    wrapped_dashboards,
    wrapped_rules,
)
from slo.model import OutputFile
from slo.rules import compile_project
from tests.front_end import TEAM, slo_text
from tests.rule_projects import make_project, make_slo, write_tree

BOARD = OutputFile("grafana/dashboards/debug.json", '{\n  "title": "Ünder $x",\n  "uid": "d"\n}\n')


@pytest.mark.parametrize(
    ("flavor", "version", "kind"),
    [
        (Flavor.PROMETHEUSRULE, "monitoring.coreos.com/v1", "PrometheusRule"),
        (Flavor.VMRULE, "operator.victoriametrics.com/v1beta1", "VMRule"),
    ],
)
def test_a_kubernetes_object_holds_the_very_groups_of_the_rule_file(
    flavor: Flavor, version: str, kind: str, tmp_path: Path
) -> None:
    compiled = compile_project(make_project(make_slo()))
    write_tree(compiled, tmp_path)

    for file in wrapped_rules(compiled.rule_files, flavor):
        found = yaml.safe_load(file.text)
        service = Path(file.path).stem
        plain = yaml.safe_load((tmp_path / f"prometheus/rules/{service}.yaml").read_text())
        assert (found["apiVersion"], found["kind"]) == (version, kind)
        assert found["metadata"]["name"] == f"fleetslo-{service}"
        assert found["spec"] == plain


def test_mimir_gets_a_namespace_for_each_service() -> None:
    compiled = compile_project(make_project(make_slo()))

    found = [yaml.safe_load(f.text) for f in wrapped_rules(compiled.rule_files, Flavor.MIMIR)]

    assert [each["namespace"] for each in found] == ["fleet", "fleetslo"]
    assert all(set(each) == {"namespace", "groups"} for each in found)


def test_a_dashboard_is_what_the_sidecar_of_grafana_looks_for() -> None:
    (file,) = wrapped_dashboards([BOARD], Flavor.PROMETHEUSRULE)

    found = yaml.safe_load(file.text)
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["debug.json"]) == json.loads(BOARD.text)


@pytest.mark.parametrize("flavor", [Flavor.PROMETHEUS, Flavor.MIMIR])
def test_only_kubernetes_gets_dashboards_wrapped(flavor: Flavor) -> None:
    assert list(wrapped_dashboards([BOARD], flavor)) == []


def test_a_large_dashboard_loses_its_indent_and_nothing_else() -> None:
    board = json.dumps({"panels": [{"id": n} for n in range(20_000)]}, indent=2)
    (file,) = wrapped_dashboards([OutputFile("grafana/dashboards/x.json", board)], Flavor.VMRULE)

    assert len(file.text) < len(board)
    assert json.loads(yaml.safe_load(file.text)["data"]["x.json"]) == json.loads(board)


def test_a_config_map_that_kubernetes_refuses_is_told() -> None:
    text = json.dumps({"words": "x" * MAX_CONFIGMAP_BYTES})
    (file,) = wrapped_dashboards([OutputFile("grafana/dashboards/x.json", text)], Flavor.VMRULE)

    assert [problem.code for problem in too_large([file])] == ["SLO042"]


@pytest.mark.parametrize(("flavor", "code"), [("vmrule", 1), ("prometheusrule", 0)])
def test_a_native_histogram_is_refused_where_there_are_none(
    flavor: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    native = "    latency: {histogram: req_seconds, native: true, threshold: 200ms}\n"
    source = tmp_path / "slos.yaml"
    source.write_text(f"{slo_text(sli=native)}---\n{TEAM}")

    got = run(["-q", "generate", str(source), "--out", str(tmp_path / "out"), "--flavor", flavor])

    assert got == code
    assert ("SLO043" in capsys.readouterr().err) == bool(code)


def test_another_flavor_removes_the_wrappers_of_the_one_before(tmp_path: Path) -> None:
    source = tmp_path / "slos.yaml"
    source.write_text(f"{slo_text()}---\n{TEAM}")
    out = tmp_path / "out"

    def generate(*more: str) -> set[str]:
        command = ["--quiet", "generate", str(source), "--out", str(out), "--only", "rules", *more]
        assert run(command) == 0
        return {str(p.relative_to(out)) for p in out.rglob("*.yaml")}

    plain = generate()
    assert generate("--flavor", "vmrule") - plain == {
        "kubernetes/rules/fleetslo.yaml",
        "kubernetes/rules/shop.yaml",
    }
    assert generate("--flavor", "mimir") - plain == {
        "mimir/rules/fleetslo.yaml",
        "mimir/rules/shop.yaml",
    }
    assert generate() == plain
