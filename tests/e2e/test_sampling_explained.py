"""A running daemon's decisions are explained, and other policies tried on what it has taken."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from collectors.cli import cli
from tests.collector_daemon import WAIT_SECONDS, Daemon, running
from tests.otlp_sink import otlp_sink
from tests.sampled_traces import request, span, trace_id

TRACES = 60
CONFIG = """\
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:4318"}}}}}}
processors:
  tail_sampling:
    decision_wait: 2s
    policies:
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: share, type: probabilistic, probabilistic: {{sampling_percentage: 25}}}}
    shadow:
      policies: [{{name: slow, type: latency, latency: {{threshold_ms: 1000}}}}]
  tail_sampling/all:
    decision_wait: 1h
    policies: [{{name: all, type: always_sample}}]
exporters:
  otlp_http: {{endpoint: "{sink}", retry_on_failure: {{initial_interval: 100ms}}}}
  otlp_http/other: {{endpoint: "{sink}", retry_on_failure: {{initial_interval: 100ms}}}}
extensions:
  file_storage: {{directory: "${{env:FLEETSLO_STATE}}/data", max_size: 256MiB}}
  health_check: {{endpoint: "127.0.0.1:13133"}}
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http]}}
    traces/all: {{receivers: [otlp], processors: [tail_sampling/all], exporters: [otlp_http/other]}}
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: 8888}}}}}}}}]
"""


def spans_of(trace: int) -> list[Any]:
    slow = 1500 if trace % 6 == 0 else 5
    return [
        span(trace, number, error=trace % 10 == 0 and number == 1, root=number == 0, ms=slow)
        for number in range(2)
    ]


def ask(daemon: Daemon, *arguments: str) -> Any:
    data = str(daemon.state / "data")
    result = CliRunner().invoke(cli, [*arguments, "--data", data, "--format", "json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def wait_for(daemon: Daemon, name: str, value: float) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        page = daemon.page("8888")
        if sum(of for series, of in page.items() if series.startswith(name)) == value:
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.05)


def test_decisions_are_explained_and_policies_tried_while_the_daemon_runs(tmp_path: Path) -> None:
    stopping = threading.Event()
    with otlp_sink() as sink, running(tmp_path, CONFIG.format(sink=sink.http)) as daemon:
        for first in range(0, TRACES, 10):
            spans = [one for trace in range(first, first + 10) for one in spans_of(trace)]
            assert daemon.send(request(spans), stopping)
        page = wait_for(daemon, "fleetslo_sampling_shadow_traces_total", TRACES)
        shadow = {
            series.partition('kept_by="')[2].partition('"')[0]: value
            for series, value in page.items()
            if series.startswith("fleetslo_sampling_shadow_traces_total")
        }
        assert shadow["shadow"] + shadow["both"] == TRACES / 6
        assert daemon.send(request([span(3, 5, error=True)]), stopping)
        wait_for(daemon, "fleetslo_sampling_brought_back_spans_total", 2)

        deadline = time.monotonic() + WAIT_SECONDS
        while len((found := ask(daemon, "why", trace_id(3).hex()))["decisions"]) < 2:
            assert time.monotonic() < deadline, found
        dropped, back = found["decisions"]
        assert (dropped["decision"], dropped["policy"]) == ("dropped", None)
        assert dropped["sampler"] == "traces/tail_sampling"
        assert dropped["votes"] == {"errors": False, "share": False}
        assert dropped["shadow"] == {"decision": "dropped", "policy": None}
        assert (back["cause"], back["policy"]) == ("brought_back", "errors")
        assert [one["late"] for one in found["spans"]] == [False, False, True]
        error = ask(daemon, "why", trace_id(30).hex())["decisions"]
        assert [(of["policy"], of["spans"], of["hasRoot"]) for of in error] == [("errors", 2, True)]
        assert error[0]["shadow"] == {"decision": "kept", "policy": "slow"}

        candidate = tmp_path / "candidate.yaml"
        text = daemon.config.read_text().replace("${env:FLEETSLO_STATE}", str(tmp_path))
        candidate.write_text(text.replace("status_codes: [ERROR]", "status_codes: [OK]"))
        tried = ask(daemon, "policy", "eval", "--config", str(candidate))
        assert tried["inbox"]["spans"] == TRACES * 2 + 1
        assert [of["traces"] for of in tried["configurations"]] == [TRACES, TRACES]
        samplers = [of["sampler"] for of in tried["configurations"][0]["samplers"]]
        assert samplers == ["traces/tail_sampling", "traces/all/tail_sampling/all"]
        errors = [
            {of["policy"]: of["wanted"] for of in one["samplers"][0]["policies"]}["errors"]
            for one in tried["configurations"]
        ]
        assert errors == [TRACES / 10, 0]


LIMITED = """\
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:4318"}}}}}}
processors:
  tail_sampling:
    decision_wait: 1s
    policies:
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - name: few
        type: rate_limiting
        rate_limiting: {{spans_per_second: 7, burst_capacity: 9}}
      - name: by kind
        type: ema_dynamic
        ema_dynamic: {{field_list: [span.name], goal_sample_rate: 4, adjustment_interval: 1s}}
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
DECIDED = "otelcol_processor_tail_sampling_global_count_traces_sampled"
KEPT = DECIDED + '{processor="tail_sampling",sampled="true"'


def test_what_runs_is_shown_to_keep_what_it_kept_budgets_and_all(tmp_path: Path) -> None:
    """What budgets and rates let through depends on when the daemon decided."""
    stopping = threading.Event()
    with otlp_sink() as sink, running(tmp_path, LIMITED.format(sink=sink.http)) as daemon:
        for group in range(3):
            for number in range(2):
                spans = [spans_of(20 * group + trace)[number] for trace in range(20)]
                assert daemon.send(request(spans), stopping)
            page = wait_for(daemon, DECIDED, 20 * (group + 1))
        kept = sum(of for name, of in page.items() if name.startswith(KEPT))
        same = tmp_path / "same.yaml"
        same.write_text(daemon.config.read_text().replace("${env:FLEETSLO_STATE}", str(tmp_path)))

        tried = ask(daemon, "policy", "eval", "--config", str(same))

    assert 6 < kept < TRACES, "errors and some more"
    assert [of["keptTraces"] for of in tried["configurations"]] == [kept, kept]
    assert [of["traces"] for of in tried["differences"]] == [0, 0]
