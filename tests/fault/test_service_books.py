"""The books of a daemon with fan-out, filter, sampling and connectors in it, over kills."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.fault.test_service_kill import Client, Daemon, free_port, running, wait_until_drained

PIPELINES = """
processors:
  filter: {{traces: {{span: ['IsMatch(name, "-7$")']}}}}
  probabilistic_sampler: {{sampling_percentage: 40}}
connectors:
  forward: {{}}
  spanmetrics: {{metrics_flush_interval: 1s}}
service:
  extensions: [file_storage, health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [filter]
      exporters: [otlp_http, forward, spanmetrics]
    traces/sampled: {{receivers: [forward], processors: [probabilistic_sampler], exporters: [file]}}
    metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
""".replace("{{", "{").replace("}}", "}")


def everything(daemon: Daemon, directory: Path) -> None:
    text = daemon.config.read_text()
    more = f"  file: {{path: '{directory}/out.json'}}\n"
    more += f"  prometheus: {{endpoint: '127.0.0.1:{free_port()}'}}\n"
    text = text.replace("exporters:\n  otlp_http:", f"exporters:\n{more}  otlp_http:")
    start = text.index("service:\n")
    end = text.index("  telemetry:")
    daemon.config.write_text(text[:start] + PIPELINES.lstrip() + text[end:])


@pytest.mark.slow
def test_the_books_balance_in_a_topology_with_everything_in_it_however_it_is_killed(
    tmp_path: Path,
) -> None:
    lot = Random(7)
    with running(tmp_path) as (daemon, backend):
        everything(daemon, tmp_path)
        daemon.start()
        stop = threading.Event()
        clients = [Client(daemon.otlp, number, stop) for number in range(2)]
        for client in clients:
            client.start()
        try:
            for _ in range(4):
                time.sleep(lot.uniform(0.2, 0.6))
                daemon.kill(signal.SIGKILL)
                daemon.start()
                for kind in ("traces", "metrics", "logs"):
                    balance = f'fleetslo_conservation_imbalance{{signal="{kind}"}}'
                    assert daemon.metrics().get(balance, 0) == 0
        finally:
            stop.set()
            for client in clients:
                client.join()
        metrics = wait_until_drained(daemon)
        assert daemon.kill(signal.SIGTERM) == 0

        for kind in ("traces", "metrics", "logs"):
            assert metrics[f'fleetslo_conservation_imbalance{{signal="{kind}"}}'] == 0
        acknowledged = set().union(*(client.acknowledged for client in clients))
        wanted = {name for name in acknowledged if not name.endswith("-7")}
        assert wanted <= backend.names.keys()
        assert not any(name.endswith("-7") for name in backend.names)
        items = "fleetslo_items_total"
        filtered = metrics[f'{items}{{signal="traces",pipeline="traces",outcome="filtered"}}']
        assert filtered >= len(acknowledged) - len(wanted)
        sampled = f'{items}{{signal="traces",pipeline="traces/sampled",outcome="sampled_out"}}'
        assert metrics[sampled] > 0

        def did(connector: str, outcome: str) -> float:
            labels = f'connector="{connector}",outcome="{outcome}"'
            return metrics[f"fleetslo_connector_items_total{{{labels}}}"]

        passed = did("forward", "entered")
        assert passed == did("forward", "out") >= len(wanted)
        assert did("spanmetrics", "entered") == did("spanmetrics", "aggregated") == passed
        assert did("spanmetrics", "made") > 0
