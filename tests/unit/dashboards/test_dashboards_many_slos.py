"""Dashboards of other projects: hostile words, five hundred SLOs, none, and small changes."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from dashboards.generator import GENERATOR, SLOS_PER_DASHBOARD
from dashboards.material import uid_of
from dashboards.proving.lint import complaints
from dashboards.proving.reading import read
from slo.exact import Ratio
from slo.model import Compiled, Slo
from slo.rules.compile import compile_project
from tests.dashboard_projects import health, project, slo
from tests.generated_boards import boards, panels


def lines(slos: tuple[Slo, ...], view: str) -> list[str]:
    compiled = compile_project(project(*slos))
    return next(
        file.text.splitlines() for file in GENERATOR.generate(compiled) if view in file.path
    )


def test_a_changed_objective_is_a_small_diff() -> None:
    before = lines((health("99.9"), slo("a"), slo("b")), "on-call")
    after = lines((health("99.8"), slo("a"), slo("b")), "on-call")

    assert len(before) == len(after)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert 0 < changed <= 12


def test_panels_keep_their_ids_when_an_slo_is_added() -> None:
    few = {
        p["title"]: p["id"] for p in panels(boards(compile_project(project(health())))["on-call"])
    }
    more = boards(compile_project(project(health(), slo("another"))))["on-call"]

    kept = {panel["title"]: panel["id"] for panel in panels(more)}

    assert {title: kept[title] for title in few} == few


def hostile() -> Slo:
    title = 'He said "$slo" and ${trace_id} \\ ünïcode 日本 ' + "x" * 300
    return replace(slo("hostile"), title=title, description=title, owner='o"$x')


def test_hostile_words_stay_words() -> None:
    compiled = compile_project(project(hostile(), health()))

    found = boards(compiled)

    for file in GENERATOR.generate(compiled):
        if file.path.endswith(".json"):
            assert complaints(read(file.text)) == []
    assert max(len(p["title"]) for p in panels(found["on-call"])) <= 80


def test_an_slo_that_nobody_owns_is_valid_and_legible() -> None:
    compiled = compile_project(project(replace(slo("orphan"), owner=""), health()))

    for file in GENERATOR.generate(compiled):
        if file.path.endswith(".json"):
            assert complaints(read(file.text)) == []
    row = next(p for p in panels(boards(compiled)["on-call"]) if p["title"].startswith("Orphan"))
    assert "owner nobody" in row["panels"][0]["description"]


def many(count: int) -> Compiled:
    owners = ("core-engineering", "platform", "a team with a very long name that nobody can type")
    slos = [slo(f"s{number:03}", owner=owners[number % 3]) for number in range(count)]
    return compiled_of(slos)


def compiled_of(slos: list[Slo]) -> Compiled:
    return compile_project(project(*slos))


def test_five_hundred_slos_are_split_by_team_and_said_so() -> None:
    compiled = many(500)

    found = boards(compiled)
    notices = list(GENERATOR.check(compiled))

    assert len(found) == 15
    assert len({board["uid"] for board in found.values()}) == 15
    assert all(len(board["uid"]) <= 40 for board in found.values())
    assert [notice.code for notice in notices] == ["DSH001"]
    assert found["on-call-platform-2"]["links"][0]["asDropdown"] is True


def test_no_file_has_more_rows_than_one_can_read_and_none_is_lost() -> None:
    alone = compiled_of([slo(f"s{number:03}", owner="platform") for number in range(250)])

    rows = {
        name: [panel["title"] for panel in board["panels"] if panel.get("collapsed")]
        for name, board in boards(alone).items()
    }

    assert rows["on-call"] == []
    assert [len(rows[f"on-call-platform-{part}"]) for part in (1, 2, 3)] == [100, 100, 50]
    assert len({title for titles in rows.values() for title in titles}) == 250


def test_links_of_alerts_find_their_dashboard_however_many_slos_there_are() -> None:
    compiled = many(SLOS_PER_DASHBOARD + 1)
    uids = {board["uid"]: board for board in boards(compiled).values()}

    linked = {
        urlsplit(rule.annotations["dashboard_url"]).path.rpartition("/")[2]
        for rule in compiled.alert_rules()
        if "dashboard_url" in rule.annotations
    }

    assert linked == {"fleetslo-on-call"}
    assert linked <= set(uids)
    assert "slo" in {v["name"] for v in uids["fleetslo-on-call"]["templating"]["list"]}


def test_every_part_of_many_slos_keeps_every_rule() -> None:
    for file in GENERATOR.generate(many(SLOS_PER_DASHBOARD + 50)):
        if file.path.endswith(".json"):
            assert complaints(read(file.text)) == []


def test_a_hundred_slos_stay_together_and_ask_for_one_at_first() -> None:
    found = boards(many(SLOS_PER_DASHBOARD))

    chosen = next(v for v in found["on-call"]["templating"]["list"] if v["name"] == "slo")
    assert sorted(found) == ["debug", "executive", "on-call"]
    assert chosen["current"]["value"] == "fleet-s000"
    assert list(GENERATOR.check(many(SLOS_PER_DASHBOARD))) == []


def test_a_project_without_slos_is_legible() -> None:
    for file in GENERATOR.generate(compile_project(project())):
        if file.path.endswith(".json"):
            assert complaints(read(file.text)) == []


@given(team=st.text(min_size=1))
def test_a_uid_is_short_enough_whatever_the_team_is_called(team: str) -> None:
    assert len(uid_of("executive", team)) <= 40


def test_an_objective_is_shown_as_it_was_written() -> None:
    watched = replace(health(), objective=Ratio.from_percent("99.95"))
    board = boards(compile_project(project(watched)))["executive"]

    assert "99.95 %" in board["panels"][0]["description"]
