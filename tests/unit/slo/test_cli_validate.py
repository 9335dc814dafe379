"""`sloctl validate`: every problem in one run, in the format that was asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slo.cli import run
from slo.cli.reading import read_paths
from tests.front_end import slo_text
from tests.spec_files import GOOD, ROOT


def test_strict_lets_warnings_fail(specs: Path, tmp_path: Path) -> None:
    (specs / "all.yaml").write_text(GOOD.replace("99.9", "90"))
    out = str(tmp_path / "out")

    assert run(["validate", str(specs)]) == 0
    assert run(["validate", str(specs), "--strict"]) == 1
    assert run(["generate", str(specs), "--out", out, "--strict"]) == 1
    assert not Path(out).exists()


def test_validate_speaks_json_and_github(specs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (specs / "all.yaml").write_text(GOOD.replace("99.9", "101"))

    assert run(["validate", str(specs), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["problems"]
    assert run(["validate", str(specs), "--format", "github"]) == 1
    annotation = capsys.readouterr().out

    assert [(each["code"], each["line"]) for each in found if each["level"] == "error"] == [
        ("SLO012", 5)
    ]
    assert f"::error file={specs}/all.yaml,line=5,col=14" in annotation


def test_json_of_a_valid_directory_is_an_empty_list_or_notices(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", str(specs), "--format", "json"]) == 0

    found = json.loads(capsys.readouterr().out)["problems"]
    assert {each["level"] for each in found} <= {"notice"}


def test_problems_of_all_files_are_told_in_one_run(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (specs / "b.yaml").write_text(slo_text("b", objective="0"))
    (specs / "c.yaml").write_text("a: [\n# fleetslo\n")
    (specs / "d.yaml").write_bytes(b"a: \xff\n")

    assert run(["validate", str(specs)]) == 1

    text = capsys.readouterr().err
    assert "b.yaml:5:14" in text
    assert "c.yaml:1:4" in text
    assert "d.yaml cannot be read: it is not UTF-8 at byte 3" in text


def test_standard_input_is_a_path_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slo.cli", "validate", "-"],
        input=GOOD, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "1 SLO, 1 alert, 1 team: fine\n")


def test_a_file_is_read_once_however_it_is_named(specs: Path) -> None:
    file = str(specs / "all.yaml")

    reading = read_paths([str(specs), file, file])

    assert reading.project is not None
    assert list(reading.sources) == [file]


def test_an_empty_directory_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", str(tmp_path)]) == 1
    assert f"no YAML file is in {tmp_path}" in capsys.readouterr().err


def test_what_a_broken_document_may_have_said_is_not_missed(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (specs / "all.yaml").write_text(GOOD.replace("kind: Team", "kind: {Team"))

    assert run(["validate", "--format", "json", str(specs)]) == 1

    codes = [each["code"] for each in json.loads(capsys.readouterr().out)["problems"]]
    assert "SLO001" in codes
    assert "SLO021" not in codes
