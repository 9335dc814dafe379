"""Three views and what each of them shows, by the words of the guide."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from dashboards.generator import GENERATOR
from slo.model import LogStore, Settings, TraceStore
from slo.names import DASHBOARD_UIDS
from slo.rules.compile import compile_project
from tests.catalog_project import catalog_project
from tests.dashboard_projects import fleet, health, project
from tests.generated_boards import Node, boards, ours, panels, titles
from tests.rule_projects import promtool

VIEWS = ("executive", "on-call", "debug")


def test_three_views_and_their_provisioning() -> None:
    assert {file.path for file in GENERATOR.generate(fleet())} == {
        "grafana/dashboards/debug.json",
        "grafana/dashboards/executive.json",
        "grafana/dashboards/on-call.json",
        "grafana/provisioning/dashboards.yaml",
        "grafana/provisioning/datasources.yaml",
    }


def test_the_same_project_gives_the_same_bytes() -> None:
    assert list(GENERATOR.generate(fleet())) == list(GENERATOR.generate(fleet()))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_its_uid_its_schema_and_its_tag(view: str) -> None:
    board = ours()[view]

    assert board["uid"] == DASHBOARD_UIDS[view]
    assert board["schemaVersion"] == 39
    assert board["tags"] == ["fleetslo", view]
    assert board["graphTooltip"] == 1


def test_the_executive_view_has_at_most_nine_tiles_and_what_the_guide_names() -> None:
    assert len(ours()["executive"]["panels"]) <= 9
    assert {
        "Agents available",
        "Error budget left, lowest",
        "Budget spending pace (1 is as planned)",
        "Days until a budget is spent",
        "Major incidents",
        "Average time to remediate",
        "Spent on language models",
        "Telemetry left out on purpose",
        "Promises kept, day by day",
    } == titles("executive")


def test_the_on_call_view_has_what_the_guide_names() -> None:
    assert {
        "Pages firing",
        "Failed actions by whose fault it was",
        "Remediations under way",
        "Violations",
        "Processor cores in use",
        "Memory in use",
        "Policy revisions enforced",
        "What fired, how often",
        "Audit coverage",
        "Runbooks",
    } <= titles("on-call")


def test_the_debug_view_has_what_the_guide_names() -> None:
    assert {
        "Agent topology",
        "Trace $trace_id",
        "Policy revisions by agent",
        "Messages waiting",
        "Oldest message",
        "Action history",
        "What runs where",
        "Ingestion lag",
        "Logs of the trace",
    } <= titles("debug")


def test_what_fires_comes_first() -> None:
    first = [panel["title"] for panel in ours()["on-call"]["panels"][:2]]

    assert first == ["Firing now", "Pages firing"]


def test_the_link_in_an_alert_opens_a_dashboard_that_knows_its_variable() -> None:
    declared = {
        f"/d/{board['uid']}": {f"var-{each['name']}" for each in board["templating"]["list"]}
        for board in ours().values()
    }

    for rule in fleet().alert_rules():
        link = urlsplit(rule.annotations["dashboard_url"])
        assert set(parse_qs(link.query)) <= declared[link.path]


def test_every_alert_is_listed_with_its_runbook() -> None:
    listed = next(p for p in panels(ours()["on-call"]) if p["title"] == "Runbooks")

    for rule in fleet().alert_rules():
        assert f"[{rule.name}]({rule.annotations['runbook_url']})" in listed["options"]["content"]


def test_each_slo_has_a_folded_row_with_its_own_thresholds_and_runbook() -> None:
    rows = {row["title"]: row for row in ours()["on-call"]["panels"] if row.get("collapsed")}
    row = rows["Availability"]
    watched = next(each for each in fleet().project.slos if each.catalog_id == "M1")

    steps = row["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"]

    pages = [float(tier.threshold.value) for tier in watched.alerting.tiers]
    assert steps[-1]["value"] in pages
    assert row["panels"][0]["links"][0]["title"] == "Runbook: FleetAvailabilityBurn"


def test_a_grouped_slo_repeats_its_row_for_each_group() -> None:
    row = next(p for p in ours()["on-call"]["panels"] if p["title"].startswith("Action success"))

    assert row["repeat"] == "by_gen_ai_agent_name"
    assert 'gen_ai_agent_name=~"$by_gen_ai_agent_name"' in row["panels"][0]["targets"][0]["expr"]


def test_maintenance_is_marked_in_every_view() -> None:
    for board in ours().values():
        marks = {each["name"]: each.get("expr") for each in board["annotations"]["list"]}

        assert marks["Maintenance: database"] == ("vector(time()) >= 1796508000 < 1796522400")


def addresses(node: object) -> Iterator[str]:
    """Every address in `node` and below."""
    if isinstance(node, dict):
        for key, value in cast("Node", node).items():
            if key == "url" and isinstance(value, str):
                yield value
            yield from addresses(value)
    elif isinstance(node, list):
        for each in cast("list[object]", node):
            yield from addresses(each)


def test_ways_between_views_keep_the_time_and_the_choices() -> None:
    for board in ours().values():
        (siblings,) = board["links"]
        assert siblings["tags"] == ["fleetslo"]
        assert siblings["keepTime"] is True
        assert siblings["includeVars"] is True

    uids = {board["uid"] for board in ours().values()}
    ways = [url for url in addresses(ours()["on-call"]) if url.startswith("/d/")]
    assert len(ways) >= 2
    for url in ways:
        assert urlsplit(url).path.removeprefix("/d/") in uids
        assert url.endswith("&${__url_time_range}")


def test_what_changed_is_marked_in_every_view() -> None:
    for board in ours().values():
        marks = {each["name"] for each in board["annotations"]["list"]}

        assert {"Deployments", "Rollbacks", "Policy revisions", "Pages"} <= marks


def test_views_do_not_share_panel_ids_by_accident() -> None:
    ids = [{panel["id"] for panel in panels(board)} for board in ours().values()]

    assert all(not one & other for one, other in pairwise(ids))


@pytest.mark.parametrize("logs", list(LogStore))
@pytest.mark.parametrize("traces", list(TraceStore))
def test_data_sources_are_linked_by_trace_id(logs: LogStore, traces: TraceStore) -> None:
    settings = Settings(logs=logs, traces=traces)
    compiled = compile_project(project(health(), settings=settings))

    file = next(f for f in GENERATOR.generate(compiled) if f.path.endswith("datasources.yaml"))

    sources = {
        each["type"]: each for each in cast("Node", yaml.safe_load(file.text))["datasources"]
    }
    assert set(sources) == {"prometheus", logs.value, traces.value}
    exemplars = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars[0]["datasourceUid"] == sources[traces.value]["uid"]
    to_logs = sources[traces.value]["jsonData"]["tracesToLogsV2"]
    assert to_logs["datasourceUid"] == sources[logs.value]["uid"]


def test_the_topology_names_its_fields_so_that_grafana_finds_them() -> None:
    graph = next(p for p in panels(ours()["debug"]) if p["type"] == "nodeGraph")
    nodes, edges = (target["expr"] for target in graph["targets"])

    # A rename sets the display name only; Grafana looks a statistic up by the field's own name.
    assert {each["id"] for each in graph["transformations"]} == {"calculateField"}
    for each in graph["transformations"]:
        ref = each["filter"]["options"]
        assert each["options"]["alias"] == "mainstat"
        assert each["options"]["binary"]["left"] == f"Value #{ref}"
    assert '"title"' in nodes
    assert "by (id)" in nodes
    assert all(f'"{field}"' in edges for field in ("id", "source", "target"))


def test_what_sloth_records_under_our_names_is_on_no_dashboard() -> None:
    """Its `slo:objective:ratio` and `slo:sli_error:ratio_rate1d` have no `slo_id`."""
    asked = [
        (view, selector)
        for view, board in ours().items()
        for panel in panels(board)
        for target in panel.get("targets", ())
        for selector in re.findall(r"\bslo:[a-z0-9_:]+(?:\{[^}]*\})?", target.get("expr", ""))
    ]

    assert len(asked) > 20
    assert [each for each in asked if not re.search(r"slo_id(=|!=)", each[1])] == []


@pytest.mark.servers
def test_how_long_an_alert_fires_is_not_how_long_its_neighbour_waits(tmp_path: Path) -> None:
    (table,) = (
        panel
        for panel in panels(ours()["on-call"])
        if panel["title"].startswith("Alerts that fire")
    )
    labels = 'alertname="A",severity="page",team="t",service="s",root_cause="r"'
    one, two = f'{labels},agent="one"', f'{labels},agent="two"'
    series = {
        f'ALERTS{{alertstate="firing",{one}}}': "1x60",
        f"ALERTS_FOR_STATE{{{one}}}": "0x60",
        f'ALERTS{{alertstate="pending",{two}}}': "_x58 1x10",
        f"ALERTS_FOR_STATE{{{two}}}": "_x58 1740x10",
    }
    check = {
        "expr": table["targets"][0]["expr"],
        "eval_time": "30m",
        "exp_samples": [{"labels": f"{{{labels}}}", "value": 1800}],
    }
    test = {
        "interval": "30s",
        "input_series": [{"series": name, "values": text} for name, text in series.items()],
        "promql_expr_test": [check],
    }
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"evaluation_interval": "30s", "tests": [test]}))
    command = [str(promtool()), "test", "rules", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_link_to_a_runbook_leads_to_the_alert_that_it_names() -> None:
    """`DependencyDown` stands in the row of the orchestrator, `AuditGap` in that of violations."""
    links = {
        (link["title"], link["url"].rpartition("/")[2])
        for board in boards(compile_project(catalog_project())).values()
        for panel in panels(board)
        for link in panel.get("links", ())
        if not panel["title"].startswith(("agent-fleet-", "telemetry-"))
    }

    assert links == {
        ("Runbook: action success", "AgentFleetActionSuccessBurn.md"),
        ("Runbook: compliance violation", "ComplianceViolationDetected.md"),
        ("Runbook: missing agent", "AgentSilent.md"),
        ("Runbook: model errors", "HighLLMAPIErrorRate.md"),
        ("Runbook: orchestrator", "OrchestratorUnhealthy.md"),
        ("Runbook: queue latency", "HighMessageQueueLatency.md"),
        ("Runbook: stale policy", "StalePolicy.md"),
    }
