"""`sloctl verify` on routes: what is sound passes, and each way to lose a page fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alerts.routing.generator import GENERATOR
from alerts.routing.proof import PROOF
from alerts.runbooks.generator import GENERATOR as RUNBOOKS
from slo.model import Compiled, DestinationKind, Severity, Team
from slo.plugin import Result, Verdict
from slo.servers import find
from tests.alert_projects import destination, fleet

pytestmark = pytest.mark.servers

KINDS = {
    DestinationKind.SLACK: {"api_url_file": "/etc/slack", "channel": "#alerts"},
    DestinationKind.PAGERDUTY: {"routing_key_file": "/etc/pagerduty"},
    DestinationKind.EMAIL: {"to": "a@b.org", "from": "c@b.org", "smarthost": "mail:25"},
    DestinationKind.OPSGENIE: {"api_key_file": "/etc/opsgenie"},
    DestinationKind.WEBHOOK: {"url": "http://127.0.0.1:9/x", "credentials_file": "/etc/token"},
}


def with_every_kind() -> Compiled:
    compiled = fleet()
    more = tuple(destination(kind, 1, **settings) for kind, settings in KINDS.items())

    def talk(team: Team) -> Team:
        return replace(team, destinations=team.destinations + more)

    teams = tuple(talk(team) for team in compiled.project.teams)
    return replace(compiled, project=replace(compiled.project, teams=teams))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    if find("amtool") is None:
        pytest.skip("amtool is not to be had: run `make servers`")
    compiled = with_every_kind()
    for file in GENERATOR.generate(compiled):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    for page in RUNBOOKS.generate(compiled):
        path = tmp_path / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.text, "utf-8")
    rules = [
        {"alert": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
        for rule in compiled.alert_rules()
    ]
    folder = tmp_path / "prometheus" / "rules"
    folder.mkdir(parents=True)
    text = yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]})
    (folder / "all.yaml").write_text(text, "utf-8")
    return tmp_path


def run(tree: Path) -> dict[str, Result]:
    return {result.name.partition(":")[0]: result for result in PROOF.run(tree)}


def failed(tree: Path) -> dict[str, str]:
    return {
        name: result.detail
        for name, result in run(tree).items()
        if result.verdict is Verdict.FAILED
    }


def edit(tree: Path, path: str, change: Callable[[str], str]) -> None:
    file = tree / ("" if path.startswith("runbooks/") else "alertmanager") / path
    before = file.read_text("utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, "utf-8")


def test_a_generated_tree_passes_every_proof(tree: Path) -> None:
    results = run(tree)

    assert [each.detail for each in results.values() if each.verdict is not Verdict.PASSED] == []
    assert set(results) == {
        "alertmanager laws",
        "every receiver has its team, every team its receivers",
        "every runbook says of its alert's way what the routes do",
        "amtool check-config",
        "amtool config routes test",
        "amtool template render",
    }


def test_a_team_whose_route_was_lost_is_named(tree: Path) -> None:
    edit(tree, "alertmanager.yml", lambda text: text.replace('team="platform"', 'team="platfrom"'))

    detail = failed(tree)["amtool config routes test"]
    assert "must reach fleetslo-audit and fleetslo-platform-page" in detail
    assert "amtool fleetslo-audit and fleetslo-catch-all" in detail


def test_a_page_sent_as_a_ticket_is_noticed(tree: Path) -> None:
    edit(
        tree,
        "alertmanager.yml",
        lambda text: text.replace(
            "receiver: fleetslo-core-engineering-page", "receiver: fleetslo-core-engineering-ticket"
        ),
    )

    assert "fleetslo-core-engineering-page" in failed(tree)["amtool config routes test"]


def test_an_audit_that_swallows_is_noticed(tree: Path) -> None:
    edit(tree, "alertmanager.yml", lambda text: text.replace("continue: true", "continue: false"))

    assert "amtool config routes test" in failed(tree)


def test_a_file_that_alertmanager_refuses_is_shown_in_its_words(tree: Path) -> None:
    edit(tree, "alertmanager.yml", lambda text: text.replace("slack_configs", "slak_configs"))

    assert "slak_configs" in failed(tree)["amtool check-config"]


def test_a_file_that_cannot_be_read_is_said_to_be_so(tree: Path) -> None:
    edit(tree, "alertmanager.yml", lambda text: text + "\n}")

    assert "not YAML" in failed(tree)["amtool"]


def test_a_template_that_does_not_exist_is_noticed_though_check_config_passes(tree: Path) -> None:
    edit(
        tree,
        "templates/fleetslo.tmpl",
        lambda text: text.replace('define "fleetslo.slack"', 'define "fleetslo.slick"'),
    )
    found = failed(tree)

    assert list(found) == ["amtool template render"]
    assert "fleetslo.slack" in found["amtool template render"]


def test_a_template_that_calls_what_alertmanager_does_not_have_is_noticed(tree: Path) -> None:
    edit(tree, "templates/fleetslo.tmpl", lambda text: text.replace("toUpper", "shout"))

    assert "shout" in failed(tree)["amtool template render"]


def test_a_guard_taken_away_is_noticed(tree: Path) -> None:
    edit(
        tree,
        "alertmanager.yml",
        lambda text: text.replace(
            '    - budget_id!=""\n    target_matchers', "    target_matchers"
        ),
    )

    assert "source does not demand budget_id" in failed(tree)["alertmanager laws"]


TEAMS = "every receiver has its team, every team its receivers"
RUNBOOK_WAYS = "every runbook says of its alert's way what the routes do"


@pytest.mark.parametrize(
    ("path", "old", "new", "name", "told"),
    [
        ("teams.yaml", "- fleetslo-platform-page\n", "- x\n", TEAMS, "nobody stands behind"),
        ("teams.yaml", "- fleetslo-platform-page\n", "- x\n", TEAMS, "a team has the receiver x"),
        ("teams.yaml", "  - platform\n", "  - plat\n", TEAMS, "calls plat next, which is no team"),
        (
            "runbooks/OrchestratorUnhealthy.md",
            "| fleetslo-platform-page |",
            "| fleetslo-core-engineering-page |",
            RUNBOOK_WAYS,
            "does not name fleetslo-platform-page, which is told",
        ),
        (
            "runbooks/QueueSlow.md",
            "during [OrchestratorUnhealthy]",
            "during [AgentSilent]",
            RUNBOOK_WAYS,
            "says that AgentSilent silences it, and no route does so",
        ),
        (
            "runbooks/QueueSlow.md",
            "during [OrchestratorUnhealthy](OrchestratorUnhealthy.md)",
            "during the night",
            RUNBOOK_WAYS,
            "QueueSlow.md does not say that OrchestratorUnhealthy silences QueueSlow",
        ),
        (
            "runbooks/OrchestratorUnhealthy.md",
            "[QueueSlow](QueueSlow.md)",
            "it",
            RUNBOOK_WAYS,
            "OrchestratorUnhealthy.md does not say that OrchestratorUnhealthy silences QueueSlow",
        ),
    ],
)
def test_what_the_files_say_of_the_routing_is_held_against_it(
    tree: Path, path: str, old: str, new: str, name: str, told: str
) -> None:
    edit(tree, path, lambda text: text.replace(old, new))

    assert told in failed(tree)[name]


def test_an_inhibition_taken_away_is_missed_by_the_runbooks(tree: Path) -> None:
    def without(text: str) -> str:
        before, _, rest = text.partition("  # OrchestratorUnhealthy-over-QueueSlow")
        return before + rest[rest.index("\n\ntime_intervals") :]

    edit(tree, "alertmanager.yml", without)

    assert "OrchestratorUnhealthy silences it" in failed(tree)[RUNBOOK_WAYS]


def test_an_inhibition_put_in_is_missing_in_the_runbooks(tree: Path) -> None:
    more = """inhibit_rules:
  - source_matchers: ['severity="page"', alertname="TelemetryMissing"]
    target_matchers: [alertname="QueueSlow"]
