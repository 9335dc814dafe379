"""From an SLO file to exact counters: compiled, run, killed, sampled behind, and still true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from slo.servers import find
from slo.servers.run import prometheus
from tests.collector_daemon import ROOT, WAIT_SECONDS, Daemon, running

KILLS = 4
SLOS = """\
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: tool-calls, service: agents}
spec:
  objective: 99
  owner: core
  sli:
    spans:
      service: worker
      span_name: execute_tool
      bad: {attributes: {outcome: timeout}, above: 2s}
---
apiVersion: fleetslo/v1
kind: SLO
metadata: {name: untouched, service: agents}
spec:
  objective: 99
  owner: core
  sli: {spans: {service: nobody}}
---
apiVersion: fleetslo/v1
kind: Team
metadata: {name: core}
spec: {destinations: [{webhook: {url: "http://127.0.0.1:9095/core"}}]}
---
apiVersion: fleetslo/v1
kind: Settings
metadata: {name: settings}
spec: {intervals: {scrape: 1s, fast: 1s, slow: 2s}}
"""


def traces(random: Random, truth: dict[str, int]) -> bytes:
    """A request whose good and bad calls are added to `truth`."""
    message = ExportTraceServiceRequest()
    for service in ("worker", "other"):
        resource = message.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        scope = resource.scope_spans.add()
        for _ in range(random.randrange(40)):
            lot = random.random()
            name = "execute_tool" if random.random() < 0.7 else "chat"
            taken = 2_000_000_001 if 0.1 < lot < 0.2 else 2_000_000_000
            span = scope.spans.add(
                name=name,
                trace_id=random.randbytes(16),
                span_id=random.randbytes(8),
                start_time_unix_nano=(start := time.time_ns()),
                end_time_unix_nano=start + taken,
            )
            span.status.code = 2 if lot < 0.05 else 0
            if lot > 0.9:
                span.attributes.add(key="outcome").value.string_value = "timeout"
            if service == "worker" and name == "execute_tool":
                is_bad = lot < 0.05 or 0.1 < lot < 0.2 or lot > 0.9
                truth["bad" if is_bad else "good"] += 1
    return message.SerializeToString()


def counters(daemon: Daemon, slo: str) -> dict[str, float]:
    page = daemon.page()
    names = {
        outcome: f'fleetslo_sli_events_total{{slo_id="{slo}",outcome="{outcome}"}}'
        for outcome in ("good", "bad")
    }
    return {outcome: page[name] for outcome, name in names.items() if name in page}


def generate(folder: Path) -> Path:
    (folder / "slos.yaml").write_text(SLOS)
    out = folder / "out"
    subprocess.run(
        [sys.executable, "-m", "slo.cli", "generate", folder / "slos.yaml", "--out", out],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    return out


def until(daemon: Daemon, truth: dict[str, int]) -> dict[str, float]:
    """The counters, once they have arrived at `truth` or have had time enough to."""
    deadline = time.monotonic() + 10
    while (found := counters(daemon, "agents-tool-calls")) != truth:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


class Watcher(threading.Thread):
    """Scrapes all the time, and keeps every value seen."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self.daemon_process = daemon
        self.stopping = threading.Event()
        self.seen: list[dict[str, float]] = []

    def run(self) -> None:
        while not self.stopping.wait(0.03):
            if found := counters(self.daemon_process, "agents-tool-calls"):
                self.seen.append(found)


