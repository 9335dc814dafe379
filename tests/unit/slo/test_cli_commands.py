"""`sloctl` as people and pipelines call it: what it says, writes and returns."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from slo.cli import app, run
from slo.cli.reading import read_paths
from slo.cli.state import coloured
from slo.cli.verify import Waiting
from slo.plugin import Result, Verdict
from tests.front_end import TEAM, alert_text, slo_text

ROOT = Path(__file__).resolve().parents[3]
GOOD = f"{slo_text()}---\n{alert_text()}---\n{TEAM}"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "all.yaml").write_text(GOOD)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["validate"],
        ["validate", "/nowhere/at/all"],
        ["generate", "."],
        ["validate", ".", "--format", "xml"],
        ["generate", ".", "--out", "x", "--only", "rulez"],
        ["explain", "no-such-thing"],
        ["catalog", "recipes"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_a_directory_that_cannot_be_written_is_one_clear_line(
    specs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert run(["generate", str(specs), "--out", str(tmp_path / "file" / "out")]) == 1

    lines = capsys.readouterr().err.strip().split("\n")
    assert lines[-1].startswith("error: cannot write ")


def test_a_bug_is_one_line_and_a_traceback_in_a_file(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_project: object) -> object:
        msg = "impossible"
        raise KeyError(msg)

    monkeypatch.setattr("slo.cli.building.compile_project", broken)

    assert run(["validate", str(specs)]) == 3

    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert line.startswith("sloctl has a bug: KeyError: 'impossible'; the traceback is in ")
    file = Path(line.rsplit(" ", 1)[1])
    assert "raise KeyError(msg)" in file.read_text()
    file.unlink()


def test_a_plugin_that_cannot_be_loaded_is_named(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = EntryPoint("theirs", "no.such.module:GENERATOR", "sloctl.generators")

    def found(*, group: str) -> list[EntryPoint]:
        return [entry] if group else []

    monkeypatch.setattr("slo.cli.plugins.entry_points", found)

    assert run(["validate", str(specs)]) == 1
    assert "sloctl.generators:theirs" in capsys.readouterr().err


def test_help_names_every_command_and_imports_none_of_them() -> None:
    probe = (
        "import sys; from slo.cli import run; run(['--help']);"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " {'rich', 'yaml', 'promql_parser', 'alerts', 'collectors', 'opentelemetry'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True
    )

    for name in ("init", "validate", "generate", "verify", "explain", "catalog"):
        assert f"\n  {name} " in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_every_command_and_option_has_help() -> None:
    context = app.cli.make_context("sloctl", [], resilient_parsing=True)
    for name in app.cli.list_commands(context):
        command = app.cli.get_command(context, name)
        assert command is not None
        assert command.help
        for option in command.params:
            if option.param_type_name == "option" and option.name != "form":
                assert getattr(option, "help", None), (name, option.name)


def test_a_plugged_in_command_is_found_by_its_entry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        EntryPoint("check-it", "slo.cli.validate:COMMAND", "sloctl.commands"),
        EntryPoint("init", "slo.cli.validate:COMMAND", "sloctl.commands"),
    ]

    def found(*, group: str) -> list[EntryPoint]:
        return entries if group else []

    monkeypatch.setattr(app, "entry_points", found)

    assert run(["--help"]) == 0
    assert "check-it" in capsys.readouterr().out
    assert run(["check-it", "/nowhere"]) == 2
    assert run(["init", "--help"]) == 0
    assert "starter files" in capsys.readouterr().out


def test_explain_tells_an_slo_in_words_and_numbers(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(specs), "checkout"]) == 0

    text = capsys.readouterr().out
    assert "objective 99.9 % over 30d: a budget of 0.1 % of events, 43.2 min" in text
    assert "> 1.44 % bad (14.4x) over 1h and 5m" in text
    assert run(["explain", str(specs), "chekout"]) == 1
    assert "did you mean shop-checkout?" in capsys.readouterr().err


def test_explain_fits_a_narrow_terminal_and_leaves_a_pipe_as_wide_as_it_is(
    specs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str]:
        assert run(["explain", str(specs), "checkout"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert not [line for line in lines if line != line.rstrip()]
        return lines[[line.startswith("tier ") for line in lines].index(True) :]

    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, told())) > 100
    monkeypatch.setenv("COLUMNS", "80")
    narrow = told()
    assert max(map(len, narrow)) <= 80
    assert any("  fires when: > 1.44 % bad (14.4x) over 1h and 5m" in line for line in narrow)


@pytest.mark.parametrize(
    ("objective", "told"),
    [
        ("99", ""),
        (
            "99.9",
            "late: in a total outage the budget is gone before page fires; outage fires first",
        ),
    ],
)
def test_explain_says_that_a_page_is_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], objective: str, told: str
) -> None:
    more = "  window: 7d\n  alerting: {policy: fleet-sustained}\n"
    file = tmp_path / "all.yaml"
    file.write_text(f"{slo_text(objective=objective, more=more)}---\n{TEAM}")

    assert run(["explain", str(file)]) == 0
    late = [line for line in capsys.readouterr().out.splitlines() if "late:" in line]
    assert late == ([f"  {told}"] if told else [])


def test_clicks_own_problems_are_told_as_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["no-such-command"]) == 2

    told = capsys.readouterr().err
    assert "\nerror: No such command 'no-such-command'." in told
    assert "Error: " not in told


def test_explain_tells_what_a_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "slo012"]) == 0
    assert capsys.readouterr().out.startswith("# SLO012: ")
    assert run(["explain", "SLO999"]) == 1


@pytest.mark.parametrize("what", ["metrics", "slos", "alerts"])
def test_the_catalogue_is_the_same_in_every_format(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", what, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert run(["catalog", what, "--format", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == rows
    assert run(["catalog", what, "--format", "markdown"]) == 0
    assert len(capsys.readouterr().out.strip().split("\n")) == len(rows) + 2
    assert run(["catalog", what]) == 0
    assert len(capsys.readouterr().out.strip().split("\n")) == len(rows) + 1


def test_the_catalogue_holds_every_row_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "slos", "--format", "json"]) == 0
    slos = {row["id"] for row in json.loads(capsys.readouterr().out)}
    assert run(["catalog", "alerts", "--format", "json"]) == 0
    alerts = {row["id"] for row in json.loads(capsys.readouterr().out)}

    # M9 is the burn rate itself: every SLO has it.
    assert {f"M{n}" for n in range(1, 11) if n != 9} <= slos
    assert {f"R{n}" for n in range(1, 5)} | {f"F{n}" for n in range(1, 6)} <= alerts


def test_verify_needs_a_generated_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(tmp_path)]) == 1
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdicts", "options", "code"),
    [
        (["passed"], [], 0),
        (["passed", "failed", "skipped"], [], 1),
        (["passed", "skipped"], [], 4),
        (["passed", "skipped"], ["--allow-skipped"], 0),
        (["failed"], ["--allow-skipped"], 1),
    ],
)
def test_the_verdicts_of_the_proofs_decide_the_exit_code(
    specs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: list[str],
    options: list[str],
    code: int,
) -> None:
    class Fixed:
        name = "fixed"

        def run(self, directory: Path) -> list[Result]:
            return [Result(f"{directory.name} {word}", Verdict(word), "so") for word in verdicts]

    assert run(["generate", str(specs), "--out", str(tmp_path / "out")]) == 0
    monkeypatch.setattr("slo.cli.verify.proofs", lambda: (Fixed(),))

    assert run(["verify", str(tmp_path / "out"), *options]) == code


def test_a_file_that_was_edited_after_generation_fails_the_proof(
    specs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert run(["generate", str(specs), "--out", str(out), "--only", "rules"]) == 0
    monkeypatch.setattr("slo.cli.verify.proofs", lambda: ())
    assert run(["verify", str(out)]) == 0
    (out / "prometheus" / "rules" / "shop.yaml").write_text("groups: []\n")

    assert run(["verify", str(out)]) == 1
    assert "prometheus/rules/shop.yaml" in capsys.readouterr().err


def test_what_is_running_is_shown_on_a_terminal_only_and_leaves_no_trace() -> None:
    terminal, pipe = io.StringIO(), io.StringIO()
    for stream, active in ((terminal, True), (pipe, False)):
        waiting = Waiting(stream, active=active)
        waiting.show("[1/3] promtool")
        waiting.clear()

    assert "[1/3] promtool ..." in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


def test_schema_and_completion_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "fleetslo/v1"
    assert run(["completion", "bash"]) == 0
    assert "_SLOCTL_COMPLETE" in capsys.readouterr().out


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())
    assert not coloured(object())
    assert os.environ["NO_COLOR"] == "1"


@pytest.mark.parametrize("stream", ["2>&-", ">&-", "<&-", ">&- 2>&-"])
def test_a_stream_that_the_shell_closed_fails_nothing(
    stream: str, specs: Path, tmp_path: Path
) -> None:
    command = f"{Path(sys.executable).parent / 'sloctl'} generate {specs} --out {tmp_path / 'out'}"

    ended = subprocess.run(["sh", "-c", f"{command} {stream}"], check=False)

    assert ended.returncode == 0
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_how_much_is_said_may_stand_last(
    specs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", str(specs), "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["generate", str(specs), "--out", str(tmp_path / "out"), "-v"]) == 0
    assert "written" in capsys.readouterr().err


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
