"""What an agent answers when it is asked: is it well, what has it measured, what has it done.

``/healthz``, ``/metrics`` and ``/audit`` on loopback, where nobody else reads along. All
answers are bounded: the audit trail holds the last records only, the rest is in the logs.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from collectors.instrument.exposition import CONTENT_TYPE

KEPT: Final = 1_000
"""Audit records that are shown; older ones are in the logs only."""
_TIMEOUT_SECONDS: Final = 5.0
_JSON: Final = "application/json"
Answer = tuple[int, str, str]
"""Status, content type and body."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One decision or action.

    Attributes:
        at: Unix seconds.
        number: From 1, without gaps; what is missing was forgotten or lost.
    """

    at: float
    number: int
    event: str
    attributes: Mapping[str, str]


class Trail:
    """The last audit records of one agent. Safe in threads."""

    def __init__(self, kept: int = KEPT, now: Callable[[], float] = time.time) -> None:
        """Remember `kept` records, at least 1."""
        self._lock = threading.Lock()
        self._records: deque[AuditRecord] = deque(maxlen=kept)
        self._number = 0
        self._now = now

    def add(self, event: str, attributes: Mapping[str, str]) -> None:
        """Remember one record; the oldest is forgotten where there are too many."""
        with self._lock:
            self._number += 1
            self._records.append(AuditRecord(self._now(), self._number, event, dict(attributes)))

    def json(self) -> str:
        """How many there were, and those that are remembered, oldest first."""
        with self._lock:
            records = [asdict(record) for record in self._records]
            return json.dumps({"written": self._number, "records": records})


class Endpoints:
    """A server on 127.0.0.1 that answers for one agent until it is closed."""

    def __init__(
        self,
        healthy: Callable[[], bool],
        metrics: Callable[[], str],
        trail: Trail,
        port: int = 0,
    ) -> None:
        """Answer from now on, at `port` or at any free one.

        Raises:
            OSError: The port is taken.
        """
        answers: dict[str, Callable[[], Answer]] = {
            "/healthz": lambda: _health(healthy()),
            "/metrics": lambda: (200, CONTENT_TYPE, metrics()),
            "/audit": lambda: (200, _JSON, trail.json()),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(answers))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Answer no more. Call once."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _health(healthy: bool) -> Answer:
    return (200, _JSON, '{"healthy": true}') if healthy else (503, _JSON, '{"healthy": false}')


def _handler(answers: Mapping[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET, and nothing else."""

        timeout = _TIMEOUT_SECONDS

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            if answer is None:
                self.send_error(404, "only /healthz, /metrics and /audit")
                return
            status, kind, text = answer()
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: the agent has a log of its own."""

    return Handler
