"""Where the pages arrive: one address for each team, and a record of everything received."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Final

from alerts.gameday.loopback import Loopback

_MAX_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Page:
    """One alert of one notification, as a team got it.

    Attributes:
        team: Whose webhook it came to: the last part of the address.
        at: Unix seconds of its arrival.
        status: firing or resolved.
    """

    team: str
    at: float
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: str
    group: Mapping[str, str]

    @property
    def alert(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def firing(self) -> bool:
        """Whether it says that something is wrong, not that it is over."""
        return self.status == "firing"


def pages(team: str, at: float, body: object) -> list[Page]:
    """The alerts of one webhook notification; empty for what is not one.

    Source: Alertmanager, "Configuration", `<webhook_config>`, version 4 of the payload.
    """
    if not isinstance(body, dict):
        return []
    found = body.get("alerts")
    group = _strings(body.get("groupLabels"))
    if not isinstance(found, list):
        return []
    return [
        Page(
            team,
            at,
            str(alert.get("status", "")),
            _strings(alert.get("labels")),
            _strings(alert.get("annotations")),
            str(alert.get("startsAt", "")),
            group,
        )
        for alert in found
        if isinstance(alert, dict)
    ]


class Webhooks(Loopback):
    """Answers every notification with 200 and remembers it.

    A team's webhook is ``http://ADDRESS/<team>``.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._pages: list[Page] = []
        super().__init__(_handler(self._receive))

    def received(self) -> tuple[Page, ...]:
        """Everything so far, in the order of arrival."""
        with self._arrived:
            return tuple(self._pages)

    def wait(self, wanted: Callable[[Page], bool], timeout_seconds: float) -> Page | None:
        """The first page that is `wanted`, past ones included; None when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        seen = 0
        with self._arrived:
            while True:
                for page in self._pages[seen:]:
                    if wanted(page):
                        return page
                seen = len(self._pages)
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._arrived.wait(left)

    def _receive(self, team: str, body: object) -> None:
        with self._arrived:
            self._pages.extend(pages(team, time.time(), body))
            self._arrived.notify_all()


def _strings(value: object) -> dict[str, str]:
    """The object's members as text."""
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _handler(receive: Callable[[str, object], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes POSTs; the path's last part is the team."""

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), _MAX_BYTES)
            try:
                body: object = json.loads(self.rfile.read(length))
            except ValueError:
                self.send_error(400, "not JSON")
                return
            receive(self.path.rstrip("/").rpartition("/")[2], body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: the terminal belongs to the narrator."""

    return Handler
