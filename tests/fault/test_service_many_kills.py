"""Hundreds of SIGKILLs, a far end that does everything wrong: acknowledged is delivered or listed.

`COLLECTOR_KILLS` says how many; `make soak` asks for ten thousand.
"""

from __future__ import annotations

import gzip
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from collectors.log import Kind, Log, OsFileSystem, Store, StoreSettings
from tests.collector_nursery import Nursery, nursery
from tests.collector_parts import span_names
from tests.fault.test_service_kill import Backend, Client, Daemon

SEED = 20261120
WAIT_SECONDS = 40.0
KILLS = int(os.environ.get("COLLECTOR_KILLS", "300"))
STREAMS = 3
LONGEST_LIFE_SECONDS = 0.25


class WorstBackend(Backend):
    """Refuses, delays, hangs up before and after it took a request, and takes half of one."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        super().__init__()

    def fault(self) -> str:
        with self.lock:
            names = ("refuse", "delay", "hang up first", "hang up after", "part", "")
            (name,) = self.random.choices(names, (10, 5, 5, 5, 5, 70))
            self.faults[name] += 1
        return name

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                fault = backend.fault()
                if fault == "delay":
                    time.sleep(0.05)
                if fault == "hang up first":
                    self.close_connection = True
                    return
                answer = b"" if fault == "refuse" else backend.keep(body, part=fault == "part")
                if fault == "hang up after":
                    self.close_connection = True
                    return
                self.send_response(503 if fault == "refuse" else 200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_request(self, code: object = "-", size: object = "-") -> None:
                del code, size

        return Handler

    def keep(self, body: bytes, *, part: bool) -> bytes:
        """Take a request, or its first half; returns the answer."""
        names = span_names(body)
        taken = names[: len(names) // 2] if part else names
        with self.lock:
            self.names.update(taken)
        answer = ExportTraceServiceResponse()
        if part:
            answer.partial_success.rejected_spans = len(names) - len(taken)
            answer.partial_success.error_message = "half is enough"
        return answer.SerializeToString()


@dataclass
class Stream:
    """A daemon that is started and killed, and a client that does not give up."""

    daemon: Daemon
    nursery: Nursery
    kills: int
    random: Random
    client: Client
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    waited: float = 0.0

    def run(self) -> None:
        self.client.start()
        try:
            for _ in range(self.kills):
                pid = self.start()
                time.sleep(self.random.uniform(0, LONGEST_LIFE_SECONDS))
                assert self.nursery.end(pid, signal.SIGKILL) == -signal.SIGKILL
        finally:
            self.client.stopping.set()
            self.client.join()
        pid = self.start(certain=True)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            self.metrics = self.daemon.metrics()
            if not self.metrics['fleetslo_items_buffered{signal="traces"}']:
                break
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        assert self.nursery.end(pid, signal.SIGTERM) == 0, self.said()

    def start(self, *, certain: bool = False) -> int:
        """Start a daemon; returns when its door is open, or about to be: that is by lot, too."""
        pid = self.nursery.start(self.daemon.config, self.daemon.log)
        deadline = time.monotonic() + WAIT_SECONDS
        wanted = certain or self.random.random() < 0.9
        while wanted and not self.daemon.is_ready():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        return pid

    def said(self) -> str:
        return self.daemon.log.read_text()[-4000:]

    def dead_letters(self) -> list[str]:
        log = Log(Store(OsFileSystem(), self.daemon.data / "dead_letters", StoreSettings()))
        reader = log.reader(0)
        found: list[str] = []
        while records := reader.read():
            for record in records:
                if record.kind is Kind.DATA:
                    found += span_names(record.payload)
        log.close()
        return found


@pytest.mark.slow
def test_what_was_acknowledged_is_delivered_or_listed_after_hundreds_of_kills(
    tmp_path: Path,
) -> None:
    backend = WorstBackend()
    with nursery() as started:
        streams = [stream(tmp_path, number, backend, started) for number in range(STREAMS)]
        try:
            with ThreadPoolExecutor(STREAMS) as pool:
                for done in [pool.submit(one.run) for one in streams]:
                    done.result()
        finally:
            backend.stop()

    acknowledged = set().union(*(one.client.acknowledged for one in streams))
    listed = set().union(*(one.dead_letters() for one in streams))
    twice = sum(times - 1 for times in backend.names.values())
    print(  # noqa: T201 - the figures of the run
        f"{KILLS} kills, {len(acknowledged)} spans acknowledged, {twice} delivered again, "
        f"{len(listed)} in dead letters, faults {dict(backend.faults)}"
    )
    assert len(acknowledged) > 10 * KILLS
    assert acknowledged <= backend.names.keys() | listed
    assert min(backend.faults[name] for name in ("refuse", "hang up after", "part")) > 0
    for one in streams:
        assert one.metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0, one.said()


def stream(directory: Path, number: int, backend: Backend, started: Nursery) -> Stream:
    home = directory / str(number)
    home.mkdir()
    kills = KILLS // STREAMS + (number < KILLS % STREAMS)
    daemon = Daemon(home, backend)
    client = Client(daemon.otlp, number, threading.Event())
    return Stream(daemon, started, kills, Random(SEED + number), client)
