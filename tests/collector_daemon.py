"""The collector as a process on free ports: started, killed, started again, scraped."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from slo.servers.process import free_port

ROOT = Path(__file__).parents[1]
WAIT_SECONDS = 40.0


class Daemon:
    """The collector on a configuration whose usual ports are moved to free ones."""

    def __init__(self, folder: Path, config: str) -> None:
        self.ports = {port: free_port() for port in ("4317", "4318", "8888", "8889", "13133")}
        for port, free in self.ports.items():
            config = re.sub(rf"(127\.0\.0\.1:|port: ){port}\b", rf"\g<1>{free}", config)
        self.config = folder / "collector.yaml"
        self.config.write_text(config)
        self.log = folder / "stderr"
        self.state = folder / "state"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", "from collectors.cli import main; main()", "run"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.config)],
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONWARNINGS": "error", "FLEETSLO_STATE": str(self.state)},
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self.ports['13133']}/"
            with urllib.request.urlopen(address, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(WAIT_SECONDS)
        self.process = None
        return code

    def send(self, payload: bytes, stopping: threading.Event, path: str = "/v1/traces") -> bool:
        """The same request again and again, until it is acknowledged."""
        while not stopping.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.ports["4318"], timeout=5)
            headers = {"Content-Type": "application/x-protobuf"}
            try:
                connection.request("POST", path, payload, headers)
                if connection.getresponse().status == 200:
                    return True
            except (OSError, http.client.HTTPException):
                stopping.wait(0.01)
            finally:
                connection.close()
        return False

    def page(self, port: str = "8888") -> dict[str, float]:
        """What a scrape shows; nothing where there is no answer."""
        try:
            address = f"http://127.0.0.1:{self.ports[port]}/metrics"
            with urllib.request.urlopen(address, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}


@contextmanager
def running(folder: Path, config: str) -> Generator[Daemon]:
    daemon = Daemon(folder, config)
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process is not None:
            daemon.process.kill()
            daemon.process.wait()
