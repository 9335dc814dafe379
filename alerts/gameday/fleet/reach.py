"""Whether the collector can be reached, asked before anything is sent."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 3.0


def unreachable(endpoint: str) -> str:
    """Why nobody can connect to `endpoint` (``host:port`` or a URL); empty when one can."""
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    host, port = parts.hostname or "127.0.0.1", parts.port or 0
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        return f"{host}:{port}: {error.strerror or error}"
    return ""
