"""Budgets by attribute, from an SLO file to exact counters: sampled behind, killed, reloaded."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from slo.servers import find
from tests.collector_daemon import ROOT, Daemon, running

SLOS = """\
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: tool-calls, service: agents}
spec:
  objective: 99
  owner: core
  by: [agent]
  sli:
    spans:
      service: worker
      span_name: execute_tool
      labels: {agent: gen_ai.agent.name}
      values: {agent: [planner, idle]}
---
apiVersion: fleetslo/v1
kind: Team
metadata: {name: core}
spec: {destinations: [{webhook: {url: "http://127.0.0.1:9095/core"}}]}
"""
SERIES = 'fleetslo_sli_events_total{slo_id="agents-tool-calls",outcome="'
AGENTS = ("planner", "coder", "critic", "name")
Truth = Counter[tuple[str, str]]


def traces(random: Random, truth: Truth) -> bytes:
    """A request whose tool calls are added to `truth`, by outcome and agent."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "worker"
    scope = resource.scope_spans.add()
    for _ in range(random.randrange(1, 60)):
        agent, is_bad, is_call = random.choice(AGENTS), random.random() < 0.2, random.random() < 0.7
        span = scope.spans.add(
            name="execute_tool" if is_call else "chat",
            trace_id=random.randbytes(16),
            span_id=random.randbytes(8),
            start_time_unix_nano=(start := time.time_ns()),
            end_time_unix_nano=start + 1,
        )
        if is_bad:
            span.status.code = Status.STATUS_CODE_ERROR
        span.attributes.add(key="gen_ai.agent.name").value.string_value = agent
        if is_call:
            truth["bad" if is_bad else "good", agent] += 1
    return message.SerializeToString()


def generate(folder: Path) -> Path:
    (folder / "slos.yaml").write_text(SLOS)
    sloctl("generate", folder / "slos.yaml", "--out", folder / "out")
    return folder / "out"


def sloctl(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "slo.cli", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def counters(daemon: Daemon) -> Truth:
    """The counters that are not zero, by outcome and agent."""
    found = Truth()
    for name, value in daemon.page().items():
        if name.startswith(SERIES) and value:
            outcome, _, rest = name.removeprefix(SERIES).partition('",agent="')
            found[outcome, rest.removesuffix('"}')] = int(value)
    return found


def until(daemon: Daemon, truth: Truth) -> Truth:
    """The counters, once they have arrived at `truth` or have had time enough to."""
    deadline = time.monotonic() + 10
    while (found := counters(daemon)) != truth and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_counters_by_agent_equal_the_truth_whatever_happens_to_the_daemon(tmp_path: Path) -> None:
    config = (generate(tmp_path) / "collector" / "collector.yaml").read_text()
    config = config.replace("sli, batch]", "sli, probabilistic_sampler, batch]")
    sampler = "  probabilistic_sampler: {sampling_percentage: 10}\n  batch:"
    config = config.replace("  batch:", sampler, 1)
    random, truth, seen = Random(11), Truth(), list[Truth]()
    with running(tmp_path, config) as daemon:
        zeros = [name for name in daemon.page() if name.startswith(SERIES)]
        assert len(zeros) == 4, "what values declare is told before the first span"
        for sign in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            for _ in range(10):
                assert daemon.send(traces(random, truth), threading.Event())
                seen.append(counters(daemon))
            daemon.end(sign)
            text = daemon.config.read_text()
            daemon.config.write_text(text.replace("percentage: 10", "percentage: 11"))
            daemon.start()
            seen.append(counters(daemon))

        assert until(daemon, truth) == truth
        assert 0.03 < daemon.page()['fleetslo_sampling_ratio{pipeline="traces"}'] < 0.2

    for key in truth:
        values = [each[key] for each in seen]
        assert values == sorted(values), "a counter fell"


@pytest.mark.servers
def test_the_rules_of_such_budgets_are_proven(tmp_path: Path) -> None:
    if find("promtool") is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    out = generate(tmp_path)

    told = sloctl("verify", out, "--allow-skipped")

    tests = (out / "prometheus" / "tests" / "agents.test.yaml").read_text()
    assert 'fleetslo_sli_events_total{agent="first",outcome="bad",slo_id=' in tests
    assert "agents-tool-calls: total outage" in tests
    assert told
