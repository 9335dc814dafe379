"""Every edge at once, on a real daemon: mutual TLS, tokens, gRPC and remote write, and kills.

A fleet sends without pause while the daemon is killed and its certificate is rotated. What
was acknowledged arrives at an OTLP server and at a real Prometheus.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from collectors.testing import metrics_request, traces_request
from slo.servers import Server, find, free_port, prometheus
from tests.certificates import Certificates
from tests.otlp_sink import Sink, otlp_sink

TOKEN = "a-token-that-is-never-seen"
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
IMBALANCE = "fleetslo_conservation_imbalance"
SPANS = 5
SERIES = 3


@dataclass
class Edge:
    """A daemon between a fleet with certificates and two backends."""

    folder: Path
    certificates: Certificates
    sink: Sink
    backend: Server
    port: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def config(self) -> str:
        quick = {"initial_interval": "100ms", "max_interval": "500ms"}
        pipelines = {
            "traces": {"receivers": ["otlp"], "exporters": ["otlp_grpc"]},
            "metrics": {"receivers": ["otlp"], "exporters": ["prometheus_remote_write"]},
        }
        return json.dumps(
            {
                "receivers": {
                    "otlp": {
                        "protocols": {
                            "grpc": {
                                "endpoint": f"127.0.0.1:{self.port}",
                                "auth": {"authenticator": "bearertokenauth"},
                                "tls": {
                                    **self.certificates.pair("server"),
                                    "client_ca_file": str(self.certificates.ca),
                                    "reload_interval": "100ms",
                                },
                            }
                        }
                    }
                },
                "exporters": {
                    "otlp_grpc": {
                        "endpoint": f"http://{self.sink.grpc}",
                        "retry_on_failure": quick,
                    },
                    "prometheus_remote_write": {
                        "endpoint": f"{self.backend.url}/api/v1/write",
                        "retry_on_failure": quick,
                    },
                },
                "extensions": {
                    "bearertokenauth": {"token": TOKEN},
                    "file_storage": {"directory": str(self.folder / "data"), "max_size": "256MiB"},
                },
                "service": {
                    "extensions": ["bearertokenauth", "file_storage"],
                    "pipelines": pipelines,
                    "telemetry": {
                        "metrics": {
                            "readers": [
                                {"pull": {"exporter": {"prometheus": {"port": self.metrics}}}}
                            ]
                        }
                    },
                },
            }
        )

    def start(self) -> None:
        path = self.folder / "collector.yaml"
        path.write_text(self.config())
        code = "from collectors.cli import main; main()"
        with (self.folder / "stderr").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "run", "--config", str(path)],
                stderr=log,
                env=os.environ | {"GRPC_VERBOSITY": "NONE"},
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5) as got:
            return str(got.read().decode())

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(
            self.certificates.ca.read_bytes(),
            self.certificates.key("client").read_bytes(),
            self.certificates.cert("client").read_bytes(),
        )
        options = [("grpc.max_reconnect_backoff_ms", 200)]
        return grpc.secure_channel(f"localhost:{self.port}", credentials, options=options)

    def points(self) -> set[float]:
        """The values of one series in Prometheus."""
        query = urllib.parse.urlencode({"query": 'sample_things_total{series="0"}[10m]'})
        with urllib.request.urlopen(f"{self.backend.url}/api/v1/query?{query}", timeout=10) as got:
            result = json.load(got)["data"]["result"]
        return {float(value) for one in result for _, value in one["values"]}

    def span_ids(self) -> set[bytes]:
        return {
            span.span_id
            for request in list(self.sink.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@dataclass
class Fleet(threading.Thread):
    """Sends the next request when the one before was acknowledged, however long that takes."""

    edge: Edge
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: int = 0

    def __post_init__(self) -> None:
        threading.Thread.__init__(self)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        with self.edge.channel() as channel:
            while not self.stop.is_set():
                self._send(channel, self.acknowledged)
                self.acknowledged += 1

    def _send(self, channel: grpc.Channel, seed: int) -> None:
        metrics = metrics_request(SERIES, seed=seed)
        for point in metrics.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points:
            point.time_unix_nano = time.time_ns()
        for kind, body in (("traces", traces_request(SPANS, seed=seed)), ("metrics", metrics)):
            while True:
                try:
                    channel.unary_unary(METHODS[kind])(
                        body.SerializeToString(),
                        metadata=(("authorization", f"Bearer {TOKEN}"),),
                        timeout=5,
                    )
                    break
                except grpc.RpcError:
                    time.sleep(0.02)


@contextmanager
def edge(folder: Path) -> Generator[Edge]:
    config = folder / "prometheus.yml"
    config.write_text("storage: {tsdb: {out_of_order_time_window: 10m}}\n")
    extra = ["--web.enable-remote-write-receiver"]
    with otlp_sink() as sink, prometheus(folder, config, extra=extra) as backend:
        (folder / "pki").mkdir()
        made = Edge(folder, Certificates(folder / "pki"), sink, backend)
        try:
            yield made
        finally:
            if made.process is not None and made.process.poll() is None:
                made.kill()


@pytest.mark.servers
@pytest.mark.slow
def test_what_was_acknowledged_arrives_through_kills_and_rotations(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    with edge(tmp_path) as it:
        it.start()
        fleet = Fleet(it)
        fleet.start()
        try:
            for _ in range(3):
                grown = fleet.acknowledged + 20
                wait(lambda grown=grown: fleet.acknowledged >= grown, it)
                it.certificates.rotate("server")
                it.kill()
                it.start()
            grown = fleet.acknowledged + 20
            wait(lambda: fleet.acknowledged >= grown, it)
        finally:
            fleet.stop.set()
            fleet.join(60)

        sent = {
            (seed * 1_000_000 + index + 1).to_bytes(8, "big")
            for seed in range(fleet.acknowledged)
            for index in range(SPANS)
        }
        values = {(seed + 1) * 10.0 for seed in range(fleet.acknowledged)}
        wait(lambda: it.span_ids() >= sent and it.points() >= values, it)
        page = it.page()
        assert it.span_ids() == sent
        assert it.points() == values
        books = [line for line in page.splitlines() if line.startswith(IMBALANCE)]
        assert books
        assert all(float(line.rpartition(" ")[2]) == 0 for line in books)
        assert "dead letters" not in it.said()
        assert TOKEN not in it.said() + page
        assert not any(
            TOKEN.encode() in path.read_bytes()
            for path in (tmp_path / "data").rglob("*")
            if path.is_file()
        )


def wait(check: Callable[[], bool], it: Edge) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, it.said()
        time.sleep(0.1)
