"""Metrics made of spans: scraped from a real daemon, the same after it was killed."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector_daemon import WAIT_SECONDS, Daemon, running

CONFIG = """\
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:4318"}}}
connectors:
  spanmetrics:
    histogram: {unit: s, explicit: {buckets: [100ms, 2s]}}
    dimensions: [{name: tool, default: none}]
    metrics_flush_interval: 300ms
  spanmetrics/fine:
    namespace: fine
    histogram: {unit: s, exponential: {max_size: 40}}
    metrics_flush_interval: 300ms
  sli:
    slos: {shop-steps: {spans: {service: shop, bad: {above: 100ms}}}}
    metrics_flush_interval: 300ms
exporters:
  prometheus: {endpoint: "127.0.0.1:8889"}
extensions:
  file_storage: {directory: "${env:FLEETSLO_STATE}/data", max_size: 64MiB}
  health_check: {endpoint: "127.0.0.1:13133"}
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics, spanmetrics/fine, sli]}
    metrics: {receivers: [spanmetrics, spanmetrics/fine, sli], exporters: [prometheus]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]
"""
STEP = 100_000_000


def request(random: Random, took: list[int]) -> bytes:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = resource.scope_spans.add()
    for _ in range(random.randrange(1, 30)):
        took.append(random.choice([STEP, STEP + 1, 30 * STEP]))
        start = time.time_ns()
        span = scope.spans.add(name="work", start_time_unix_nano=start)
        span.end_time_unix_nano = start + took[-1]
    return message.SerializeToString()


def scraped(daemon: Daemon) -> dict[str, float]:
    """Calls, buckets and events by the last word of their series."""
    found: dict[str, float] = {}
    for name, value in daemon.page("8889").items():
        if name.startswith("traces_span_metrics_calls_total"):
            assert 'tool="none"' in name
            assert 'span_kind="SPAN_KIND_UNSPECIFIED"' in name
            found["calls"] = value
        elif name.startswith("traces_span_metrics_duration_seconds_bucket"):
            found[name.partition('le="')[2].partition('"')[0]] = value
        elif name.startswith("fine_duration_seconds_bucket"):
            bound = name.partition('le="')[2].partition('"')[0]
            if bound in ("0.125", "2", "+Inf"):
                found[f"fine {bound}"] = value
        elif name.startswith("fleetslo_sli_events_total"):
            assert 'slo_id="shop-steps"' in name
            found["good" if 'outcome="good"' in name else "bad"] = value
    return found


def test_metrics_of_spans_are_exact_though_the_daemon_is_killed(tmp_path: Path) -> None:
    random, took = Random(5), list[int]()
    with running(tmp_path, CONFIG) as daemon:
        for _ in range(3):
            for _ in range(10):
                assert daemon.send(request(random, took), threading.Event())
            time.sleep(0.4)
            daemon.end(signal.SIGKILL)
            daemon.start()
        truth = {
            "calls": len(took),
            "0.1": sum(of <= STEP for of in took),
            "2": sum(of <= 20 * STEP for of in took),
            "+Inf": len(took),
            "fine 0.125": sum(of <= 1.25 * STEP for of in took),
            "fine 2": sum(of <= 20 * STEP for of in took),
            "fine +Inf": len(took),
            "good": sum(of <= STEP for of in took),
            "bad": sum(of > STEP for of in took),
        }
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := scraped(daemon)) != truth and time.monotonic() < deadline:
            time.sleep(0.1)

        assert found == truth
        page = daemon.page()
        assert page['fleetslo_conservation_imbalance{signal="traces"}'] == 0
        assert page['fleetslo_conservation_imbalance{signal="metrics"}'] == 0