"""
    edit(tree, "alertmanager.yml", lambda text: text.replace("inhibit_rules:\n", more))

    told = failed(tree)[RUNBOOK_WAYS]
    assert "QueueSlow.md does not say that TelemetryMissing silences QueueSlow" in told
    assert "TelemetryMissing.md does not say that TelemetryMissing silences QueueSlow" in told


def test_without_amtool_the_proof_is_skipped_and_says_why(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("FLEETSLO_SERVERS", str(tree))
    results = run(tree)

    assert results["amtool"].verdict is Verdict.SKIPPED
    assert "make servers" in results["amtool"].detail
    assert results["alertmanager laws"].verdict is Verdict.PASSED


def test_a_tree_that_left_alertmanager_out_has_nothing_to_prove(tmp_path: Path) -> None:
    assert list(PROOF.run(tmp_path)) == []


@pytest.mark.parametrize("version", [(0, 25), (0, 28)])
def test_the_real_amtool_accepts_every_kind_of_its_version(
    tree: Path, version: tuple[int, int]
) -> None:
    # Debian's amtool is 0.25: what is written for later versions it must accept too, as long
    # as no destination needs them.
    compiled = with_every_kind()
    settings = replace(compiled.project.settings, alertmanager_version=version)
    changed = replace(compiled, project=replace(compiled.project, settings=settings))
    for file in GENERATOR.generate(changed):
        (tree / file.path).write_text(file.text, "utf-8")

    assert run(tree)["amtool check-config"].verdict is Verdict.PASSED


def test_both_severities_of_every_kind_are_in_the_proven_tree(tree: Path) -> None:
    text = (tree / "alertmanager" / "alertmanager.yml").read_text("utf-8")
    blocks = yaml.safe_load(text)["receivers"]
    platform = {each["name"]: set(each) - {"name"} for each in blocks}

    for severity in Severity:
        assert platform[f"fleetslo-platform-{severity.value}"] == {
            "webhook_configs",
            "slack_configs",
            "pagerduty_configs",
            "email_configs",
            "opsgenie_configs",
        }
