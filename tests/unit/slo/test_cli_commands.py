"""`sloctl` as people and pipelines call it: help, usage, streams, bugs and proofs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from slo.cli import app, run
from slo.cli.state import coloured
from slo.cli.verify import Waiting
from slo.plugin import Result, Verdict
from tests.spec_files import ROOT


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


def test_clicks_own_problems_are_told_as_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["no-such-command"]) == 2

    told = capsys.readouterr().err
    assert "\nerror: No such command 'no-such-command'." in told
    assert "Error: " not in told


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


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["valdate"], "Did you mean 'validate'?"),
        (["routes", "whoo"], "Did you mean 'who'?"),
    ],
)
def test_a_misspelt_command_is_guessed(
    arguments: list[str], way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err.count(way_out) == 1


def test_a_collectors_file_is_shown_its_own_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "collector.yaml"
    file.write_text("receivers: {otlp: }\nservice: {pipelines: {}}\n")

    assert run(["validate", str(file)]) == 1
    assert "collector validate --config FILE" in capsys.readouterr().err


def test_two_commands_of_one_module_say_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0

    told = [line.split(None, 1) for line in capsys.readouterr().out.splitlines() if line]
    words = {line[0]: line[1] for line in told if len(line) == 2}
    assert words["incident"] != words["report"]
