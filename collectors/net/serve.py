"""A small HTTP server for things that are looked at: health, scrape endpoints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from collectors.component import StartError
from collectors.net.accept import Acceptor, TurnedAway
from collectors.net.listen import bind, bound_port
from collectors.net.loglines import HttpLogger
from collectors.net.tls import ServerTlsConfig, server_context
from collectors.net.watch import UnusableError

_log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_IDLE_SECONDS: Final = 75.0
_DRAIN_SECONDS: Final = 2.0
_MAX_CONNECTIONS: Final = 256


class PageServer:
    """Answers GET and HEAD through one handler.

    Attributes:
        component_id: Named in the line that says why it cannot start.
        address: ``host:port``.
        tls: Absent, connections are not encrypted.
    """

    def __init__(
        self,
        component_id: str,
        address: str,
        handler: Handler,
        tls: ServerTlsConfig | None = None,
    ) -> None:
        self._component_id = component_id
        self._address = address
        self._handler = handler
        self._tls = tls
        self._connections: web.Server | None = None
        self._acceptor: Acceptor | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: The address or a certificate cannot be used.
        """
        try:
            context = server_context(self._component_id, self._tls) if self._tls else None
        except UnusableError as error:
            msg = f"{self._component_id} cannot listen on {self._address}: {error}"
            raise StartError(msg) from error
        listener = await bind(self._component_id, self._address)
        self._port = bound_port(listener)
        self._connections = web.Server(
            self._handle,
            access_log=None,
            logger=HttpLogger(_log),
            keepalive_timeout=_IDLE_SECONDS,
        )
        self._acceptor = Acceptor(listener, self._protocol, context)
        await self._acceptor.start()

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            await acceptor.stop()
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.pre_shutdown()
            await connections.shutdown(_DRAIN_SECONDS)

    def _protocol(self) -> asyncio.Protocol:
        connections, held = self._connections, self._acceptor.held if self._acceptor else 0
        if connections is None or max(len(connections.connections), held) >= _MAX_CONNECTIONS:
            return TurnedAway()
        return connections()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return await self._handler(request)


def lower_headers(request: web.BaseRequest) -> dict[str, str]:
    """The headers of a request by name in lower case; of one that comes twice, the first."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found.setdefault(name.lower(), value)
    return found
