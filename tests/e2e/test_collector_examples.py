"""Every example is a configuration that the collector takes; the host's is run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from collectors.cli import cli
from collectors.config.load import Text, load
from collectors.config.plan import plan
from collectors.config.printing import printed
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from slo.servers import free_port

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "collector"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
START_SECONDS = 40


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"gateway", "host", "remote-write", "secure"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_right_and_can_be_printed_and_read_again(path: Path) -> None:
    around = Surroundings({"FLEETSLO_STATE": "/state"}, str)
    loaded, problems = load([Text(path.name, path.read_text())], around, Registry.installed())

    assert problems == []
    assert loaded is not None
    assert plan(loaded).pipelines
    again, problems = load([Text("again", printed(loaded))], around, Registry.installed())
    assert problems == []
    assert again is not None
    assert [pipeline.name for pipeline in again.pipelines] == [
        pipeline.name for pipeline in loaded.pipelines
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_keeps_its_data_where_its_user_may_write(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEETSLO_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    result = CliRunner().invoke(cli, ["print-config", "--config", str(path)])

    assert result.exit_code == 0, result.output
    if "file_storage" in path.read_text():
        assert f"directory: {tmp_path}/fleetslo/data" in result.output


def test_the_host_is_observed_by_the_collector_alone(tmp_path: Path) -> None:
    scrape, target = free_port(), free_port()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
        writer.write(b"# TYPE things counter\nthings_total 7\n")
        writer.close()

    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{scrape}/metrics", timeout=2) as got:
                return str(got.read().decode())
        except (OSError, urllib.error.URLError):
            return ""

    async def observe() -> str:
        async with await asyncio.start_server(serve, "127.0.0.1", target):
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                text = await asyncio.to_thread(page)
                if "things_total" in text and "system_cpu_time" in text:
                    return text
                await asyncio.sleep(0.2)
        return ""

    around = {
        "INTERVAL": "500ms",
        "TARGET": f"127.0.0.1:{target}",
        "SCRAPE": f"127.0.0.1:{scrape}",
        "FLEETSLO_STATE": str(tmp_path),
    }
    code = "from collectors.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "--config", str(FOLDER / "host.yaml")]
    with subprocess.Popen(
        command, env=os.environ | around, stderr=subprocess.PIPE, text=True
    ) as daemon:
        text = asyncio.run(observe())
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=30)

    assert text, said
    assert daemon.returncode == 0
    lines = text.splitlines()
    (things,) = (line for line in lines if line.startswith("things_total{"))
    assert 'job="exporters"' in things
    assert 'site="east"' in things
    assert float(things.split()[-1]) == 7
    assert any(line.startswith("up{") and line.endswith(" 1.0") for line in lines)
    assert any(line.startswith("process_memory_usage_bytes{") for line in lines)
