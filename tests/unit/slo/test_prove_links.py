"""Links between generated files: each kind, whole and broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slo.plugin import Verdict
from slo.prove.links import PROOF
from slo.rules import compile_project
from tests.rule_projects import make_alert, make_project, make_slo, write_tree

SLO_ID = "fleet-action-success"


def tree(folder: Path) -> Path:
    """A whole tree in small: rules and tests are real, the rest is what links need."""
    compiled = compile_project(make_project(make_slo(), alerts=(make_alert(),)))
    write_tree(compiled, folder)
    for name in ("runbooks", "grafana/dashboards", "alertmanager"):
        (folder / name).mkdir(parents=True)
    for rule in compiled.alert_rules():
        (folder / f"runbooks/{rule.name}.md").write_text(f"# {rule.name}\n")
    listed = "".join(f"- [{rule.name}]({rule.name}.md)\n" for rule in compiled.alert_rules())
    (folder / "runbooks/index.md").write_text(f"# All\n{listed}- [p](procedures/p.md)\n")
    (folder / "runbooks/procedures").mkdir()
    (folder / "runbooks/procedures/p.md").write_text(
        "[back](../index.md) and [x](https://x.org/y.md)"
    )
    query = f'slo:burn_rate:ratio{{slo_id="{SLO_ID}"}}'
    board = {
        "uid": "fleetslo-on-call",
        "templating": {"list": [{"name": "slo", "query": "label_values(slo_info, slo_id)"}]},
        "panels": [{"targets": [{"expr": query}], "description": "slo:not_a_query:ratio"}],
    }
    (folder / "grafana/dashboards/on-call.json").write_text(json.dumps(board))
    matchers = [['team="agents-core"'], ['team="operations"'], ['alertname="QueueStuck"']]
    routes = {"route": {"routes": [{"matchers": each} for each in matchers]}}
    (folder / "alertmanager/alertmanager.yml").write_text(json.dumps(routes))
    return folder


def complaints(folder: Path) -> str:
    results = list(PROOF.run(folder))
    assert len(results) >= 1
    return "\n".join(
        f"{result.name}: {result.detail}" for result in results if result.verdict is Verdict.FAILED
    )


def in_file(path: str, before: str, after: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / path
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))

    return change


RULES = "prometheus/rules/fleet.yaml"
BOARD = "grafana/dashboards/on-call.json"
ROUTES = "alertmanager/alertmanager.yml"
BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a record is gone": (
        in_file(RULES, "record: slo:sli_error:ratio_rate6h", "record: slo:other:ratio"),
        "reads slo:sli_error:ratio_rate6h, which nothing records",
    ),
    "an SLO is not described": (in_file(RULES, "record: slo_info", "record: x"), "has no slo_info"),
    "an SLO is not watched": (in_file(RULES, "SLOSignalLost", "Other"), "has no SLOSignalLost"),
    "tests name a stranger": (
        in_file("prometheus/tests/fleet.test.yaml", f"name: '{SLO_ID}: total", "name: 'x: total"),
        "a test names x",
    ),
    "a runbook is gone": (
        lambda folder: (folder / "runbooks/QueueStuck.md").unlink(),
        "QueueStuck links to the runbook QueueStuck.md",
    ),
    "a page leads nowhere": (
        lambda folder: (folder / "runbooks/procedures/p.md").unlink(),
        "runbooks/index.md links to procedures/p.md, which does not exist",
    ),
    "a page is reached from nowhere": (
        lambda folder: (folder / "runbooks/procedures/q.md").write_text("# Q\n"),
        "runbooks/procedures/q.md is not in the index",
    ),
    "a page leads to its own folder": (
        lambda folder: (folder / "runbooks/procedures/p.md").write_text("[back](index.md#top)"),
        "runbooks/procedures/p.md links to procedures/index.md, which does not exist",
    ),
    "an inhibition names an SLO that is gone": (
        in_file(ROUTES, 'team=\\"operations\\"', 'team=\\"operations\\",slo_id=\\"gone\\"'),
        "the routes name the SLO gone, which does not exist",
    ),
    "a runbook is left over": (
        lambda folder: (folder / "runbooks/Old.md").write_text("# Old\n"),
        "runbooks/Old.md belongs to no alert",
    ),
    "a dashboard has another uid": (
        in_file(BOARD, "fleetslo-on-call", "somewhere"),
        "opens the dashboard fleetslo-on-call",
    ),
    "a dashboard lost its variable": (
        in_file(BOARD, '"name": "slo"', '"name": "other"'),
        "sets slo, which is no variable",
    ),
    "a link opens another SLO": (
        in_file(RULES, f"?var-slo={SLO_ID}", "?var-slo=gone"),
        "opens gone, which is no SLO",
    ),
    "a panel shows what is not recorded": (
        in_file(BOARD, "slo:burn_rate:ratio", "slo:burn:ratio"),
        "shows slo:burn:ratio",
    ),
    "a team is not routed": (
        in_file(ROUTES, 'team=\\"operations\\"', 'team=\\"others\\"'),
        "no route leads to the team operations",
    ),
    "a route names a stranger": (
        in_file(ROUTES, "QueueStuck", "QueueGone"),
        "the routes name the alert QueueGone",
    ),
}


EVENTS = f'fleetslo_sli_events_total{{slo_id="{SLO_ID}",outcome="bad"}}[$window]'


def with_spans(folder: Path, counted: str, processors: str = "sli/a, batch") -> Path:
    """A tree whose one SLO reads the events that the collector counts."""
    whole = make_slo(errors=f"sum(rate({EVENTS}))", total=f"sum(rate({EVENTS}))")
    compiled = compile_project(make_project(whole))
    write_tree(compiled, folder)
    (folder / "collector").mkdir()
    (folder / "collector/collector.yaml").write_text(
        f"processors: {{sli/a: {{slos: {{{counted}: {{}}}}}}}}\n"
        f"service: {{pipelines: {{traces/x: {{processors: [{processors}]}}}}}}\n"
    )
    return folder


def test_what_rules_read_and_the_collector_counts_is_the_same(tmp_path: Path) -> None:
    assert "collector" not in complaints(with_spans(tmp_path, SLO_ID))


@pytest.mark.parametrize(
    ("counted", "processors", "complaint"),
    [
        ("other", "sli/a", f"the rules of {SLO_ID} read fleetslo_sli_events_total"),
        ("other", "sli/a", "the collector counts other, which no rule reads"),
        (SLO_ID, "batch", f"the rules of {SLO_ID} read fleetslo_sli_events_total"),
    ],
)
def test_events_that_nobody_counts_or_reads_are_told(
    tmp_path: Path, counted: str, processors: str, complaint: str
) -> None:
    assert complaint in complaints(with_spans(tmp_path, counted, processors))


def test_a_whole_tree_has_no_broken_link(tmp_path: Path) -> None:
    assert complaints(tree(tmp_path)) == ""


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_link_is_named(name: str, tmp_path: Path) -> None:
    folder = tree(tmp_path)
    change, words = BREAKS[name]

    change(folder)

    assert words in complaints(folder)


def test_a_tree_of_rules_alone_is_proven_as_far_as_it_goes(tmp_path: Path) -> None:
    write_tree(compile_project(make_project(make_slo())), tmp_path)

    names = [result.name for result in PROOF.run(tmp_path)]

    assert len(names) == 3
    assert not any("runbook" in name or "dashboard" in name for name in names)


def test_a_file_that_is_no_yaml_fails_with_its_name(tmp_path: Path) -> None:
    write_tree(compile_project(make_project(make_slo())), tmp_path)
    (tmp_path / RULES).write_text("groups: [")

    assert "fleet.yaml is not YAML" in complaints(tmp_path)


def test_an_empty_directory_proves_nothing(tmp_path: Path) -> None:
    assert list(PROOF.run(tmp_path)) == []
