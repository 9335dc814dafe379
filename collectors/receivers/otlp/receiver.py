"""The `otlp` receiver: both protocols on one intake."""

from __future__ import annotations

from collectors.component import Intake, ReceiverFactory, Settings, Signal
from collectors.net.auth import server_authenticator
from collectors.net.counts import ReceiverCounts
from collectors.net.sender import SenderConfig, Senders
from collectors.receivers.otlp.config import OtlpConfig
from collectors.receivers.otlp.over_grpc import GrpcServer
from collectors.receivers.otlp.over_http import HttpServer
from collectors.receivers.otlp.take import InFlight, Taker


class OtlpReceiver:
    """Listens for OTLP; an answer of success means that the request is durable."""

    def __init__(self, config: OtlpConfig, settings: Settings, intake: Intake) -> None:
        in_flight = InFlight()
        taker = Taker(intake, in_flight, frozenset(settings.signals))
        component_id = settings.component_id
        protocols = config.protocols
        self._grpc = (
            GrpcServer(
                component_id,
                protocols.grpc,
                taker,
                in_flight,
                ReceiverCounts(settings.meter, component_id, "grpc"),
                _senders(settings, protocols.grpc, "grpc"),
            )
            if protocols.grpc
            else None
        )
        self._http = (
            HttpServer(
                component_id,
                protocols.http,
                taker,
                in_flight,
                ReceiverCounts(settings.meter, component_id, "http"),
                _senders(settings, protocols.http, "http"),
            )
            if protocols.http
            else None
        )

    @property
    def grpc_port(self) -> int:
        """The port of gRPC; 0 when it is off or not started."""
        return self._grpc.port if self._grpc else 0

    @property
    def http_port(self) -> int:
        """The port of HTTP; 0 when it is off or not started."""
        return self._http.port if self._http else 0

    async def start(self) -> None:
        """Listen on every protocol, or on none.

        Raises:
            StartError: An address cannot be used.
        """
        try:
            for server in (self._grpc, self._http):
                if server is not None:
                    await server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish what is being answered. Safe without start and twice."""
        for server in (self._grpc, self._http):
            if server is not None:
                await server.stop()


def _senders(settings: Settings, config: SenderConfig, transport: str) -> Senders:
    return Senders(config, transport, server_authenticator(settings, config.auth))


FACTORY = ReceiverFactory(
    config=OtlpConfig,
    create=OtlpReceiver,
    signals=frozenset(Signal),
)
