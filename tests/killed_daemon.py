"""The collector as a process with one destination, killed and started again on the same ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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
def daemon(directory: Path) -> Generator[Daemon]:
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
