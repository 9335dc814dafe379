"""Accepts connections: plain or with TLS, and with a new certificate without a gap.

The listening socket stays open while a certificate is exchanged: connections that are made
keep the old one, those that wait to be accepted get the new one, none is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

from collectors.net.watch import Watched

_HANDSHAKE_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 2.0
_BACKLOG: Final = 1024


class Acceptor:
    """Gives each connection of a listening socket to a protocol."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        context: Watched[ssl.SSLContext] | None = None,
    ) -> None:
        """Take `listener` over.

        Args:
            listener: Bound and listening.
            protocol: Makes the protocol of one connection.
            context: TLS, where there is to be any.
        """
        self._listener = listener
        self._protocol = protocol
        self._context = context
        self._used: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept."""
        self._used = self._context.current() if self._context else None
        self._server = await self._serve()
        if self._context is not None and self._context.interval_seconds:
            self._watching = asyncio.create_task(self._watch(self._context))

    async def stop(self) -> None:
        """Accept no more; what is connected stays so. Safe without start and twice."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._listener.close()

    async def renew(self) -> bool:
        """Use the certificate that there is now; whether it is another one."""
        fresh = await asyncio.to_thread(self._context.current) if self._context else None
        if fresh is self._used or self._server is None:
            return False
        old, self._used = self._server, fresh
        self._server = await self._serve()
        old.close()
        return True

    async def _watch(self, context: Watched[ssl.SSLContext]) -> None:
        while True:
            await asyncio.sleep(context.interval_seconds)
            await self.renew()

    async def _serve(self) -> asyncio.Server:
        """A server of its own on the same socket: closing it leaves the socket open."""
        has_tls = self._used is not None
        return await asyncio.get_running_loop().create_server(
            self._protocol,
            sock=self._listener.dup(),
            ssl=self._used,
            backlog=_BACKLOG,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if has_tls else None,
            ssl_shutdown_timeout=_GOODBYE_SECONDS if has_tls else None,
        )
