"""A loopback web server that stands for webhooks, Slack and PagerDuty, and keeps what they get."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_SECONDS = 40.0


@dataclass
class Recorder:
    """Every body received, by path, in order; `wait` returns as soon as a claim holds."""

    url: str = ""
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, path: str, body: dict[str, Any]) -> None:
        with self._changed:
            self.bodies.append((path, body))
            self._changed.notify_all()

    def wait(self, claim: Callable[[], bool]) -> None:
        with self._changed:
            held = self._changed.wait_for(claim, WAIT_SECONDS)
        assert held, [(path, _names(body)) for path, body in self.bodies]

    def at(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in list(self.bodies) if where == f"/{path}"]

    def alerts(self, path: str) -> list[str]:
        """The names of all alerts that `path` was told of, with their tiers."""
        return sorted(name for body in self.at(path) for name in _names(body))


def _names(body: dict[str, Any]) -> list[str]:
    alerts = body.get("alerts", [])
    return [
        " ".join(filter(None, (each["labels"]["alertname"], each["labels"].get("slo_tier"))))
        for each in alerts
    ]


@contextmanager
def recorder() -> Generator[Recorder]:
    """Listen on a free port of loopback until the block is left."""
    kept = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(202 if self.path.startswith("/pagerduty") else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a sender that is being stopped
                self.wfile.write(b"ok")
            # After the answer: who waits for the body may stop the sender.
            kept.add(self.path, json.loads(body))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class
            """Say nothing: the bodies are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
