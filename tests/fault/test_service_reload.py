"""SIGHUP on the real daemon under load: nothing is lost and nothing comes twice."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.fault.test_service_kill import Client, Daemon, running, wait_until_drained


def tell(daemon: Daemon, text: str, answer: str) -> str:
    """Give the daemon another configuration; returns the line with which it answers."""
    seen = daemon.log.read_text().count(answer)
    daemon.config.write_text(text)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while daemon.log.read_text().count(answer) == seen:
        assert daemon.process.poll() is None, daemon.log.read_text()
        assert time.monotonic() < deadline, daemon.log.read_text()
        time.sleep(0.02)
    return [line for line in daemon.log.read_text().splitlines() if answer in line][-1]


@pytest.mark.slow
def test_a_new_configuration_takes_over_under_load_and_a_bad_one_does_not(tmp_path: Path) -> None:
    with running(tmp_path) as (daemon, backend):
        good = daemon.config.read_text()
        daemon.start()
        stop = threading.Event()
        clients = [Client(daemon.otlp, number, stop) for number in range(4)]
        for client in clients:
            client.start()
        try:
            for number in range(4):
                time.sleep(0.4)
                changed = good.replace(
                    "initial_interval: 50ms", f"initial_interval: {51 + number}ms"
                )
                tell(daemon, changed, "the new configuration took over in")
                line = tell(daemon, good.replace("otlp_http:", "otlp_htpp:", 1), "goes on")
                assert "the configuration has 2 errors: " in line
                assert "collector.yaml:" in line
            taken = good.replace(f":{daemon.health}", f":{backend.server.server_address[1]}")
            assert "cannot listen on" in tell(daemon, taken, "goes on")
            time.sleep(0.4)
        finally:
            stop.set()
            for client in clients:
                client.join()
        metrics = wait_until_drained(daemon)
        assert daemon.kill(signal.SIGTERM) == 0

        acknowledged = set().union(*(client.acknowledged for client in clients))
        assert len(acknowledged) > 200
        assert acknowledged <= backend.names.keys()
        assert {name for name, times in backend.names.items() if times > 1} == set()
        assert [client.broken for client in clients] == [0] * 4  # none was refused or reset
        assert metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0
        assert "Traceback" not in daemon.log.read_text()
