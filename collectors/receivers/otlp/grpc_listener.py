"""A gRPC server that listens on while the receiver behind it is exchanged.

gRPC gives its socket to nobody and takes none of others. So not the socket is handed on but the
whole server, with its connections: what is asked meanwhile waits for the receiver that comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import grpc
import grpc.aio

from collectors.component import Signal, StartError
from collectors.net import status
from collectors.net.fields import split_address
from collectors.net.handover import DRAIN_SECONDS, Handover
from collectors.net.listen import bind
from collectors.net.tls import grpc_server_certificates
from collectors.net.watch import UnusableError, Watched
from collectors.receivers.otlp.config import GrpcConfig
from collectors.receivers.otlp.take import Answer, exchanged

METHODS: Final = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
}
_MEBIBYTE: Final = 1024 * 1024
_MOST_MARGIN_BYTES: Final = 16 * _MEBIBYTE
"""How far beyond the limit a message is still read, so that we can say why it is not taken.

What is longer is thrown away by gRPC while it comes in, which answers RESOURCE_EXHAUSTED in its
own words; a larger margin would be memory for whoever sends what nobody takes.
"""
_MILLISECOND: Final = 1_000_000
_LONGEST_MS: Final = 2**31 - 1  # gRPC's way to say never
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

ServicerContext = grpc.aio.ServicerContext[bytes, bytes]
Export = Callable[[Signal, AsyncIterator[bytes], ServicerContext], Awaitable[bytes]]
"""Answers one call."""

_Wish = tuple[tuple[tuple[str, int], ...], bool | None]
"""What cannot be changed once a server runs: its options, and whether clients show certificates."""


class GrpcListener:
    """Gives each call to the receiver that there is, or that there will be.

    Attributes:
        exports: Who answers.
    """

    def __init__(self, component_id: str, config: GrpcConfig) -> None:
        """Nothing is opened yet.

        Raises:
            StartError: The certificate cannot be used.
        """
        self.exports: Final = Handover[Export]()
        self._wish = _wish(config)
        self._certificates = _certificates(component_id, config)
        self._server = grpc.aio.server(options=options(config))
        self._server.add_generic_rpc_handlers((_Handlers(self._answer),))
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._port

    async def start(self, component_id: str, config: GrpcConfig) -> None:
        """Listen.

        Raises:
            StartError: The address cannot be used.
        """
        # gRPC says only that it failed; binding first says why, and leaves the address free.
        (await bind(component_id, config.endpoint)).close()
        host, port = split_address(config.endpoint)
        target = f"[{host or '::'}]:{port}" if ":" in (host or "::") else f"{host}:{port}"
        try:
            self._port = self._add_port(target, config)
            await self._server.start()
        except RuntimeError as error:
            msg = f"{component_id} cannot listen on {config.endpoint}: {error}"
            raise StartError(msg) from error

    async def may_serve(self, component_id: str, config: GrpcConfig) -> bool:
        """Whether it can go on under `config`; if so, with the certificate that is named there.

        Raises:
            StartError: The certificate cannot be used.
        """
        if self._wish != _wish(config):
            return False
        self._certificates = _certificates(component_id, config)
        return True

    async def close(self) -> None:
        """Take no new call, finish what is being answered, tell who waits to come again."""
        self.exports.close()
        await self._server.stop(DRAIN_SECONDS)

    def _add_port(self, target: str, config: GrpcConfig) -> int:
        certificates = self._certificates
        if certificates is None or config.tls is None:
            return self._server.add_insecure_port(target)

        def current() -> grpc.ServerCertificateConfiguration:
            return (self._certificates or certificates).current()

        # gRPC asks with each connection: a rotated certificate is shown from the next one on.
        credentials = grpc.dynamic_ssl_server_credentials(
            current(),
            current,
            require_client_authentication=config.tls.client_ca_file is not None,
        )
        return self._server.add_secure_port(target, credentials)

    async def _answer(
        self, signal: Signal, messages: AsyncIterator[bytes], context: ServicerContext
    ) -> bytes:
        async with self.exports.turn() as export:
            if export is None:
                return await abort(context, exchanged())
            return await export(signal, messages, context)


class _Handlers(grpc.GenericRpcHandler):
    """Finds the signal by the method's name; everything else is UNIMPLEMENTED."""

    def __init__(self, answer: Export) -> None:
        self._answer = answer

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, None where there is none.

        A unary client sends one message whatever the server calls its method; taking it as a
        stream lets us see, and count, that gRPC has thrown a message away for its length.
        """
        signal = METHODS.get(handler_call_details.method)
        if signal is None:
            return None

        async def behaviour(messages: AsyncIterator[bytes], context: ServicerContext) -> bytes:
            return await self._answer(signal, messages, context)

        return grpc.stream_unary_rpc_method_handler(behaviour)


async def abort(context: ServicerContext, answer: Answer) -> bytes:
    """End the call with a code, a `Status`, and where a retry helps with a hint when."""
    trailers: list[tuple[str, bytes]] = [
        (
            "grpc-status-details-bin",
            status.status(answer.code, answer.message, answer.retry_seconds).SerializeToString(),
        )
    ]
    if answer.retry_seconds is not None:
        # The official Python exporter reads this one and not the standard one.
        hint = status.retry_info(answer.retry_seconds).SerializeToString()
        trailers.append(("google.rpc.retryinfo-bin", hint))
    with contextlib.suppress(grpc.aio.UsageError):
        await context.abort(_CODES[answer.code], answer.message[:1024], tuple(trailers))
    return b""


def max_bytes(config: GrpcConfig) -> int:
    """Longest request, before and after decompression."""
    return config.max_recv_msg_size_mib * _MEBIBYTE


def options(config: GrpcConfig) -> list[tuple[str, int]]:
    """The configuration in gRPC's own words."""
    server, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    limit = max_bytes(config)
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limit + min(limit, _MOST_MARGIN_BYTES)),
        ("grpc.max_concurrent_streams", config.max_concurrent_streams),
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        ("grpc.max_connection_idle_ms", _milliseconds(server.max_connection_idle)),
        ("grpc.max_connection_age_ms", _milliseconds(server.max_connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(server.max_connection_age_grace)),
        ("grpc.keepalive_time_ms", _milliseconds(server.time)),
        ("grpc.keepalive_timeout_ms", _milliseconds(server.timeout)),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(policy.min_time)),
        ("grpc.keepalive_permit_without_calls", int(policy.permit_without_stream)),
    ]


def _wish(config: GrpcConfig) -> _Wish:
    tls = config.tls
    return tuple(options(config)), None if tls is None else tls.client_ca_file is not None


def _certificates(
    component_id: str, config: GrpcConfig
) -> Watched[grpc.ServerCertificateConfiguration] | None:
    if config.tls is None:
        return None
    try:
        return grpc_server_certificates(component_id, config.tls)
    except UnusableError as error:
        msg = f"{component_id} cannot listen on {config.endpoint}: {error}"
        raise StartError(msg) from error


def _milliseconds(nanoseconds: int) -> int:
    """At least one; 0, which means never, is as long as gRPC can wait."""
    if not nanoseconds:
        return _LONGEST_MS
    return min(max(nanoseconds // _MILLISECOND, 1), _LONGEST_MS)
