"""`health_check`: 200 when the daemon is ready, 503 when it is not."""

from __future__ import annotations

from aiohttp import web

from collectors.component import Config, ExtensionFactory, Host, Settings
from collectors.net.fields import Address
from collectors.net.serve import PageServer
from collectors.net.tls import ServerTlsConfig


class ResponseBodyConfig(Config):
    """What the answers say, where the built-in words will not do."""

    healthy: str = ""
    unhealthy: str = ""


class HealthCheckConfig(Config):
    """Configuration of `health_check`."""

    endpoint: Address = "127.0.0.1:13133"
    tls: ServerTlsConfig | None = None
    path: str = "/"
    response_body: ResponseBodyConfig = ResponseBodyConfig()


class HealthCheck:
    """Serves the daemon's own word on whether it is ready."""

    def __init__(self, config: HealthCheckConfig, settings: Settings) -> None:
        self._config = config
        self._host: Host | None = None
        self._server = PageServer(settings.component_id, config.endpoint, self._answer, config.tls)

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._server.port

    async def start(self, host: Host) -> None:
        """Listen.

        Raises:
            StartError: The address cannot be used.
        """
        self._host = host
        await self._server.start()

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        await self._server.stop()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != self._config.path:
            return web.Response(status=404, text=f"health is told at {self._config.path}\n")
        body = self._config.response_body
        if self._host is not None and self._host.is_ready():
            text = body.healthy or '{"status":"Server available"}'
            return web.Response(text=text, content_type="application/json")
        text = body.unhealthy or '{"status":"Server not available"}'
        return web.Response(status=503, text=text, content_type="application/json")


FACTORY = ExtensionFactory(config=HealthCheckConfig, create=HealthCheck)