@pytest.mark.slow
def test_counters_equal_the_truth_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    config = (generate(tmp_path) / "collector" / "collector.yaml").read_text()
    config = config.replace("sli, batch]", "sli, probabilistic_sampler, batch]")
    sampler = "  probabilistic_sampler: {sampling_percentage: 10}\n  batch:"
    config = config.replace("  batch:", sampler, 1)
    random, truth = Random(20261120), {"good": 0, "bad": 0}
    stopping = threading.Event()
    with running(tmp_path, config) as daemon:
        assert counters(daemon, "agents-tool-calls") == {"good": 0, "bad": 0}
        watcher = Watcher(daemon)

        def feed() -> None:
            while not stopping.is_set():
                counts = dict(truth)
                payload = traces(random, counts)
                # What was begun is finished, so that the truth is known.
                assert daemon.send(payload, threading.Event())
                truth.update(counts)

        feeder = threading.Thread(target=feed)
        feeder.start()
        watcher.start()
        try:
            for _ in range(KILLS):
                time.sleep(random.uniform(0.2, 0.9))
                assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
                daemon.start()
        finally:
            stopping.set()
            feeder.join(WAIT_SECONDS)
            watcher.stopping.set()
            watcher.join(WAIT_SECONDS)

        assert until(daemon, truth) == truth
        assert truth["bad"] > 100
        assert counters(daemon, "agents-untouched") == {"good": 0, "bad": 0}
        page = daemon.page()
        assert 0.05 < page['fleetslo_sampling_ratio{pipeline="traces"}'] < 0.15
        assert page['fleetslo_conservation_imbalance{signal="traces"}'] == 0
        assert daemon.end(signal.SIGTERM) == 0
        daemon.start()
        assert counters(daemon, "agents-tool-calls") == truth

    for outcome in truth:
        values = [seen[outcome] for seen in watcher.seen]
        assert values == sorted(values), "a counter fell"


def test_counters_go_on_when_the_configuration_changes_around_them(tmp_path: Path) -> None:
    config = (generate(tmp_path) / "collector" / "collector.yaml").read_text()
    random, truth = Random(7), {"good": 0, "bad": 0}
    with running(tmp_path, config) as daemon:
        assert daemon.send(traces(random, truth), threading.Event())
        assert until(daemon, truth) == truth
        daemon.end(signal.SIGKILL)
        text = daemon.config.read_text()
        text = text.replace("[memory_limiter, sli, batch]", "[memory_limiter, resource, sli]")
        edit = "  resource: {attributes: [{key: k, action: upsert, value: v}]}\n  batch:"
        daemon.config.write_text(text.replace("  batch:", edit, 1))
        daemon.start()

        assert daemon.send(traces(random, truth), threading.Event())
        assert until(daemon, truth) == truth


@pytest.mark.servers
@pytest.mark.slow
def test_the_generated_rules_see_what_the_collector_counts(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("Prometheus is not to be had, run `make servers`")
    out = generate(tmp_path)
    config = (out / "collector" / "collector.yaml").read_text()
    random, truth = Random(3), {"good": 0, "bad": 0}
    with running(tmp_path, config) as daemon:
        scraping = out / "prometheus" / "prometheus.yml"
        text = scraping.read_text()
        for port in ("8888", "8889"):
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{daemon.ports[port]}")
        scraping.write_text(text)
        server = prometheus(tmp_path, scraping)
        try:
            ratio = 'slo:sli_error:ratio_rate5m{slo_id="agents-tool-calls"}'
            deadline = time.monotonic() + WAIT_SECONDS
            while not (found := ask(server.url, ratio)) and time.monotonic() < deadline:
                assert daemon.send(traces(random, truth), threading.Event())
                time.sleep(0.2)
            assert until(daemon, truth) == truth
            true_ratio = truth["bad"] / sum(truth.values())
            assert found == pytest.approx([true_ratio], rel=0.5)
            counted = 'sum by (outcome) (fleetslo_sli_events_total{slo_id="agents-tool-calls"})'
            while sum(ask(server.url, counted)) != sum(truth.values()):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            silent = 'slo:sli_total:rate5m{slo_id="agents-untouched"}'
            while not (found := ask(server.url, silent)):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert found == [0]
        finally:
            server.stop()


def ask(url: str, query: str) -> list[float]:
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        found = json.load(answer)["data"]["result"]
    return [float(series["value"][1]) for series in found]
