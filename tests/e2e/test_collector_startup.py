"""The daemon as a process that cannot start, or is looked into while it runs."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.killed_daemon import daemon, ids, run, spans


def test_a_second_daemon_on_the_same_data_is_told_in_one_line(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        second = run("run", "--config", str(made.config))

        assert second.returncode == 1
        assert len(second.stderr.splitlines()) == 1
        assert "in use by process" in second.stderr


@pytest.mark.parametrize("which", ["grpc", "http", "scrape", "health", "metrics"])
def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path, which: str) -> None:
    with daemon(tmp_path) as made, socket.create_server(("127.0.0.1", getattr(made, which))):
        failed = run("run", "--config", str(made.config))

        assert failed.returncode == 1
        assert len(failed.stderr.splitlines()) == 1, failed.stderr
        assert f"cannot listen on 127.0.0.1:{getattr(made, which)}" in failed.stderr


def test_a_data_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the directory should be")
    with daemon(tmp_path) as made:
        failed = run("run", "--config", str(made.config))

        assert failed.returncode == 1
        assert len(failed.stderr.splitlines()) == 1, failed.stderr
        assert str(tmp_path / "data") in failed.stderr


def test_a_wrong_configuration_is_told_with_places_and_nothing_starts(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "receivers: {otpl: {}}\nservice: {pipelines: {traces: {receivers: [x], exporters: [y]}}}\n"
    )

    failed = run("run", "--config", str(path))

    assert failed.returncode == 1
    assert f"--> {path}:1:13" in failed.stderr
    assert "did you mean otlp?" in failed.stderr
    assert failed.stderr.splitlines()[-1] == "3 errors, sloctl explain COL006 tells more"


def test_logs_can_be_looked_into_while_the_daemon_runs_and_damage_is_found(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        exporter = HttpSpanExporter(f"http://127.0.0.1:{made.http}/v1/traces")
        these = spans(3)
        assert exporter.export(these) is SpanExportResult.SUCCESS
        exporter.shutdown()
        data = str(tmp_path / "data")

        shown = run("buffer", "cat", data, "--signal", "traces")
        assert ids(these) == {
            bytes.fromhex(span["spanId"])
            for line in shown.stdout.splitlines()
            for scope in json.loads(line)["resourceSpans"][0]["scopeSpans"]
            for span in scope["spans"]
        }
        assert "traces=3" in run("buffer", "ls", data).stdout
        assert run("buffer", "verify", data).returncode == 0
        assert made.stop() == 0

        segment = next((tmp_path / "data" / "inbox").glob("*.seg"))
        content = bytearray(segment.read_bytes())
        content[content.index(b"ours")] ^= 1
        segment.write_bytes(content)
        verified = run("buffer", "verify", data)
        assert verified.returncode == 1
        assert "inbox: " in verified.stdout


def test_without_a_configuration_everything_is_below_the_state_directory(tmp_path: Path) -> None:
    shown = run("print-config", XDG_STATE_HOME=str(tmp_path))

    assert shown.returncode == 0
    assert f"directory: {tmp_path}/fleetslo/data" in shown.stdout
    for address in ("127.0.0.1:4317", "127.0.0.1:4318", "127.0.0.1:8889", "127.0.0.1:13133"):
        assert address in shown.stdout
