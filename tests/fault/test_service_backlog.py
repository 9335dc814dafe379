"""A backlog builds and drains in little memory; the official SDK outlasts five seconds without."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.fault.test_service_kill import (
    Backend,
    Client,
    Daemon,
    free_port,
    request,
    wait_until_drained,
)

BACKLOG_BYTES = 300 << 20
REQUEST_BYTES = 2 << 20
OUTAGE_SECONDS = 5.0


class Switch(Backend):
    """A far end that is there or is not, and need not look at what it gets."""

    def __init__(self, *, counts_only: bool) -> None:
        self.is_up = threading.Event()
        self.taken_bytes = 0
        self._counts_only = counts_only
        super().__init__()

    def take(self, body: bytes) -> bool:
        if not self.is_up.is_set():
            return False
        if self._counts_only:
            with self.lock:
                self.taken_bytes += len(body)
            return True
        self.random.random = lambda: 1.0  # type: ignore[method-assign]
        return super().take(body)


@contextmanager
def behind(directory: Path, backend: Switch, *, max_size: str, more: str = "") -> Generator[Daemon]:
    daemon = Daemon(directory, backend)
    text = daemon.config.read_text().replace("max_size: 64MiB", f"max_size: {max_size}")
    text = text.replace("  otlp_http:\n", "  otlp_http:\n    compression: none\n")
    daemon.config.write_text(text.replace("http: {endpoint", f"{more}http: {{endpoint"))
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process is not None:
            daemon.process.kill()
            daemon.process.wait()
        backend.stop()


def post(port: int, payload: bytes) -> bool:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces",
        payload,
        {"Content-Type": "application/x-protobuf"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False


@pytest.mark.slow
def test_memory_stays_flat_while_a_backlog_builds_and_drains(tmp_path: Path) -> None:
    backend = Switch(counts_only=True)
    with behind(tmp_path, backend, max_size="1GiB") as daemon:
        assert daemon.process is not None
        process = psutil.Process(daemon.process.pid)
        sizes: list[int] = []
        sent = 0
        for number in range(BACKLOG_BYTES // REQUEST_BYTES):
            payload = request([f"{number}" + "x" * REQUEST_BYTES])
            assert post(daemon.otlp, payload)
            sent += len(payload)
            sizes.append(process.memory_info().rss)
        early = max(sizes[: len(sizes) // 3])
        full = max(sizes)
        backend.is_up.set()
        deadline = time.monotonic() + 60
        while backend.taken_bytes < sent:
            sizes.append(process.memory_info().rss)
            assert time.monotonic() < deadline, daemon.log.read_text()
            time.sleep(0.05)
        metrics = wait_until_drained(daemon)

        # A log keeps its newest 32 MiB in memory; a destination what it sends, ten requests
        # of 4 MiB and what they were merged from. None of that grows with the backlog.
        assert full < early + (32 << 20), [size >> 20 for size in sizes[::20]]
        assert max(sizes) < early + (128 << 20), [size >> 20 for size in sizes[::20]]
        assert metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_official_sdk_at_its_defaults_loses_nothing_across_five_seconds(
    tmp_path: Path, protocol: str
) -> None:
    backend = Switch(counts_only=False)
    grpc = free_port()
    more = f'grpc: {{endpoint: "127.0.0.1:{grpc}"}}, '
    with behind(tmp_path, backend, max_size="16MiB", more=more) as daemon:
        for size in (200_000, 10_000):
            number = 0
            while post(daemon.otlp, request([f"fill-{size}-{number}" + "x" * size])):
                number += 1
        exporter = (
            GrpcSpanExporter(f"127.0.0.1:{grpc}", insecure=True)
            if protocol == "grpc"
            else HttpSpanExporter(f"http://127.0.0.1:{daemon.otlp}/v1/traces")
        )
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        for index in range(1000):
            tracer.start_span(f"sdk-{index}").end()
        refused = f'otelcol_receiver_refused_spans{{receiver="otlp",transport="{protocol}"}}'
        ending = threading.Thread(target=provider.shutdown)
        ending.start()
        while not daemon.metrics().get(refused):
            assert ending.is_alive()  # or nobody was put to the test
            time.sleep(0.05)
        threading.Timer(OUTAGE_SECONDS, backend.is_up.set).start()
        ending.join()
        endless = Client(daemon.otlp, 7, threading.Event())
        endless.start()
        while len(endless.acknowledged) < 20:
            time.sleep(0.05)
        endless.stopping.set()
        endless.join()
        wait_until_drained(daemon)

        assert {f"sdk-{index}" for index in range(1000)} <= backend.names.keys()
        assert endless.acknowledged <= backend.names.keys()
