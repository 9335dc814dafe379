"""Routes in the user's own words for severities: written so, and proven all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.routing.build import routing
from alerts.routing.generator import CONFIG_PATH, GENERATOR
from alerts.routing.insert import read
from alerts.routing.proof import PROOF, alert_labels
from alerts.routing.words import meant, said, words_of
from slo.model import Compiled, SeverityWords
from slo.plugin import Verdict
from slo.rules import compile_project
from tests.front_end import alert_text, document, project_of, slo_text
from tests.rule_projects import write_tree

WORDS = SeverityWords("critical", "warning")
OWN = document("Settings", "settings", "{severities: {page: critical, ticket: warning}}")


@pytest.fixture
def compiled() -> Compiled:
    return compile_project(project_of(OWN, slo_text(), alert_text()))


def test_a_routing_says_the_words_and_means_the_same(compiled: Compiled) -> None:
    ours = routing(compiled)

    assert said(ours, WORDS) != ours
    assert meant(said(ours, WORDS), WORDS) == ours
    assert said(ours, SeverityWords()) == ours


def test_the_file_and_the_template_name_no_severity_that_no_alert_has(compiled: Compiled) -> None:
    texts = {file.path: file.text for file in GENERATOR.generate(compiled)}

    assert 'severity="critical"' in texts[CONFIG_PATH]
    assert 'severity="page"' not in texts[CONFIG_PATH]
    assert 'severity "critical"' in texts["alertmanager/templates/fleetslo.tmpl"]


@pytest.mark.servers
def test_the_proof_reads_the_words_from_the_tree(compiled: Compiled, tmp_path: Path) -> None:
    write_tree(compiled, tmp_path)
    for file in GENERATOR.generate(compiled):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)

    assert words_of(tmp_path / "prometheus/rules") == WORDS
    assert {labels["severity"] for labels in alert_labels(tmp_path)} == {"page", "ticket", "none"}
    assert [
        result.detail for result in PROOF.run(tmp_path) if result.verdict is Verdict.FAILED
    ] == []
    config = tmp_path / CONFIG_PATH
    config.write_text(config.read_text().replace('severity="critical"', 'severity="page"'))
    assert read(config.read_text())
    assert Verdict.FAILED in {result.verdict for result in PROOF.run(tmp_path)}
