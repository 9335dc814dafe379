"""The real servers and their tools: found, started on loopback, and always stopped."""

from slo.servers.find import MissingToolError, find, require, way_out
from slo.servers.process import Server, ServerError, free_port
from slo.servers.run import alertmanager, prometheus

__all__ = [
    "MissingToolError",
    "Server",
    "ServerError",
    "alertmanager",
    "find",
    "free_port",
    "prometheus",
    "require",
    "way_out",
]
