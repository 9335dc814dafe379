"""The generated runbooks and what else is to be looked at, served on loopback."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from alerts.gameday.loopback import Loopback
from alerts.gameday.markup import drawn

PREFIX: Final = "/runbooks/"


class Library(Loopback):
    """Serves ``<name>.md`` of a folder below ``/runbooks/``; the folder may come later.

    A browser gets them drawn, whoever else asks the Markdown itself. Pages that are made when
    somebody asks are put beside them with `show`.
    """

    def __init__(self, folder: Path) -> None:
        self._made: dict[str, Callable[[], str]] = {}
        super().__init__(_handler(folder, self._made))

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
        return f"http://{self.address}"


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
        """Answers GET with a page: as HTML where that is taken, else as plain text."""

        def do_GET(self) -> None:
            make = made.get(urlsplit(self.path).path)
            body = make().encode() if make else document(folder, self.path)
            if body is None:
                self.send_error(404, "no such page")
                return
            html = "text/html" in self.headers.get("Accept", "")
            if html and not make:
                body = drawn(PurePosixPath(self.path).stem, body.decode()).encode()
            kind = "html" if make or html else "plain"
            self.send_response(200)
            self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: the terminal belongs to the narrator."""

    return Handler
