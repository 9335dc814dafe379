"""An HTTP server that listens on while the receiver behind it is exchanged.

A client that keeps its connection sends on it at any moment: closed in that moment, its request is
reset. So the connections are handed on, and what is asked meanwhile waits for the receiver that
comes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from collectors.component import StartError
from collectors.net.accept import Acceptor, TurnedAway
from collectors.net.fields import SECOND
from collectors.net.handover import DRAIN_SECONDS, Handover
from collectors.net.listen import bind, bound_port
from collectors.net.loglines import HttpLogger
from collectors.net.tls import ServerTlsConfig, server_context
from collectors.net.watch import UnusableError, Watched
from collectors.receivers.otlp.config import HttpConfig

_log = logging.getLogger(__name__)

_HEARING_SECONDS: Final = 0.01
_HEARD_OUT: Final = 100
"""Together a second: whoever connects and says nothing holds up no stop for longer."""
_MOST_FORGOTTEN: Final = 1024

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers one request."""


class HttpListener:
    """Gives each request to the receiver that there is, or that there will be.

    Attributes:
        handles: Who answers.
    """

    def __init__(self, component_id: str, config: HttpConfig, later: Handle) -> None:
        """Nothing is opened yet.

        Args:
            component_id: The receiver that comes first.
            config: Its own.
            later: Answers who cannot wait for the next one.

        Raises:
            StartError: The certificate cannot be used.
        """
        self._context = _context(component_id, config)
        self.handles: Final = Handover[Handle]()
        self._later = later
        self._wish = _wish(config)
        self._most_connections = 0
        self._turned_away: Callable[[], None] | None = None
        self._fresh: set[object] = set()  # connections of which no request has come yet
        self._connections: web.Server | None = None
        self._acceptor: Acceptor | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._port

    async def start(self, component_id: str, config: HttpConfig) -> None:
        """Listen.

        Raises:
            StartError: The address cannot be used.
        """
        listener = await bind(component_id, config.endpoint)
        self._port = bound_port(listener)
        self._connections = web.Server(
            self._handle,
            auto_decompress=False,
            access_log=None,
            logger=HttpLogger(_log),
            keepalive_timeout=_idle_seconds(config),
            lingering_time=1.0,
        )
        self._acceptor = Acceptor(listener, self._protocol, self._context)
        await self._acceptor.start()

    async def may_serve(self, component_id: str, config: HttpConfig) -> bool:
        """Whether it can go on under `config`; if so, with the certificate that there is now.

        Raises:
            StartError: The certificate cannot be used.
        """
        if self._wish != _wish(config):
            return False
        if _context(component_id, config) is not None and self._acceptor is not None:
            await self._acceptor.renew()
        return True

    def serve(self, handle: Handle, most_connections: int, turned_away: Callable[[], None]) -> None:
        """Give what waits, and what comes, to `handle`.

        Args:
            handle: Answers.
            most_connections: At a time.
            turned_away: Told of each one more.
        """
        self._most_connections, self._turned_away = most_connections, turned_away
        self.handles.serve(handle)

    async def close(self) -> None:
        """Take no new connection, finish what is being answered."""
        self.handles.close()
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            await acceptor.stop()
        connections, self._connections = self._connections, None
        if connections is not None:
            await self._hear_out(connections)
            connections.pre_shutdown()
            await connections.shutdown(DRAIN_SECONDS)

    def _protocol(self) -> asyncio.Protocol:
        connections, held = self._connections, self._acceptor.held if self._acceptor else 0
        most = self._most_connections
        if connections is None or max(len(connections.connections), held) >= most:
            if self._turned_away is not None:
                self._turned_away()
            return TurnedAway()
        if len(self._fresh) > _MOST_FORGOTTEN:  # some were closed without a word
            self._fresh.intersection_update(connections.connections)
        made = connections()
        self._fresh.add(made)
        return made

    async def _hear_out(self, connections: web.Server) -> None:
        """Wait a moment for the first request of whoever has connected and not yet spoken.

        A server that is closing throws away what comes in: such a request would be reset, after
        the whole time of draining.
        """
        for _ in range(_HEARD_OUT):
            if self._fresh.isdisjoint(connections.connections):
                return
            await asyncio.sleep(_HEARING_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._fresh.discard(request.protocol)
        async with self.handles.turn() as handle:
            return await (handle or self._later)(request)


def _wish(config: HttpConfig) -> tuple[float, ServerTlsConfig | None]:
    """What cannot be changed once it listens."""
    return _idle_seconds(config), config.tls


def _idle_seconds(config: HttpConfig) -> float:
    waiting_ns = min(config.idle_timeout or math.inf, config.read_header_timeout or math.inf)
    return min(waiting_ns / SECOND, 3600.0)


def _context(component_id: str, config: HttpConfig) -> Watched[ssl.SSLContext] | None:
    if config.tls is None:
        return None
    try:
        return server_context(component_id, config.tls)
    except UnusableError as error:
        msg = f"{component_id} cannot listen on {config.endpoint}: {error}"
        raise StartError(msg) from error
