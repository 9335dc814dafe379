"""A long story on real servers, a day of it: alerts, teams, budgets, what is not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.gameday import report, story_report
from alerts.gameday.tree import Tree, write_as_it_is
from alerts.gameday.virtual.budgets import TOLERANCE
from alerts.gameday.virtual.cases import HOURS, Case
from alerts.gameday.virtual.matrix import cases
from alerts.gameday.virtual.month import Tale, month, tale
from alerts.gameday.virtual.play import lived
from alerts.gameday.virtual.rulebook import read
from alerts.gameday.virtual.telling import Ending, Reader, tell
from slo import servers
from slo.replay import replay

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LENGTH = 24 * HOURS
STARTS = {"day-4": 3 * HOURS, "day-24": 6 * HOURS, "quiet": 8 * HOURS}


def needed() -> None:
    for tool in ("prometheus", "promtool", "alertmanager"):
        if servers.find(tool) is None:
            pytest.skip(f"{tool} is not to be had, run `make servers`")


def moved(case: Case) -> Case:
    """A chapter of the month, on its first day."""
    start = STARTS[case.id]
    lasts = LENGTH - start if case.id == "quiet" else case.script.lasts_seconds
    script = replace(case.script, baseline_seconds=start, lasts_seconds=lasts)
    return replace(case, script=script)


def first_day() -> Tale:
    chapters = [moved(each) for each in month().chapters if each.id in STARTS]
    return tale("day", "a day", chapters, LENGTH)


@pytest.fixture(scope="module")
def ending() -> Ending:
    needed()
    return tell(first_day(), 20, lambda _: None)


def test_every_chapter_comes_out_as_it_must(ending: Ending) -> None:
    assert [report.reason(each) for each in ending.outcomes if not each.passed] == []
    assert [each.scenario.id for each in ending.outcomes] == list(STARTS)
    assert ending.pages == {"operations": 1, "legal-compliance": 1}
    assert not ending.tickets


def test_budgets_are_those_of_the_simulators_books(ending: Ending) -> None:
    spent = {(each.slo, each.by): each for each in ending.budgets if each.window.name == "30d"}

    assert all(each.error <= TOLERANCE for each in ending.budgets)
    assert {each.window.name for each in ending.budgets} == {"30d", "7d", "month"}
    assert spent["agent-fleet-llm-availability", "provider-a"].left < 0
    assert 0 < spent["agent-fleet-llm-availability", "provider-b"].left < 1


def test_an_empty_budget_closes_the_deploy_gate(ending: Ending) -> None:
    began = ending.tale.script.begin + STARTS["day-4"]
    closed = {(each.slo, each.by): each for each in ending.gates}
    gate = closed["agent-fleet-llm-availability", "provider-a"]

    assert began < gate.begin <= began + 2 * HOURS
    assert gate.end == ending.tale.script.end


def test_the_report_says_first_what_it_comes_to(ending: Ending) -> None:
    text = story_report.markdown(ending)

    assert text.splitlines()[2].startswith("3 of 3 chapters came out as they must: 3 of 3 alerts")
    assert "- Pages: legal-compliance 1, operations 1." in text
    assert "agent-fleet-llm-availability (provider-a)" in text


@pytest.mark.parametrize("name", ["R1", "F3", "M10-failed"])
def test_what_no_rule_reads_and_what_stays_at_zero_changes_no_alert(
    name: str, tmp_path: Path
) -> None:
    needed()
    tree = Tree(tmp_path)
    write_as_it_is(tree, "127.0.0.1:9")
    groups = read(tree.out / "prometheus" / "rules")
    script = next(each.script for each in cases() if each.id == name)
    tape = lived(script, 20).tape
    fired = []
    for series in (Reader(groups).chosen(tape.series()), tape.series()):
        with replay(script.story()) as playing:
            samples = playing.load(series)
            playing.record(groups, wanted=())
            firings = playing.firings(groups)
            fired.append((samples, [(one.labels, one.start, one.end) for one in firings]))

    (few, sparse), (many, dense) = fired
    assert sparse == dense
    assert len(dense) > 1
    assert few < many * 0.6
