"""The daemon as a process: killed, locked out, refused its ports, bombed, drained."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collectors.testing import metrics_request
from slo.servers import free_port
from tests.otlp_sink import Sink, otlp_sink

COLLECTOR = (sys.executable, "-c", "from collectors.cli import main; main()")
START_SECONDS = 30
DRAIN_SECONDS = 30


@dataclass
class Daemon:
    """One data directory and the daemon on it, restarted at will on the same ports."""

    directory: Path
    sink: Sink
    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    scrape: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        path = self.directory / "collector.yaml"
        if not path.exists():
            path.write_text(
                json.dumps(
                    {
                        "receivers": {
                            "otlp": {
                                "protocols": {
                                    "grpc": {"endpoint": f"127.0.0.1:{self.grpc}"},
                                    "http": {"endpoint": f"127.0.0.1:{self.http}"},
                                }
                            }
                        },
                        "processors": {"batch": {"timeout": "50ms", "send_batch_size": 64}},
                        "exporters": {
                            "otlp_http": {
                                "endpoint": self.sink.http,
                                "retry_on_failure": {"initial_interval": "100ms"},
                            },
                            "file": {"path": str(self.directory / "out.json")},
                            "prometheus": {"endpoint": f"127.0.0.1:{self.scrape}"},
                        },
                        "extensions": {
                            "file_storage": {
                                "directory": str(self.directory / "data"),
                                "max_size": "256MiB",
                            },
                            "health_check": {"endpoint": f"127.0.0.1:{self.health}"},
                        },
                        "service": {
                            "extensions": ["file_storage", "health_check"],
                            "telemetry": {
                                "metrics": {
                                    "readers": [
                                        {
                                            "pull": {
                                                "exporter": {"prometheus": {"port": self.metrics}}
                                            }
                                        }
                                    ]
                                }
                            },
                            "pipelines": {
                                "traces": {
                                    "receivers": ["otlp"],
                                    "processors": ["batch"],
                                    "exporters": ["otlp_http", "file"],
                                },
                                "metrics": {"receivers": ["otlp"], "exporters": ["prometheus"]},
                            },
                        },
                    }
                )
            )
        return path

    def start(self) -> None:
        with (self.directory / "stderr").open("ab") as log:
            self.process = subprocess.Popen(
                [*COLLECTOR, "run", "--config", str(self.config)], stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while self.status(self.health, "/") != 200:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(DRAIN_SECONDS)

    def said(self) -> str:
        return (self.directory / "stderr").read_text("utf-8")

    def status(self, port: int, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def page(self, port: int) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def value(self, port: int, start: str) -> float:
        lines = [line for line in self.page(port).splitlines() if line.startswith(start)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def daemon(directory: Path) -> Iterator[Daemon]:
    with otlp_sink() as sink:
        made = Daemon(directory, sink)
        try:
            yield made
        finally:
            if made.process is not None and made.process.poll() is None:
                made.kill()


def run(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COLLECTOR, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.getcwd(), **environment},  # noqa: PTH109 - the repository root
    )


def spans(count: int) -> list[ReadableSpan]:
    made = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(made))
    tracer = provider.get_tracer("test")
    for _ in range(count):
        tracer.start_span("ours").end()
    return list(made.get_finished_spans())


def ids(these: list[ReadableSpan]) -> set[bytes]:
    found: set[bytes] = set()
    for span in these:
        context = span.get_span_context()
        assert context is not None
        found.add(context.span_id.to_bytes(8, "big"))
    return found


def send_until(
    stop: threading.Event, made: Daemon, protocol: str, acknowledged: set[bytes]
) -> None:
    exporter = (
        GrpcSpanExporter(f"127.0.0.1:{made.grpc}", insecure=True, timeout=2)
        if protocol == "grpc"
        else HttpSpanExporter(f"http://127.0.0.1:{made.http}/v1/traces", timeout=2)
    )
    while not stop.is_set():
        these = spans(7)
        if exporter.export(these) is SpanExportResult.SUCCESS:
            acknowledged |= ids(these)
    exporter.shutdown()


def delivered(sink: Sink) -> list[bytes]:
    with sink.lock:
        return [
            span.span_id
            for request in sink.traces
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]


def in_file(path: Path) -> set[bytes]:
    return {
        bytes.fromhex(span["spanId"])
        for line in path.read_text("utf-8").splitlines()
        for resource_spans in json.loads(line)["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_was_acknowledged_is_delivered_though_the_daemon_is_killed(tmp_path: Path) -> None:
    lot = random.Random(11)
    with daemon(tmp_path) as made:
        made.start()
        stop = threading.Event()
        known: dict[str, set[bytes]] = {"grpc": set(), "http": set()}
        threads = [
            threading.Thread(target=send_until, args=(stop, made, protocol, known[protocol]))
            for protocol in known
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(4):
                stop.wait(0.3 + lot.random())
                made.kill()
                made.start()
            stop.wait(1.0)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        acknowledged = known["grpc"] | known["http"]
        deadline = time.monotonic() + DRAIN_SECONDS
        while not acknowledged <= set(delivered(made.sink)) and time.monotonic() < deadline:
            time.sleep(0.1)
        imbalance = made.value(made.metrics, "fleetslo_conservation_imbalance")

        assert made.stop() == 0, made.said()
        assert known["grpc"]
        assert known["http"]
        assert acknowledged <= set(delivered(made.sink))
        assert acknowledged <= in_file(tmp_path / "out.json")
        assert imbalance == 0


def test_counters_go_on_where_they_were_after_a_kill(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        url = f"http://127.0.0.1:{made.http}/v1/metrics"
        for seed in range(3):
            body = metrics_request(seed=seed).SerializeToString()
            request = urllib.request.Request(
                url, body, {"Content-Type": "application/x-protobuf"}, method="POST"
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 200
        series = 'sample_things_total{instance="sample-1",job="sample",series="2"}'
        deadline = time.monotonic() + 10
        while made.value(made.scrape, series) != 32 and time.monotonic() < deadline:
            time.sleep(0.05)
        before = made.page(made.scrape)
        made.kill()
        made.start()

        assert made.value(made.scrape, series) == 32
        assert made.page(made.scrape) == before
        assert made.stop() == 0


def test_a_bomb_costs_the_daemon_little_memory_and_it_goes_on(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        assert made.process is not None
        before = psutil.Process(made.process.pid).memory_info().rss
        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{made.grpc}", options=options) as channel:
            call = channel.unary_unary(method)
            with pytest.raises(grpc.RpcError) as caught:
                call(bytes(256 << 20), compression=grpc.Compression.Gzip, timeout=60)

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined] # a call is an error and an answer at once
        grown = psutil.Process(made.process.pid).memory_info().rss - before
        assert grown < 160 << 20
        these = spans(3)
        exporter = GrpcSpanExporter(f"127.0.0.1:{made.grpc}", insecure=True)
        assert exporter.export(these) is SpanExportResult.SUCCESS
        exporter.shutdown()
        assert made.stop() == 0


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
    assert failed.stderr.splitlines()[-1] == "collector: the configuration has 3 errors"


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


def test_sigint_drains_as_sigterm_does(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        assert made.process is not None
        made.process.send_signal(signal.SIGINT)

        assert made.process.wait(DRAIN_SECONDS) == 0
        assert "Traceback" not in made.said()
