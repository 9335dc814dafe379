"""What went wrong on the network, in words for the person who reads the log."""

from __future__ import annotations

import os

import aiohttp


def reason(error: BaseException) -> str:
    """One short phrase: ``connection refused`` and not the address of an object.

    The caller names the peer; this says only what happened to the connection.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return reason(error.os_error)
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        # asyncio's own words are "Connect call failed ('127.0.0.1', 4318)" for all of them.
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
