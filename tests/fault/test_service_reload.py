"""SIGHUP on the real daemon under load: nothing is lost and nothing comes twice."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.fault.test_service_kill import Client, Daemon, running, wait_until_drained


class Faithful(Client):
    """Sends everything on one connection, as official exporters do."""

    def __init__(self, port: int, number: int, stop: threading.Event) -> None:
        super().__init__(port, number, stop)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def run(self) -> None:
        with contextlib.closing(self.connection):
            super().run()

    def send(self, payload: bytes) -> bool:
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            self.connection.request("POST", "/v1/traces", payload, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.broken += 1
            self.connection.close()
            return False
        return answer.status == 200


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
        clients = [
            kind(daemon.otlp, number, stop) for number, kind in enumerate([Client, Faithful] * 2)
        ]
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
