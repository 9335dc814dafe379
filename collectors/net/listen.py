"""Opens listening sockets, or says in one line why not; keeps them while servers are exchanged.

A socket that listens holds the connections that nobody has accepted yet. Closing it resets
them, so that a server which takes over an address takes over its socket, too; or, where a
library gives its socket to nobody, all that listens there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

from collectors.component import StartError
from collectors.net.fields import split_address

_BACKLOG: Final = 1024
_WHY: Final = {
    errno.EADDRINUSE: "another process listens there: stop it, or take another port",
    errno.EACCES: "this user may not listen there; ports below 1024 need a privilege",
    errno.EADDRNOTAVAIL: "this host does not have that address",
}


class Listening(Protocol):
    """What listens on by itself while the server behind it is exchanged."""

    @property
    def port(self) -> int:
        """Where."""
        ...

    async def close(self) -> None:
        """Listen no more: nobody takes it over."""
        ...


_Kind = TypeVar("_Kind", bound=Listening)

_asked: WeakKeyDictionary[socket.socket, str] = WeakKeyDictionary()
"""The address that each socket was asked for."""

_kept: dict[str, socket.socket | Listening] | None = None
"""While servers are exchanged: what listened, by the address that it was asked for."""


@contextlib.asynccontextmanager
async def exchange() -> AsyncGenerator[None]:
    """Until the end of the block what is let go listens on, and is taken up again."""
    global _kept  # noqa: PLW0603 - addresses are the process's, and so is what listens on them
    _kept = {}
    try:
        yield
    finally:
        left, _kept = _kept, None
        for listener in left.values():
            await _close(listener)


def release(listener: socket.socket) -> None:
    """Close `listener`; in the middle of an exchange, leave it to who binds its address next."""
    address = _asked.get(listener)
    if address is None or not keep(address, listener):
        listener.close()


def keep(address: str, listener: socket.socket | Listening) -> bool:
    """Leave `listener` to who asks for `address` next; False where there is no exchange."""
    if _kept is None or address in _kept:
        return False
    _kept[address] = listener
    return True


async def take_up(
    address: str,
    kind: type[_Kind],
    may_serve: Callable[[_Kind], Awaitable[bool]],
    make: Callable[[], _Kind],
) -> tuple[_Kind, bool]:
    """What listens on by itself on `address`, where it may serve on; else one that is made.

    Where one of the two raises, what listens is left to who comes in the place of the caller.

    Returns:
        It, and whether it is new: then it has to start.
    """
    found = _kept.get(address) if _kept is not None else None
    chosen = found if isinstance(found, kind) and await may_serve(found) else make()
    if _kept is not None and found is not None and not isinstance(found, socket.socket):
        del _kept[address]
        if chosen is not found:
            await found.close()
    return chosen, chosen is not found


def is_exchanging() -> bool:
    """Whether what waits to be accepted will find a server."""
    return _kept is not None


async def bind(component_id: str, address: str) -> socket.socket:
    """A listening, non-blocking TCP socket on `address` (``host:port``).

    Raises:
        StartError: The address cannot be used; says which component, which address, why.
    """
    if _kept is not None and isinstance(kept := _kept.get(address), socket.socket):
        del _kept[address]
        return kept
    try:
        return _bound(component_id, address)
    except StartError:
        if _kept is None or not (in_the_way := _on_port(_kept, address)):
            raise
        # The same port under another name, `0.0.0.0:4318` after `127.0.0.1:4318`, or for others.
        for other in in_the_way:
            while other in _kept:  # a server that is closed leaves its socket
                await _close(_kept.pop(other))
        return _bound(component_id, address)


async def _close(listener: socket.socket | Listening) -> None:
    if isinstance(listener, socket.socket):
        listener.close()
    else:
        await listener.close()


def _on_port(kept: dict[str, socket.socket | Listening], address: str) -> list[str]:
    port = split_address(address)[1]
    return [
        of
        for of, listener in kept.items()
        if port == (bound_port(listener) if isinstance(listener, socket.socket) else listener.port)
    ]


def _bound(component_id: str, address: str) -> socket.socket:
    host, port = split_address(address)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(_text(component_id, address, error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        raise StartError(_text(component_id, address, error)) from error
    _asked[listener] = address
    return listener


def bound_port(listener: socket.socket) -> int:
    """The port that `listener` has, which the system chose where 0 was asked for."""
    port: int = listener.getsockname()[1]
    return port


def _text(component_id: str, address: str, error: OSError) -> str:
    why = _WHY.get(error.errno or 0) or error.strerror or os.strerror(error.errno or 0)
    return f"{component_id} cannot listen on {address}: {why}"
