"""A destination of telemetry on loopback that can be told to take nothing."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final

from alerts.gameday.loopback import Loopback

_RETRY_SECONDS: Final = 1


class Sink(Loopback):
    """Takes OTLP over HTTP and throws it away; use it as a context manager.

    Attributes:
        taken: Requests that were answered with success.
    """

    def __init__(self) -> None:
        """One that takes everything."""
        self.taken = 0
        self._is_open = threading.Event()
        self._is_open.set()
        super().__init__(self._handler())

    @property
    def url(self) -> str:
        """The `endpoint` of an `otlp_http` exporter."""
        return f"http://{self.address}"

    def refuse(self) -> None:
        """Answer 503 from now on."""
        self._is_open.clear()

    def accept(self) -> None:
        """Take everything again."""
        self._is_open.set()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if sink._is_open.is_set():
                    sink.taken += 1
                    self.send_response(HTTPStatus.OK)
                else:
                    self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
                    self.send_header("Retry-After", str(_RETRY_SECONDS))
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        return Handler
