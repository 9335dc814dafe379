"""A fleet of many dialects before a real collector: the metrics are the truth, killed or not."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from collectors.instrument.dialects import Speaker, shapes
from tests.agent_spans import Recording, merged, split, work
from tests.collector_daemon import ROOT, WAIT_SECONDS, Daemon, running

EXAMPLE = (ROOT / "examples" / "collector" / "agents.yaml").read_text("utf-8")
TELEMETRY = """\
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 8888}}}}]
"""


def config() -> str:
    """The example, in a hurry; the wait still covers two restarts between a span and its child."""
    in_a_hurry = EXAMPLE.replace("${env:WAIT:-10s}", "8s").replace("${env:FLUSH:-15s}", "300ms")
    return in_a_hurry + TELEMETRY


def scraped(daemon: Daemon) -> Counter[str]:
    """What the scrape endpoint shows, added up."""
    found: Counter[str] = Counter()
    for name, value in daemon.page("8889").items():
        kind = re.search(r'gen_ai_token_type="(\w+)"', name)
        for prefix, word in (
            ("gen_ai_invoke_agent_duration_seconds_count", "invocations"),
            ("gen_ai_client_operation_duration_seconds_count", "calls"),
            ("gen_ai_execute_tool_duration_seconds_count", "tools"),
            ("gen_ai_client_token_usage_sum", kind.group(1) if kind else ""),
        ):
            if name.startswith(prefix):
                found[word] += round(value)
    return +found


def test_metrics_of_agents_are_exact_though_the_daemon_is_killed(tmp_path: Path) -> None:
    truth: Counter[str] = Counter()
    spans = []
    for dialect in sorted(shapes()):
        recording = Recording(dialect)
        told = work(Speaker(dialect, recording.provider), invocations=3)
        truth["invocations"] += told.invocations.total()
        truth["calls"] += told.calls.total()
        truth["tools"] += told.tools.total()
        truth["input"] += told.input_tokens
        truth["output"] += told.output_tokens
        spans += split(recording.request())
    with running(tmp_path, config()) as daemon:
        for start in range(3):
            part = spans[start::3]  # parents and children in different processes' lives
            for first in range(0, len(part), 40):
                request = merged(part[first : first + 40]).SerializeToString()
                assert daemon.send(request, threading.Event())
            daemon.end(signal.SIGKILL)
            daemon.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := scraped(daemon)) != truth and time.monotonic() < deadline:
            time.sleep(0.1)

        assert found == truth
        assert any(
            'gen_ai_agent_name="researcher"' in name and name.startswith("mas_agent_actions_total")
            for name in daemon.page("8889")
        )
        page = daemon.page()
        assert page['fleetslo_conservation_imbalance{signal="traces"}'] == 0
        told = {name for name in page if name.startswith("fleetslo_agent_spans_total")}
        assert any('dialect="crewai"' in name for name in told)
        assert not any('dialect="normalised"' in name for name in told)
        assert not any('reason="unmapped"' in name for name in told)
