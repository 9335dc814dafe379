"""The example that aggregates metrics, run: agents come and go, the daemon is killed."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.testing.samples import text
from tests.collector_daemon import WAIT_SECONDS, Daemon, running

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "collector" / "fewer-metrics.yaml"
SECOND = 1_000_000_000
AGENTS = 3


def report(agent: int, turn: int, began: int, now: int) -> bytes:
    """An agent's counters: a total that grows by two, and a delta of three; each tenth a task."""
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    resource.resource.attributes.extend(
        [text("service.name", "fleet"), text("service.instance.id", f"agent-{agent}")]
    )
    scope = resource.scope_metrics.add()
    total = scope.metrics.add(name="mas.actions", unit="{action}").sum
    total.is_monotonic, total.aggregation_temporality = True, 2
    total.data_points.add(
        attributes=[text("mas.task.id", str(agent))],
        start_time_unix_nano=began,
        time_unix_nano=now,
        as_int=2 * (turn + 1),
    )
    delta = scope.metrics.add(name="mas.tokens", unit="{token}").sum
    delta.is_monotonic, delta.aggregation_temporality = True, 1
    delta.data_points.add(start_time_unix_nano=now - SECOND, time_unix_nano=now, as_int=3)
    return message.SerializeToString()


def shown(daemon: Daemon, name: str) -> dict[str, float]:
    return {of: value for of, value in daemon.page("8889").items() if of.startswith(name)}


def items(daemon: Daemon) -> dict[str, float]:
    return {of: value for of, value in daemon.page().items() if of.startswith("fleetslo_")}


def test_a_fleet_becomes_one_series_and_a_kill_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERVAL", "400ms")
    stopping, turns = threading.Event(), 6
    with running(tmp_path, EXAMPLE.read_text()) as daemon:
        assert daemon.send(b"", stopping, "/v1/metrics")
        # The collector counts from its first look at telemetry on: these agents begin later.
        assert daemon.send(
            report(99, 0, time.time_ns() - SECOND, time.time_ns()), stopping, "/v1/metrics"
        )
        began = time.time_ns()
        for turn in range(turns):
            now = time.time_ns() + turn
            for agent in range(AGENTS):
                assert daemon.send(report(agent, turn, began, now), stopping, "/v1/metrics")
            if turn == 2:
                daemon.end(signal.SIGKILL)
                daemon.start()
        wanted = {
            "mas_actions": float(2 * turns * AGENTS),
            "mas_tokens": float(3 * (turns * AGENTS + 1)),
        }
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            found = {name: shown(daemon, name) for name in wanted}
            if all(list(found[name].values()) == [wanted[name]] for name in wanted):
                break
            time.sleep(0.1)

        assert {name: list(of.values()) for name, of in found.items()} == {
            name: [value] for name, value in wanted.items()
        }
        for series in found.values():
            assert all("agent-" not in of and "mas_task_id" not in of for of in series)
        books = items(daemon)
        assert books['fleetslo_conservation_imbalance{signal="metrics"}'] == 0
        assert daemon.end(signal.SIGTERM) == 0
