"""The generated runbooks and what else is to be looked at, served on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote, urlsplit

PREFIX: Final = "/runbooks/"


class Library:
    """Serves ``<name>.md`` of a folder below ``/runbooks/``; the folder may come later.

    Pages that are made when somebody asks are put beside them with `show`.
    """

    def __init__(self, folder: Path) -> None:
        self._made: dict[str, Callable[[], str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, self._made))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def show(self, path: str, make: Callable[[], str]) -> str:
        """Answer `path` with the HTML that `make` returns at that moment; its whole address."""
        self._made[path] = make
        return f"{self._address}{path}"

    @property
    def url(self) -> str:
        """What `Settings.urls.runbooks` must be."""
        return f"{self._address}{PREFIX.rstrip('/')}"

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def document(folder: Path, path: str) -> bytes | None:
    """The page that a request's path asks for; None outside of `folder` or when it is not there."""
    asked = unquote(urlsplit(path).path)
    if not asked.startswith(PREFIX):
        return None
    found = (folder / asked.removeprefix(PREFIX)).resolve()
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        return None
    return found.read_bytes()


def _handler(folder: Path, made: dict[str, Callable[[], str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET with a page, as plain text that any browser shows."""

        def do_GET(self) -> None:
            make = made.get(self.path)
            body = make().encode() if make else document(folder, self.path)
            if body is None:
                self.send_error(404, "no such page")
                return
            kind = "html" if make else "plain"
            self.send_response(200)
            self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: the terminal belongs to the narrator."""

    return Handler
