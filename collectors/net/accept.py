"""Accepts connections: plain or with TLS, and with a new certificate without a gap.

The listening socket stays open while a certificate is exchanged: connections that are made
keep the old one, those that wait to be accepted get the new one, none is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Final, cast

from collectors.net.listen import is_exchanging, release
from collectors.net.watch import Watched

_HANDSHAKE_SECONDS: Final = 10
_GOODBYE_SECONDS: Final = 2.0
_BACKLOG: Final = 1024
_MOST_DRAINED: Final = 1000  # rounds of the loop, in each of which waiting connections are accepted
_ROUNDS: Final = 2
"""Rounds of the loop after which an accepted connection has its transport: one, one spare."""


class TurnedAway(asyncio.Protocol):
    """A connection too many: closed at once, before any handshake."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Secured(SSLProtocol):
    """TLS on one connection, counted from its first byte on.

    asyncio's own holds 256 KiB for each, handshake or not: idle connections by the thousand
    would take gigabytes. A TLS record is 16 KiB.
    """

    max_size = 32 * 1024

    def __init__(self, protocol: asyncio.Protocol, context: ssl.SSLContext, held: set[int]) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            protocol,
            context,
            # Nobody waits for the handshake; None is what asyncio checks for, its stubs do not.
            cast("asyncio.Future[None]", None),
            server_side=True,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )
        self._held = held
        held.add(id(self))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count no more."""
        self._held.discard(id(self))
        super().connection_lost(exc)


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
        self._held: set[int] = set()

    @property
    def held(self) -> int:
        """Connections with TLS, those in their handshake included; 0 where there is none."""
        return len(self._held)

    async def start(self) -> None:
        """Accept."""
        self._used = self._context.current() if self._context else None
        self._server = await self._serve()
        if self._context is not None and self._context.interval_seconds:
            self._watching = asyncio.create_task(self._watch(self._context))

    async def stop(self) -> None:
        """Accept no more; what is connected stays so. Safe without start and twice.

        What waits to be accepted is served first, or left to the next server of the address.
        """
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        server, self._server = self._server, None
        if server is not None:
            if not is_exchanging():
                await _drain(self._listener)
            await _retire(server)
        release(self._listener)

    async def renew(self) -> bool:
        """Use the certificate that there is now; whether it is another one."""
        fresh = await asyncio.to_thread(self._context.current) if self._context else None
        if fresh is self._used or self._server is None:
            return False
        old, self._used = self._server, fresh
        self._server = await self._serve()
        await _retire(old)
        return True

    async def _watch(self, context: Watched[ssl.SSLContext]) -> None:
        while True:
            await asyncio.sleep(context.interval_seconds)
            await self.renew()

    async def _serve(self) -> asyncio.Server:
        """A server of its own on the same socket: closing it leaves the socket open."""
        context = self._used
        return await asyncio.get_running_loop().create_server(
            self._protocol if context is None else lambda: self._secured(context),
            sock=self._listener.dup(),
            backlog=_BACKLOG,
        )

    def _secured(self, context: ssl.SSLContext) -> asyncio.BaseProtocol:
        protocol = self._protocol()
        if isinstance(protocol, TurnedAway):
            return protocol
        return _Secured(protocol, context, self._held)


async def _drain(listener: socket.socket) -> None:
    """Have everything accepted that has connected, and let no more connect.

    With a backlog of 0 the system drops what begins to connect, and whoever does hears at his next
    try, a second later, that nobody listens: nothing of his is lost. What falls between the last
    look and the closing is reset, which cannot be helped: TCP knows no way to close one half.
    """
    with contextlib.suppress(OSError):
        listener.listen(0)
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    for _ in range(_MOST_DRAINED):
        if not waiting.poll(0):
            break
        await asyncio.sleep(0)
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)  # what was sent with the last of them is read


async def _retire(server: asyncio.Server) -> None:
    """Close `server` such that no connection falls between accepting and serving.

    asyncio accepts in one round of its loop and makes the transport in the next. A server that
    is closed in between makes none (`Server._attach` asserts that it has sockets), says nothing,
    and the connection is reset when the garbage collector finds it.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
    server.close()
