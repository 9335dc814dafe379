"""A real daemon, real sockets, SIGKILL in the middle: what was acknowledged arrives."""

from __future__ import annotations

import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SEED = 20261120
KILLS = 8
SPANS = 20
CLIENTS = 4
WAIT_SECONDS = 40.0

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
exporters:
  otlp_http:
    endpoint: "{sink}"
    retry_on_failure: {{initial_interval: 50ms, max_interval: 200ms}}
extensions:
  file_storage: {{directory: "{data}", max_size: 64MiB}}
  health_check: {{endpoint: "127.0.0.1:{health}"}}
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}
"""


class Backend:
    """A far end that keeps names, and refuses by lot."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.random = Random(SEED)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def take(self, body: bytes) -> bool:
        request = ExportTraceServiceRequest.FromString(body)
        with self.lock:
            if self.random.random() < 0.2:
                return False
            self.names.update(
                span.name
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                self.send_response(200 if backend.take(body) else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_request(self, code: object = "-", size: object = "-") -> None:
                del code, size

        return Handler


class Client(threading.Thread):
    """Sends one request after the other, the same again until it is acknowledged."""

    def __init__(self, port: int, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.port = port
        self.number = number
        self.stopping = stop
        self.acknowledged: set[str] = set()
        self.broken = 0

    def run(self) -> None:
        count = 0
        while not self.stopping.is_set():
            names = [f"{self.number}-{count}-{index}" for index in range(SPANS)]
            payload = request(names)
            while not self.stopping.is_set():
                if self.send(payload):
                    self.acknowledged.update(names)
                    break
                self.stopping.wait(0.02)
            count += 1

    def send(self, payload: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            connection.request("POST", "/v1/traces", payload, headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            self.broken += 1
            return False
        finally:
            connection.close()


def request(names: list[str]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for name in names:
        scope.spans.add(name=name, end_time_unix_nano=time.time_ns())
    return message.SerializeToString()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """The collector as a process, started and killed again and again."""

    def __init__(self, directory: Path, backend: Backend) -> None:
        self.otlp, self.own, self.health = free_port(), free_port(), free_port()
        self.data = directory / "data"
        self.log = directory / "stderr"
        self.config = directory / "collector.yaml"
        text = CONFIG.format(
            otlp=self.otlp, own=self.own, health=self.health, sink=backend.url, data=self.data
        )
        self.config.write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", "from collectors.cli import main; main()"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "run", "--config", str(self.config)],
                stderr=log,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONWARNINGS": "error"},
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(WAIT_SECONDS)
        self.process = None
        return code

    def metrics(self) -> dict[str, float]:
        address = f"http://127.0.0.1:{self.own}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}


@contextmanager
def running(directory: Path) -> Generator[tuple[Daemon, Backend]]:
    backend = Backend()
    daemon = Daemon(directory, backend)
    try:
        yield daemon, backend
    finally:
        if daemon.process is not None:
            daemon.process.kill()
            daemon.process.wait()
        backend.stop()


def wait_until_drained(daemon: Daemon) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        metrics = daemon.metrics()
        if not metrics['fleetslo_items_buffered{signal="traces"}']:
            return metrics
        assert time.monotonic() < deadline, daemon.log.read_text()
        time.sleep(0.05)


@pytest.mark.slow
def test_what_was_acknowledged_is_delivered_however_often_the_daemon_is_killed(
    tmp_path: Path,
) -> None:
    random = Random(SEED)
    with running(tmp_path) as (daemon, backend):
        daemon.start()
        stop = threading.Event()
        clients = [Client(daemon.otlp, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for _ in range(KILLS):
                time.sleep(random.uniform(0.1, 0.8))
                assert daemon.kill(signal.SIGKILL) == -signal.SIGKILL
                daemon.start()
        finally:
            stop.set()
            for client in clients:
                client.join()
        metrics = wait_until_drained(daemon)
        assert daemon.kill(signal.SIGTERM) == 0

        acknowledged = set().union(*(client.acknowledged for client in clients))
        assert len(acknowledged) > KILLS * SPANS
        assert acknowledged <= backend.names.keys(), daemon.log.read_text()
        assert metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0


def test_what_could_not_be_delivered_before_the_stop_is_delivered_after_the_start(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (daemon, backend):
        backend.random = Random()
        backend.random.random = lambda: 0.0  # type: ignore[method-assign]
        daemon.start()
        client = Client(daemon.otlp, 1, threading.Event())
        names = [f"span-{index}" for index in range(SPANS)]
        payload = request(names)
        assert client.send(payload)
        assert daemon.metrics()['fleetslo_items_buffered{signal="traces"}'] == SPANS
        assert daemon.kill(signal.SIGTERM) == 0
        assert not backend.names

        backend.random = Random(SEED)
        daemon.start()
        assert client.send(payload)  # the answer was lost, as far as the client knows
        metrics = wait_until_drained(daemon)

        assert backend.names == Counter(names)
        assert metrics['fleetslo_items_total{signal="traces",outcome="duplicate"}'] == SPANS
        assert metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0
        assert daemon.kill(signal.SIGTERM) == 0


def test_a_second_daemon_on_the_directory_ends_with_one_clear_line(tmp_path: Path) -> None:
    with running(tmp_path) as (daemon, backend):
        daemon.start()
        first = daemon.process
        other = Daemon(tmp_path, backend)
        command = [sys.executable, "-c", "from collectors.cli import main; main()"]
        ended = subprocess.run(
            [*command, "run", "--config", str(other.config)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            timeout=WAIT_SECONDS,
            check=False,
        )

        assert ended.returncode not in {0, -signal.SIGKILL}
        assert f"in use by process {first.pid if first else ''}" in ended.stderr
        assert "Traceback" not in ended.stderr
