from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.runbooks.generator import GENERATOR
from slo.cli.app import run
from slo.cli.reading import MAX_BYTES, read_paths
from slo.diagnostic import Level
from slo.model import Compiled, UserFile
from tests.alert_projects import alert, fleet, place, project, team, webhook
from tests.front_end import TEAM, alert_text

PART = """\
# Queue, by hand

Ask Grace first.

## diagnosis
```sh
# not a heading
## nor this
./drain --all
```
## Cost
Ten euros a minute.
"""


def compiled(parts: Mapping[str, str]) -> Compiled:
    made = project(
        teams=(team("platform", webhook("http://127.0.0.1:9/a")),), alerts=(alert("QueueStuck"),)
    )
    written = {name: UserFile(f"runbooks/{name}.md", text, place()) for name, text in parts.items()}
    return replace(made, project=replace(made.project, handwritten=written))


def page(text: str) -> str:
    made = GENERATOR.generate(compiled({"QueueStuck": text}))
    return next(file.text for file in made if file.path == "runbooks/QueueStuck.md")


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## Links\n")[0]


def test_a_part_under_our_heading_stands_in_that_section() -> None:
    diagnosis = section(page(PART), "Diagnosis").partition("\n## Mitigation\n")[0]

    assert "```sh\n# not a heading\n## nor this\n./drain --all\n```" in diagnosis
    assert "Ten euros" not in diagnosis


def test_everything_else_stands_in_the_notes_and_the_title_is_ours() -> None:
    text = page(PART)
    notes = section(text, "Notes")

    assert "Ask Grace first." in notes
    assert "### Cost\n\nTen euros a minute." in notes
    assert "Queue, by hand" not in text
    assert text.startswith("# QueueStuck\n")


def test_without_parts_a_page_has_no_notes() -> None:
    assert "## Notes" not in page("\n \n")


def test_a_longer_fence_is_not_closed_by_a_shorter_one() -> None:
    notes = section(page("````\n```\n## still code\n````\n## Impact\nBad.\n"), "Notes")

    assert "## still code" in notes


def test_a_part_for_no_alert_is_a_warning_that_offers_the_nearest() -> None:
    (problem,) = GENERATOR.check(compiled({"QueueStcuk": "x"}))

    assert (problem.code, problem.level) == ("ALM017", Level.WARNING)
    assert problem.help == "did you mean QueueStuck?"


def test_the_same_project_without_parts_gives_no_warning() -> None:
    assert list(GENERATOR.check(fleet())) == []


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "alert.yaml").write_text(alert_text() + "---\n" + TEAM, "utf-8")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "QueueStuck.md").write_text("By hand: café.\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("path", ["", "alert.yaml"])
def test_a_part_beside_the_specs_reaches_the_generated_page(specs: Path, path: str) -> None:
    out = specs.parent / "out"

    assert run(["generate", str(specs / path), "--out", str(out), "--only", "runbooks"]) == 0
    assert "By hand: café." in (out / "runbooks" / "QueueStuck.md").read_text("utf-8")


def test_a_part_that_is_too_long_is_refused_unread(specs: Path) -> None:
    with (specs / "runbooks" / "QueueStuck.md").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    reading = read_paths([str(specs)])

    assert reading.project is None
    (error,) = [problem for problem in reading.problems if problem.level == "error"]
    assert f"it may hold {MAX_BYTES} bytes" in error.text


def test_two_parts_for_one_alert_are_an_error(specs: Path) -> None:
    more = specs / "team"
    (more / "runbooks").mkdir(parents=True)
    (more / "slo.yaml").write_text(alert_text("OtherThing"), "utf-8")
    (more / "runbooks" / "QueueStuck.md").write_text("Too.", "utf-8")
    reading = read_paths([str(specs)])

    assert [problem.code for problem in reading.problems] == ["SLO020"]
