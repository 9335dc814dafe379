"""Planned work and new descriptions are proven for SLIs, too, that tell no raw series of events."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.plugin import Verdict
from slo.prove.links import PROOF as LINKS
from slo.prove.promtool import PROOF as PROMTOOL
from slo.rules import compile_project
from tests.front_end import document, project_of, slo_text
from tests.rule_projects import promtool, write_tree

MEMBER = slo_text("member")
FORMS = {
    "share": ("ratio: {good: 'avg(avg_over_time(share[$window]))'}", "  by: [zone]\n"),
    "gauge": ("gauge: {expr: healthy, bad_when: '== 0'}", "  by: [zone]\n"),
    "every": ("composite: {of: [member], method: all}", ""),
    "native": ("latency: {histogram: lat_seconds, native: true, threshold: 1s}", ""),
}
EXCLUDED = "prometheus/tests/excluded/shop.yaml"
RULES = "prometheus/rules/shop.yaml"
PLANNED = "planned work is proven on the rules that are loaded"


def tree(folder: Path) -> Path:
    slos = [slo_text(name, sli=f"    {sli}\n", more=more) for name, (sli, more) in FORMS.items()]
    named = ", ".join(FORMS)
    work = (
        "{reason: r, owner: web, starts: '2027-01-01T00:00:00Z', ends: '2027-01-01T02:00:00Z', "
        f"matchers: {{service: shop}}, excludes: [{named}]}}"
    )
    project = project_of(MEMBER, *slos, document("Maintenance", "upgrade", work))
    return write_tree(compile_project(project), folder)


def planned(folder: Path) -> str:
    (result,) = (each for each in LINKS.run(folder) if each.name == PLANNED)
    return result.detail


@pytest.mark.servers
def test_every_form_of_an_sli_has_both_proofs_and_passes_them(tmp_path: Path) -> None:
    promtool()
    tree(tmp_path)
    texts = [file.read_text() for file in (tmp_path / "prometheus/tests").glob("*.yaml")]

    for name in FORMS:
        assert any(f"shop-{name}: planned work" in text for text in texts)
        assert any(f"shop-{name}: described anew" in text for text in texts)
    results = list(PROMTOOL.run(tmp_path))
    assert [(r.name, r.detail) for r in results if r.verdict is not Verdict.PASSED] == []
    assert planned(tmp_path) == ""


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        # Another operator around the events, events that are no operand, another proof.
        (RULES, " * (1 - (time() >=", " + (1 - (time() >="),
        (RULES, "/ scalar(", "or scalar("),
        (EXCLUDED, "fleetslo_proof_events_total[5m]))", "fleetslo_proof_events_total[5m])) * 2"),
    ],
)
def test_rules_that_differ_in_more_than_their_events_are_not_those_that_are_proven(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    tree(tmp_path)
    path = tmp_path / file
    text = path.read_text()
    assert old in text

    path.write_text(text.replace(old, new))

    assert "is not the rule that is proven" in planned(tmp_path)
