"""A fleet that sends only spans and log records, before a real collector that is killed."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tests.agent_watch import Said, pairs, process
from tests.collector_daemon import ROOT, WAIT_SECONDS, Daemon, running

EXAMPLE = (ROOT / "examples" / "collector" / "watch-agents.yaml").read_text("utf-8")
TELEMETRY = """\
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]
"""
PLANNER, CODER, TESTER = (process("fleet", name) for name in ("planner", "coder", "tester"))


def config() -> str:
    """The example, in a hurry."""
    in_a_hurry = EXAMPLE.replace("${env:INTERVAL:-15s}", "1s").replace("${env:IDLE:-5m}", "30s")
    return in_a_hurry + TELEMETRY


class Sender:
    """Sends to the daemon; no two requests are the same."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.sent = 0

    def beat(self, *who: Resource, state: str = "healthy") -> None:
        request = ExportLogsServiceRequest()
        for one in who:
            self.sent += 1
            records = request.resource_logs.add(resource=one).scope_logs.add().log_records
            said = {"mas.agent.heartbeat": True, "mas.agent.state": state, "n": self.sent}
            records.add(time_unix_nano=time.time_ns(), attributes=pairs(said))
        assert self.daemon.send(request.SerializeToString(), threading.Event(), "/v1/logs")

    def span(self, who: Resource, said: Said) -> None:
        self.sent += 1
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add(resource=who).scope_spans.add().spans
        spans.add(
            trace_id=b"t" * 16,
            span_id=self.sent.to_bytes(8, "big"),
            name="x",
            end_time_unix_nano=time.time_ns(),
            attributes=pairs(said),
        )
        assert self.daemon.send(request.SerializeToString(), threading.Event())

    def until(self, name: str, least: float, *who: Resource) -> None:
        """Let agents beat until a series shows so much."""
        deadline = time.monotonic() + WAIT_SECONDS
        while shown(self.daemon, name) < least:
            assert time.monotonic() < deadline, self.daemon.page("8889")
            self.beat(*who)
            time.sleep(0.3)


def shown(daemon: Daemon, pattern: str) -> float:
    return sum(value for name, value in daemon.page("8889").items() if re.search(pattern, name))


def scale(replicas: int) -> Said:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "scale_up",
        "gen_ai.tool.call.arguments": f'{{"service": "db", "replicas": {replicas}}}',
    }


def test_what_agents_do_not_say_is_found_though_the_daemon_is_killed(tmp_path: Path) -> None:
    missing = r'^mas_agent_count\{.*mas_agent_state="missing"'
    with running(tmp_path, config()) as daemon:
        of = Sender(daemon)
        of.until(r'^mas_agent_count\{.*"healthy"', 3, PLANNER, CODER, TESTER)
        of.span(PLANNER, scale(4))
        of.span(PLANNER, scale(6))
        daemon.end(signal.SIGKILL)
        daemon.start()
        of.beat(PLANNER, CODER, TESTER)
        assert shown(daemon, missing) == 0
        of.span(PLANNER, scale(4))
        of.span(CODER, scale(4))
        of.until(r'^mas_action_reversals_total\{.*"scale"', 1, PLANNER, CODER, TESTER)
        of.until(r"^mas_agent_action_conflicts_total.*duplicate", 1, PLANNER, CODER, TESTER)
        of.beat(TESTER, state="draining")
        of.until(missing, 1, PLANNER)
        page = daemon.page("8889")

        assert sum(value for name, value in page.items() if re.search(missing, name)) == 1
        assert any(name.startswith("mas_agent_loops_total") for name in page)
        assert any(name.startswith("mas_policy") for name in page) is False
        own = daemon.page()
        for name in ("traces", "logs", "metrics"):
            assert own[f'fleetslo_conservation_imbalance{{signal="{name}"}}'] == 0
