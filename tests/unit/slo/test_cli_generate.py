"""`sloctl init` and `generate`: what is written, and that it is always the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slo.cli import run
from slo.cli.reading import read_paths
from tests.front_end import TEAM, alert_text, slo_text
from tests.spec_files import GOOD, tree


def test_init_writes_files_that_are_valid_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "project"

    assert run(["init", str(folder)]) == 0
    written = tree(folder)
    assert {"teams.yaml", "settings.yaml", "collector.yaml"} <= set(written)
    assert run(["validate", str(folder)]) == 0
    assert run(["init", str(folder)]) == 1
    assert "overwrites nothing" in capsys.readouterr().err
    assert tree(folder) == written


def test_starter_files_generate_the_same_bytes_twice(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "x")]) == 0
    assert run(["generate", str(tmp_path / "x"), "--out", str(tmp_path / "y")]) == 0
    first = tree(tmp_path / "y")
    assert run(["generate", str(tmp_path / "x"), "--out", str(tmp_path / "z")]) == 0

    assert tree(tmp_path / "z") == first
    assert run(["generate", str(tmp_path / "x"), "--out", str(tmp_path / "y"), "--check"]) == 0
    listed = {entry["path"] for entry in json.loads(first["manifest.json"])["files"]}
    assert listed == set(first) - {"manifest.json"}


def test_output_does_not_depend_on_the_order_or_the_names_of_files(tmp_path: Path) -> None:
    one, many = tmp_path / "one.yaml", tmp_path / "many"
    many.mkdir()
    one.write_text("---\n".join((TEAM, slo_text("b"), slo_text("a"), alert_text())))
    (many / "z.yml").write_text(slo_text("a"))
    (many / "y.yaml").write_text("---\n".join((alert_text(), slo_text("b"))))
    (many / "x.yaml").write_text(TEAM)

    for source in (one, many):
        assert run(["generate", str(source), "--out", str(tmp_path / f"out-{source.stem}")]) == 0

    assert tree(tmp_path / "out-one") == tree(tmp_path / "out-many")


def test_output_into_the_files_that_are_read_is_refused(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(specs)

    assert run(["generate", str(specs), "--out", f"{specs}/../{specs.name}"]) == 2
    assert "give a directory of its own" in capsys.readouterr().err
    assert tree(specs) == before
    assert run(["generate", str(specs), "--out", str(specs / "out")]) == 0
    assert run(["generate", str(specs), "--out", str(specs / "out"), "--check"]) == 0


def test_on_any_error_nothing_is_written(specs: Path, tmp_path: Path) -> None:
    (specs / "bad.yaml").write_text(slo_text("other", objective="100"))
    out = tmp_path / "out"

    assert run(["generate", str(specs), "--out", str(out)]) == 1
    assert not out.exists()


def test_an_error_leaves_the_output_of_before_as_it_was(specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["generate", str(specs), "--out", str(out)]) == 0
    before = tree(out)
    (specs / "all.yaml").write_text(GOOD.replace("99.9", "0"))

    assert run(["generate", str(specs), "--out", str(out)]) == 1
    assert tree(out) == before


def test_only_some_families_are_written(specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert run(["generate", str(specs), "--out", str(out), "--only", "rules,runbooks"]) == 0

    assert {path.split("/")[0] for path in tree(out)} == {
        "manifest.json",
        "prometheus",
        "runbooks",
    }


def test_check_tells_what_is_out_of_date_and_writes_nothing(
    specs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["generate", str(specs), "--out", str(out)]) == 0
    (specs / "all.yaml").write_text(GOOD.replace("99.9", "99"))
    before = tree(out)

    assert run(["generate", str(specs), "--out", str(out), "--check"]) == 1

    assert "changed: " in capsys.readouterr().err
    assert tree(out) == before


def test_output_below_the_specs_is_not_read_as_specs(specs: Path) -> None:
    out = specs / "out"
    assert run(["generate", str(specs), "--out", str(out)]) == 0

    assert run(["generate", str(specs), "--out", str(out), "--check"]) == 0
    assert not [name for name in read_paths([str(specs)]).sources if "/out/" in name]


def test_the_starter_s_collector_is_the_one_that_is_generated(tmp_path: Path) -> None:
    specs, out = tmp_path / "specs", tmp_path / "out"
    assert run(["-q", "init", str(specs)]) == 0
    mine = (specs / "collector.yaml").read_text().replace("127.0.0.1:4317", "127.0.0.1:9999")
    (specs / "collector.yaml").write_text(mine)

    assert run(["-q", "generate", str(specs), "--out", str(out)]) == 0

    assert "127.0.0.1:9999" in (out / "collector/collector.yaml").read_text()


def test_generated_files_say_how_to_change_them(specs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["-q", "generate", str(specs), "--out", str(out)]) == 0

    for path, way in (
        ("prometheus/prometheus.yml", "base: {prometheus: prometheus.yml}"),
        ("collector/collector.yaml", "base: {collector: collector.yaml}"),
    ):
        text = (out / path).read_text()
        assert text.startswith("# Generated by")
        assert way in text
