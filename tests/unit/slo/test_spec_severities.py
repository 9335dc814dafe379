"""A user's own words for severities: read, refused, and carried into every alert."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo import names
from slo.model import AlertRule, SeverityWords
from slo.plugin import Verdict
from slo.prove.promtool import PROOF
from slo.rules import compile_project
from tests.front_end import alert_text, codes_of, document, project_of, slo_text
from tests.rule_projects import promtool, write_tree

OWN = document("Settings", "settings", "{severities: {page: critical, ticket: warning}}")


def test_every_alert_carries_the_user_s_word() -> None:
    compiled = compile_project(project_of(OWN, slo_text(), alert_text()))

    said = {(str(rule.severity), rule.labels["severity"]) for rule in compiled.alert_rules()}
    assert said == {("page", "critical"), ("ticket", "warning"), ("ticket", "none")}


def test_the_words_are_recorded_for_whoever_reads_alerts() -> None:
    own, usual = (
        [
            dict(rule.labels)
            for file in compile_project(project).rule_files
            for group in file.groups
            for rule in group.rules
            if not isinstance(rule, AlertRule) and rule.record == names.SEVERITIES
        ]
        for project in (project_of(OWN, slo_text()), project_of(slo_text()))
    )

    assert own == [{"page": "critical", "ticket": "warning"}]
    assert usual == []


def test_one_word_may_stay_ours() -> None:
    words = project_of(document("Settings", "settings", "{severities: {page: P1}}")).settings

    assert words.severities == SeverityWords("P1", "ticket")
    assert words.severities.meant("P1") == "page"
    assert words.severities.said("none") == "none"


@pytest.mark.parametrize(
    "words", ["{page: x, ticket: x}", "{page: none}", "{page: ticket}", "{ticket: page}"]
)
def test_words_that_could_be_taken_for_others_are_refused(words: str) -> None:
    assert "SLO016" in codes_of(document("Settings", "settings", f"{{severities: {words}}}"))


@pytest.mark.servers
def test_the_generated_tests_ask_for_the_user_s_words(tmp_path: Path) -> None:
    promtool()
    write_tree(compile_project(project_of(OWN, slo_text(), alert_text())), tmp_path)

    results = list(PROOF.run(tmp_path))

    assert 'severity="critical"' in (tmp_path / "prometheus/tests/shop.test.yaml").read_text()
    assert [r.detail for r in results if r.verdict is not Verdict.PASSED] == []
