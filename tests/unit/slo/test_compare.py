"""What changes in meaning, and what only looks different."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.app import cli
from slo.compare import Change, changes
from slo.cost import cost
from slo.model import Settings
from tests.front_end import TEAM, alert_text, project_of, slo_text
from tests.rule_projects import make_slo


def found(old: list[str], new: list[str]) -> dict[tuple[str, str], Change]:
    told = changes(project_of(*old), project_of(*new))
    return {(change.name, change.what): change for change in told}


def test_order_and_spelling_change_nothing() -> None:
    one = [slo_text("a"), slo_text("b"), alert_text()]
    two = [alert_text(), slo_text("b", objective="99.90"), slo_text("a", more="# said why\n")]

    assert found(one, two) == {}


def test_a_tighter_objective_is_told_with_what_it_does_to_every_tier() -> None:
    told = found([slo_text(objective="99")], [slo_text(objective="99.9")])

    assert told["shop-checkout", "objective"].new == "99.9 %"
    assert told["shop-checkout", "budget"].old == "7.2 h of a total outage"
    fast = told["shop-checkout", "tier fast: at 100 % bad"]
    assert (fast.old, fast.new) == ("after 8.64 min, 2 % spent", "after 51.8 s, 2 % spent")


def test_what_comes_and_what_goes_is_told_whole() -> None:
    told = found([slo_text("a"), alert_text("Old")], [slo_text("b"), alert_text("New")])

    assert told["shop-a", ""].new is None
    assert told["shop-b", ""].old is None
    assert "objective 99.9 %" in (told["shop-b", ""].new or "")
    assert told["Old", ""].new is None
    assert told["New", ""].old is None


def test_another_owner_is_another_person_who_is_woken() -> None:
    other = TEAM.replace("name: web", "name: night")
    old = [slo_text(), alert_text(), other]
    new = [slo_text(owner="night"), alert_text().replace("owner: web", "owner: night"), other]

    told = found(old, new)

    assert told["shop-checkout", "owner"].new == "night"
    assert told["QueueStuck", "owner"].new == "night"


def test_what_an_slo_costs_is_counted() -> None:
    small = cost(make_slo(), Settings(default_owner="x"))
    wide = cost(make_slo(), Settings(default_owner="x"), raw_series=100)

    assert 10 < small.series < small.rules <= 20
    assert small.samples < wide.samples


def written(folder: Path, name: str, *texts: str) -> str:
    path = folder / name
    path.write_text("---\n".join((*texts, TEAM)))
    return str(path)


def sloctl(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["diff", *arguments], standalone_mode=False)


def test_diff_tells_people_and_programs_and_exits_as_asked(tmp_path: Path) -> None:
    old = written(tmp_path, "old.yaml", slo_text())
    new = written(tmp_path, "new.yaml", slo_text(objective="99.5"))

    lines = sloctl(old, new).output.splitlines()
    plain = json.loads(sloctl(old, new, "--format", "json").output)["changes"]

    assert lines[:2] == ["SLO shop-checkout", "  objective: 99.9 % -> 99.5 %"]
    assert plain[0] == {
        "kind": "SLO",
        "name": "shop-checkout",
        "what": "objective",
        "old": "99.9 %",
        "new": "99.5 %",
    }
    assert sloctl(old, new).return_value == 0
    assert sloctl(old, new, "--exit-code").return_value == 1
    assert sloctl(old, old, "--exit-code").return_value == 0
    assert "nothing changed in meaning" in sloctl(old, old).output


@pytest.mark.parametrize("side", [0, 1])
def test_diff_of_a_broken_file_exits_1_and_draws_the_problem(tmp_path: Path, side: int) -> None:
    good = written(tmp_path, "good.yaml", slo_text())
    bad = written(tmp_path, "bad.yaml", slo_text(objective="101"))
    paths = [good, good]
    paths[side] = bad

    told = sloctl(*paths)

    assert told.return_value == 1
    assert "bad.yaml:5" in told.output
