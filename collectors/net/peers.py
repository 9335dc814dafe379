"""Senders by their address: connections come and go, the host stays."""

from __future__ import annotations


def host_of(peer: str) -> str:
    """The host in ``host:port``, ``[host]:port``, ``ipv4:host:port`` or ``host``."""
    host, colon, port = peer.rpartition(":")
    return host if colon and port.isdigit() and host else peer
