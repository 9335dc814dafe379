"""Tail sampling in a real daemon that is killed while traces wait: whole traces, the right ones."""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector_daemon import WAIT_SECONDS, Daemon, running
from tests.otlp_sink import Sink, otlp_sink
from tests.sampled_traces import request, span, trace_id

TRACES, SPANS = 600, 5
THRESHOLD = 0xC0000000000000  # of 25 %
CONFIG = """\
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:4318"}}}}}}
processors:
  tail_sampling:
    decision_wait: 3s
    policies:
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: share, type: probabilistic, probabilistic: {{sampling_percentage: 25}}}}
exporters:
  otlp_http: {{endpoint: "{sink}", retry_on_failure: {{initial_interval: 100ms}}}}
extensions:
  file_storage: {{directory: "${{env:FLEETSLO_STATE}}/data", max_size: 256MiB}}
  health_check: {{endpoint: "127.0.0.1:13133"}}
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http]}}
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: 8888}}}}}}}}]
"""


def delivered(sink: Sink) -> dict[bytes, set[str]]:
    found: dict[bytes, set[str]] = defaultdict(set)
    with sink.lock:
        for one in sink.traces:
            for resource in one.resource_spans:
                for scope in resource.scope_spans:
                    for of in scope.spans:
                        found[of.trace_id].add(of.name)
    return found


def has_error(trace: int) -> bool:
    return trace % 20 == 0


def is_kept(trace: int) -> bool:
    return has_error(trace) or int.from_bytes(trace_id(trace)[9:]) >= THRESHOLD


def requests() -> Iterator[list[Span]]:
    """The spans of all traces, mixed within a window that is shorter than the wait."""
    random = Random(4)
    for first in range(0, TRACES, 60):
        spans = [
            span(trace, number, error=has_error(trace) and number == 3, root=number == 0)
            for trace in range(first, first + 60)
            for number in range(SPANS)
        ]
        random.shuffle(spans)
        yield from (spans[at : at + 30] for at in range(0, len(spans), 30))


def wait_until_settled(daemon: Daemon, name: str) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        page = daemon.page("8888")
        if sum(value for series, value in page.items() if series.startswith(name)) == 0:
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.05)


def total(page: dict[str, float], name: str) -> float:
    return sum(value for series, value in page.items() if series.startswith(name))


def test_whole_traces_are_kept_across_kills_and_late_spans_follow(tmp_path: Path) -> None:
    stopping = threading.Event()
    with otlp_sink() as sink, running(tmp_path, CONFIG.format(sink=sink.http)) as daemon:
        for number, spans in enumerate(requests()):
            assert daemon.send(request(spans), stopping)
            if number % 40 == 25:
                daemon.end(signal.SIGKILL)
                daemon.start()
        wait_until_settled(daemon, "fleetslo_items_buffered")
        whole = {f"{number}" for number in range(SPANS)}
        found = {
            trace: {name.partition("/")[2] for name in names}
            for trace, names in delivered(sink).items()
        }
        assert found == {trace_id(trace): whole for trace in range(TRACES) if is_kept(trace)}

        daemon.end(signal.SIGTERM)
        daemon.start()
        assert daemon.send(request([span(trace, 90) for trace in range(TRACES)]), stopping)
        wait_until_settled(daemon, "fleetslo_items_buffered")
        late = {trace for trace, names in delivered(sink).items() if any("/90" in n for n in names)}
        assert late == found.keys()

        dropped = next(trace for trace in range(TRACES) if not is_kept(trace))
        assert daemon.send(request([span(dropped, 91, error=True)]), stopping)
        page = wait_until_settled(daemon, "fleetslo_items_buffered")
        assert delivered(sink)[trace_id(dropped)] == {
            f"{dropped}/{number}" for number in (*range(SPANS), 90, 91)
        }
        assert total(page, "fleetslo_conservation_imbalance") == 0
        assert total(page, "otelcol_processor_tail_sampling_sampling_traces_on_memory") == 0
        assert 0.2 < total(page, "fleetslo_sampling_ratio") < 0.35
