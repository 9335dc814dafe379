"""A generated tree is put in place whole, and only what is ours is touched."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from slo.cli.building import Built, built
from slo.cli.state import Fault
from slo.cli.writing import Change, differences, listed_hashes, sha256, write
from slo.diagnostic import Diagnostic
from slo.model import Compiled, OutputFile, Project, Settings
from slo.plugin import Output

ALL = frozenset(Output)
RULES = Built("prometheus/rules/a.yaml", Output.RULES, "groups: []\n")
BOOK = Built("runbooks/A.md", Output.RUNBOOKS, "# Ä\n")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_and_their_manifest_are_written(tmp_path: Path) -> None:
    changes = write(tmp_path / "out", [RULES, BOOK], ALL)

    assert [change.path for change in changes] == [RULES.path, BOOK.path]
    assert listed_hashes(tmp_path / "out") == {
        file.path: sha256(file.text.encode()) for file in (RULES, BOOK)
    }
    assert tree(tmp_path / "out")[BOOK.path] == "# Ä\n".encode()


def test_a_second_run_touches_nothing(tmp_path: Path) -> None:
    write(tmp_path, [RULES, BOOK], ALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    assert write(tmp_path, [RULES, BOOK], ALL) == ()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_no_longer_generated_is_removed_with_its_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, [RULES, BOOK], ALL)

    assert write(tmp_path, [RULES], ALL) == (Change("removed", BOOK.path),)
    assert sorted(tree(tmp_path)) == ["manifest.json", RULES.path]
    assert not (tmp_path / "runbooks").exists()


def test_other_families_and_other_peoples_files_stay(tmp_path: Path) -> None:
    write(tmp_path, [RULES, BOOK], ALL)
    (tmp_path / "runbooks" / "own.md").write_text("mine")

    write(tmp_path, [], {Output.RULES})
    assert sorted(tree(tmp_path)) == ["manifest.json", BOOK.path, "runbooks/own.md"]
    write(tmp_path, [], ALL)
    assert sorted(tree(tmp_path)) == ["manifest.json", "runbooks/own.md"]


def test_a_file_that_we_did_not_write_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    mine = tmp_path / RULES.path
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    with pytest.raises(Fault, match="not written by sloctl"):
        write(tmp_path, [RULES, BOOK], ALL)
    assert sorted(tree(tmp_path)) == [RULES.path]
    write(tmp_path, [RULES, BOOK], ALL, force=True)
    assert mine.read_text() == RULES.text


def test_an_interrupted_run_is_finished_by_the_next(tmp_path: Path) -> None:
    write(tmp_path, [BOOK], ALL)
    (tmp_path / "prometheus").write_text("in the way")
    with pytest.raises(Fault, match="cannot write"):
        write(tmp_path, [RULES], ALL)
    (tmp_path / "prometheus").unlink()

    write(tmp_path, [RULES], ALL)

    assert sorted(tree(tmp_path)) == ["manifest.json", RULES.path]


def test_no_temporary_file_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "prometheus" / "rules" / "a.yaml").mkdir(parents=True)

    with pytest.raises(Fault):
        write(tmp_path, [RULES], ALL, force=True)

    assert list(tmp_path.rglob(".*")) == []


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_forged_manifest_removes_nothing_outside(tmp_path: Path, path: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret").write_text("x")
    entry = {"path": path, "output": "rules", "sha256": ""}
    (out / "manifest.json").write_text(json.dumps({"fleetslo": 1, "files": [entry]}))

    write(out, [RULES], ALL)

    assert (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"fleetslo": 1}', '{"fleetslo": 2, "files": []}', "\xff"]
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")

    with pytest.raises(Fault, match=r"manifest\.json"):
        write(tmp_path, [RULES], ALL)
    assert sorted(tree(tmp_path)) == ["manifest.json"]


def test_differences_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path, [RULES, BOOK], ALL)
    (tmp_path / RULES.path).write_text("edited")
    new = Built("runbooks/B.md", Output.RUNBOOKS, "b")
    before = tree(tmp_path)

    assert differences(tmp_path, [RULES, new], ALL) == (
        Change("changed", RULES.path),
        Change("stale", BOOK.path),
        Change("missing", new.path),
    )
    assert differences(tmp_path, [RULES, new], {Output.RULES}) == (
        Change("changed", RULES.path),
        Change("missing", new.path),
    )
    assert tree(tmp_path) == before


class Printer:
    """A generator of fixed files."""

    def __init__(self, *paths: str) -> None:
        self.output = Output.RULES
        self.paths = paths

    def check(self, compiled: Compiled) -> list[Diagnostic]:
        del compiled
        return []

    def generate(self, compiled: Compiled) -> list[OutputFile]:
        del compiled
        return [OutputFile(path, "x") for path in self.paths]


NOTHING = Compiled(Project((), (), (), (), Settings()), ())


def test_files_are_sorted_by_path() -> None:
    assert [file.path for file in built(NOTHING, [Printer("b", "c"), Printer("a")])] == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../x", "", "a\\b"])
def test_a_generator_may_not_leave_the_directory(path: str) -> None:
    with pytest.raises(ValueError, match="below the output directory"):
        built(NOTHING, [Printer(path)])


def test_two_generators_may_not_write_one_path() -> None:
    with pytest.raises(ValueError, match="two generators write a"):
        built(NOTHING, [Printer("a"), Printer("a")])


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(6))
def test_a_run_that_is_killed_at_any_step_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = [RULES, BOOK, Built("runbooks/Old.md", Output.RUNBOOKS, "old")]
    new = [Built(RULES.path, Output.RULES, "new\n"), BOOK, Built("b/c.yaml", Output.TESTS, "c")]
    write(tmp_path / "wanted", new, ALL)
    out = tmp_path / "out"
    write(out, old, ALL)
    steps = iter(range(100))
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if next(steps) == step:
            raise Killed
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with contextlib.suppress(Killed):
        write(out, new, ALL)
    monkeypatch.undo()
    known = set(listed_hashes(out))
    orphans = set(tree(out)) - known - {"manifest.json"}

    assert orphans == set()
    write(out, new, ALL)
    assert tree(out) == tree(tmp_path / "wanted")


def test_a_file_that_somebody_changed_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    write(tmp_path, [RULES, BOOK], ALL)
    (tmp_path / RULES.path).write_text("mine\n")
    newer = Built(RULES.path, RULES.output, "groups: [new]\n")

    with pytest.raises(Fault, match="was changed since sloctl wrote it"):
        write(tmp_path, [newer, BOOK], ALL)
    assert (tmp_path / RULES.path).read_text() == "mine\n"
    write(tmp_path, [newer, BOOK], ALL, force=True)
    assert (tmp_path / RULES.path).read_text() == newer.text


def test_a_change_that_is_generated_too_is_nobodys_loss(tmp_path: Path) -> None:
    write(tmp_path, [RULES], ALL)
    newer = Built(RULES.path, RULES.output, "groups: [new]\n")
    (tmp_path / RULES.path).write_text(newer.text)

    assert write(tmp_path, [newer], ALL) == ()
    assert listed_hashes(tmp_path) == {newer.path: sha256(newer.text.encode())}
