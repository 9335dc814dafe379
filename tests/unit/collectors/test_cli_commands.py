"""The command `collector`: what it says about configurations and components, and how fast."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from collectors.cli import cli, main

HEAVY = """
import sys
from collectors.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print("HEAVY", sorted({"grpc", "aiohttp", "pydantic", "numpy", "yaml"} & set(sys.modules)))
"""


@pytest.mark.parametrize("command", ["validate", "print-config"])
def test_the_built_in_configuration_is_taken(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    result = CliRunner().invoke(cli, [command])

    assert result.exit_code == 0, result.output


MINIMAL = """
receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
extensions: {file_storage: }
service: {extensions: [file_storage], pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
"""


@pytest.mark.parametrize(
    ("variable", "below"), [("FLEETSLO_STATE", ""), ("XDG_STATE_HOME", "/fleetslo")]
)
@pytest.mark.parametrize("is_built_in", [True, False])
def test_data_is_where_the_state_directory_is_said_to_be(
    variable: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_built_in: bool
) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(MINIMAL)
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/else")
    monkeypatch.delenv("FLEETSLO_STATE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))

    command = ["print-config", *([] if is_built_in else ["--config", str(path)])]
    result = CliRunner().invoke(cli, command)

    assert f"directory: {tmp_path}{below}/data" in result.output


def test_the_starter_configuration_is_taken_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(files("collectors.starter").joinpath("collector.yaml").read_text("utf-8"))

    result = CliRunner().invoke(cli, ["validate", "--config", str(path)])

    assert (result.exit_code, result.stdout) == (0, "fine: traces, metrics, logs\n")
    assert result.stderr == ""


def test_components_are_listed_with_what_they_carry() -> None:
    result = CliRunner().invoke(cli, ["components"])

    assert result.exit_code == 0
    line = next(line for line in result.output.splitlines() if line.startswith("  prometheus "))
    assert line.split()[:2] == ["prometheus", "metrics"]


def test_where_a_component_comes_from_stands_in_one_column() -> None:
    lines = CliRunner().invoke(cli, ["components"]).output.split("connectors:\n")[1].splitlines()
    connectors = lines[: lines.index("exporters:")]

    assert len({line.index("fleetslo") for line in connectors}) == 1


def test_a_file_that_is_not_there_is_told() -> None:
    result = CliRunner().invoke(cli, ["validate", "--config", "/not/there.yaml"])

    assert result.exit_code == 1
    assert result.stderr.startswith("error[COL001]: cannot read /not/there.yaml: No such file")


def test_a_folder_in_place_of_a_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["validate", "--config", str(tmp_path)])

    assert result.exit_code == 1
    assert "Is a directory\nhelp: name a file in it" in result.stderr


def test_a_file_that_is_only_named_is_told_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "collector.yaml"])

    assert left.value.code == 2
    assert "a file is given as --config collector.yaml" in capsys.readouterr().err


def test_a_directory_without_logs_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["buffer", "ls", str(tmp_path)])

    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path} holds no log\n"


def test_help_imports_nothing_heavy() -> None:
    result = subprocess.run(
        [sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True, timeout=60
    )

    assert result.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frobnicate"], 2, "error: No such command 'frobnicate'."),
        (
            ["validate", "--confg", "x"],
            2,
            "error: No such option '--confg'. Did you mean '--config'?",
        ),
        (["why", "zz", "--data", "."], 1, "error: . is not a data directory"),
        (["buffer", "ls", "/not/there"], 2, "error: Invalid value for 'DIRECTORY': "),
        (["buffer", "repair", "."], 1, "error: . is not a data directory"),
        (["validate", "--config", "/not/there.yaml"], 1, "error[COL001]: cannot read "),
    ],
)
def test_whatever_is_wrong_is_told_as_sloctl_tells_it(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    told = capsys.readouterr().err
    assert ended.value.code == code
    assert any(line.startswith(said) for line in told.splitlines()), told
    assert "Error: " not in told
