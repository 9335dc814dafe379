"""What `redaction` takes away is on no disk and on no wire."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

import pytest

from collectors.component import Signal
from collectors.testing.samples import request
from tests.collector_daemon import Daemon, running

MASKED = 'fleetslo_redacted_values_total{processor="redaction",outcome="masked"}'
CANARY = b"jane.doe@example.com"
CONFIG = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:4318"}}}
processors:
  redaction:
    allow_all_keys: true
    blocked_values: ['[a-z.]+@example\\.com']
exporters:
  file: {path: FOLDER/out.jsonl}
  prometheus: {endpoint: "127.0.0.1:8889"}
extensions:
  health_check: {endpoint: "127.0.0.1:13133"}
  file_storage: {directory: FOLDER/data, retain: 1h}
service:
  extensions: [health_check, file_storage]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]}}
  pipelines:
    traces: {receivers: [otlp], processors: [redaction], exporters: [file]}
    logs: {receivers: [otlp], processors: [redaction], exporters: [file]}
    metrics: {receivers: [otlp], processors: [redaction], exporters: [prometheus]}
"""


def post(daemon: Daemon, which: Signal, payload: bytes) -> None:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{daemon.ports['4318']}/v1/{which}",
        payload,
        {"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("which", list(Signal))
def test_no_byte_of_a_canary_reaches_a_disk_or_an_exporter(tmp_path: Path, which: Signal) -> None:
    payload = request(which, 3).SerializeToString()
    message = type(request(which, 3)).FromString(payload)
    resource = next(iter(getattr(message, f"resource_{_PARTS[which]}"))).resource
    resource.attributes.add(key="enduser.id").value.string_value = CANARY.decode()
    with running(tmp_path, CONFIG.replace("FOLDER", str(tmp_path))) as daemon:
        post(daemon, which, message.SerializeToString())
        assert daemon.page()[MASKED] == 1
        shown = str(daemon.page("8889"))
        assert daemon.end(signal.SIGTERM) == 0

    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(b"enduser.id" in data for data in written.values())
    assert [path for path, data in written.items() if CANARY in data] == []
    assert CANARY.decode() not in shown


_PARTS = {Signal.TRACES: "spans", Signal.LOGS: "logs", Signal.METRICS: "metrics"}
