"""A small HTTP server for things that are looked at: health, scrape endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from collectors.net.listen import bind, bound_port

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_IDLE_SECONDS: Final = 75.0
_DRAIN_SECONDS: Final = 2.0
_MAX_CONNECTIONS: Final = 256


class PageServer:
    """Answers GET and HEAD through one handler.

    Attributes:
        component_id: Named in the line that says why it cannot start.
        address: ``host:port``.
    """

    def __init__(self, component_id: str, address: str, handler: Handler) -> None:
        self._component_id = component_id
        self._address = address
        self._handler = handler
        self._connections: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: The address cannot be used.
        """
        listener = bind(self._component_id, self._address)
        self._port = bound_port(listener)
        self._connections = web.Server(
            self._handle, access_log=None, keepalive_timeout=_IDLE_SECONDS
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, sock=listener)

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.pre_shutdown()
            await connections.shutdown(_DRAIN_SECONDS)

    def _protocol(self) -> asyncio.Protocol:
        connections = self._connections
        if connections is None or len(connections.connections) >= _MAX_CONNECTIONS:
            return TurnedAway()
        return connections()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return await self._handler(request)


class TurnedAway(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()
