"""Opens listening sockets, or says in one line why not."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from collectors.component import StartError
from collectors.net.fields import split_address

_BACKLOG: Final = 1024
_WHY: Final = {
    errno.EADDRINUSE: "another process listens there",
    errno.EACCES: "this user may not listen there; ports below 1024 need a privilege",
    errno.EADDRNOTAVAIL: "this host does not have that address",
}


def bind(component_id: str, address: str) -> socket.socket:
    """A listening, non-blocking TCP socket on `address` (``host:port``).

    Raises:
        StartError: The address cannot be used; says which component, which address, why.
    """
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
    return listener


def bound_port(listener: socket.socket) -> int:
    """The port that `listener` has, which the system chose where 0 was asked for."""
    port: int = listener.getsockname()[1]
    return port


def _text(component_id: str, address: str, error: OSError) -> str:
    why = _WHY.get(error.errno or 0) or error.strerror or os.strerror(error.errno or 0)
    return f"{component_id} cannot listen on {address}: {why}"
