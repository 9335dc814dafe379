"""Converted files pass `generate` and Prometheus' own check, and say the same as the originals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slo.cli.app import run
from slo.importers import Format
from slo.servers import find
from tests.foreign import EVENTS, SETTINGS, SUITE, V2ALPHA, Foreign, sloth
from tests.front_end import TEAM


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rules(paths: list[Path], out: Path) -> dict[str, str]:
    assert run(["-q", "generate", *map(str, paths), "--out", str(out), "--only", "rules"]) == 0
    return {path.name: path.read_text("utf-8") for path in sorted(out.rglob("rules/*.yaml"))}


@pytest.mark.parametrize("case", SUITE, ids=lambda case: case.name)
def test_rules_of_the_converted_file_are_those_of_the_original(
    case: Foreign, tmp_path: Path
) -> None:
    ours = write(tmp_path, "ours.yaml", f"{SETTINGS}---\n{TEAM}")
    original = write(tmp_path, "original.yaml", case.text)
    converted = tmp_path / "converted"

    arguments = ["convert", "--from", case.form.value, str(original), "--out", str(converted)]
    assert run(["-q", *arguments]) == 0

    assert rules([converted, ours], tmp_path / "a") == rules([original, ours], tmp_path / "b")


@pytest.mark.servers
def test_every_conversion_is_accepted_and_proven_by_promtool(tmp_path: Path) -> None:
    if find("promtool") is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    specs = tmp_path / "specs"
    for number, case in enumerate(SUITE):
        original = write(tmp_path, f"{case.name}.yaml", case.text)
        folder = specs / case.name
        arguments = ["convert", "--from", case.form.value, str(original), "--out", str(folder)]
        assert run(["-q", *arguments, "--owner", "web"]) == 0
        for path in folder.iterdir():
            text = path.read_text("utf-8").replace("name: api", f"name: api-{number}")
            own = text.replace("pyrra-shop-api", f"pyrra-shop-api-{number}")
            path.write_text(own, encoding="utf-8")
    out = tmp_path / "out"
    team = write(tmp_path, "ours.yaml", TEAM)

    wanted = ["--out", str(out), "--only", "rules,tests,runbooks"]
    assert run(["-q", "generate", str(specs), str(team), *wanted]) == 0
    assert run(["-q", "verify", str(out), "--allow-skipped"]) == 0
    written = (out / "prometheus" / "rules" / "shop.yaml").read_text("utf-8")
    assert all(f"slo_id: shop-api-{number}\n" in written for number in range(len(SUITE)))


CONDITIONS = """\
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: own}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: own}
            spec:
              severity: page
              condition: {op: gt, threshold: 4, lookbackWindow: 2h, alertAfter: 10m}
"""


@pytest.mark.servers
def test_alerts_that_are_no_shipped_tier_are_kept_and_proven(tmp_path: Path) -> None:
    if find("promtool") is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    by_name = {case.name: case.text for case in SUITE}
    pyrra = next(text for name, text in by_name.items() if name.startswith("pyrra"))
    month = write(tmp_path, "pyrra.yaml", pyrra.replace("4w", "30d"))
    alone = write(
        tmp_path, "openslo.yaml", f"{V2ALPHA.replace('name: api', 'name: own')}{CONDITIONS}"
    )
    ours = write(tmp_path, "ours.yaml", f"{SETTINGS}---\n{TEAM}")
    specs, out = tmp_path / "specs", tmp_path / "out"

    for form, file in (("pyrra", month), ("openslo", alone)):
        assert run(["-q", "convert", "--from", form, str(file), "--out", str(specs / form)]) == 0
    wanted = ["--out", str(out), "--only", "rules,tests,runbooks"]
    assert run(["-q", "generate", str(specs), str(ours), *wanted]) == 0

    assert run(["-q", "verify", str(out), "--allow-skipped"]) == 0
    written = (out / "prometheus" / "rules" / "shop.yaml").read_text("utf-8")
    assert "slo_tier: '4x-2h-10m'" in written
    assert "slo:sli_error:ratio_rate1h4m" in written


def test_nothing_is_written_when_something_cannot_be_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = "  - name: other\n    objective: 99\n    sli: {plugin: {id: x/y}}\n"
    original = write(tmp_path, "original.yaml", sloth(EVENTS + plugin))
    out = tmp_path / "out"

    code = run(["convert", "--from", "sloth", str(original), "--out", str(out)])

    assert code == 1
    assert not out.exists()
    assert f"{original}:12:11" in capsys.readouterr().err


def test_a_fault_in_a_query_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = sloth(EVENTS.replace("sum(rate(requests_total[{{ .window }}]))", "sum(rate("))
    original = write(tmp_path, "original.yaml", text)

    code = run(["convert", "--from", "sloth", str(original), "--out", str(tmp_path / "out")])

    assert code == 1
    assert f"{original}:9:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_format_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = write(tmp_path, "original.yaml", sloth(EVENTS))

    code = run(["convert", "--from", "pyrra", str(original), "--out", str(tmp_path / "out")])

    assert code == 1
    assert "holds no document of pyrra" in capsys.readouterr().err


def test_files_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    original = write(tmp_path, "original.yaml", sloth(EVENTS))
    mine = write(tmp_path, "out/shop.yaml", "mine\n")
    arguments = ["-q", "convert", "--from", "sloth", str(original), "--out", str(mine.parent)]

    assert run(arguments) == 1
    assert mine.read_text("utf-8") == "mine\n"
    assert run([*arguments, "--force"]) == 0
    assert mine.read_text("utf-8").startswith("apiVersion: fleetslo/v1\n")


def test_the_report_is_there_for_programs_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = sloth(EVENTS + "    alerting: {name: High}\n")
    original = write(tmp_path, "original.yaml", text)
    out = str(tmp_path / "out")

    code = run(["convert", "--from", "sloth", str(original), "--out", out, "--format", "json"])

    assert code == 0
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [(problem["code"], problem["line"]) for problem in found] == [("SLO070", 10)]


def test_a_foreign_file_in_a_directory_is_read_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "specs/sloth.yaml", sloth(EVENTS))
    write(tmp_path, "specs/ours.yaml", f"{SETTINGS}---\n{TEAM}")

    assert run(["validate", str(tmp_path / "specs")]) == 0
    assert "1 SLO, 1 team: fine" in capsys.readouterr().out


def test_every_format_has_conversions() -> None:
    assert {case.form for case in SUITE} == set(Format)


def test_a_folder_without_any_of_the_format_says_what_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "specs/a.yaml", sloth(EVENTS))

    code = run(
        ["convert", "--from", "pyrra", str(tmp_path / "specs"), "--out", str(tmp_path / "o")]
    )

    assert code == 1
    assert "no document of pyrra was found in 1 YAML files, 1 of sloth" in capsys.readouterr().err
