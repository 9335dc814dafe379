"""What is one cause to a person is one word in the shipped catalogue."""

from __future__ import annotations

from importlib.resources import files

import pytest

from slo.spec import SourceFile, read
from tests.catalog_project import catalog_project


@pytest.mark.parametrize(
    ("slo_id", "alert"),
    [
        ("agent-fleet-llm-availability", "HighLLMAPIErrorRate"),
        ("agent-fleet-remediation-correctness", "HarmfulRemediation"),
        ("agent-fleet-action-conflicts", "ActionConflicts"),
        ("agent-fleet-policy-latency", "PolicyEvaluationSlow"),
        ("agent-fleet-resource-contention", "ResourceExhaustion"),
        ("agent-fleet-rollbacks", "RollbackBurst"),
        ("telemetry-ingest-lag", "IngestLagHigh"),
    ],
)
def test_an_slo_and_the_alert_on_the_same_counters_are_one_cause(slo_id: str, alert: str) -> None:
    causes = {slo.slo_id: slo.root_cause for slo in catalog_project().slos}
    known = {each.name: each.root_cause for each in catalog_project().alerts}

    assert causes[slo_id] == known[alert]


def test_the_teams_that_are_switched_off_are_valid_when_they_are_switched_on() -> None:
    text = files("alerts.operational").joinpath("teams.yaml").read_text("utf-8")
    _, off = text.split("\n# ---\n", 1)
    on = "\n".join(line.removeprefix("# ") for line in off.splitlines())
    project, problems = read([SourceFile("teams.yaml", on, named=True)])

    assert problems == []
    assert project is not None
    assert [team.name for team in project.teams] == ["audit", "watchdog"]
