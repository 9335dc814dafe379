"""The daemon as a process: killed, bombed, drained, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
import urllib.error
import urllib.request
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
from opentelemetry.sdk.trace.export import SpanExportResult

from collectors.testing import metrics_request
from tests.killed_daemon import DRAIN_SECONDS, Daemon, daemon, ids, spans
from tests.otlp_sink import Sink


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


def test_sigint_drains_as_sigterm_does(tmp_path: Path) -> None:
    with daemon(tmp_path) as made:
        made.start()
        assert made.process is not None
        made.process.send_signal(signal.SIGINT)

        assert made.process.wait(DRAIN_SECONDS) == 0
        assert "Traceback" not in made.said()
