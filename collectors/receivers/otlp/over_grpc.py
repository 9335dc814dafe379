"""OTLP/gRPC: requests stay bytes; gRPC neither decodes nor encodes a message.

Source: OpenTelemetry, "OTLP Specification", OTLP/gRPC.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import unquote

import grpc
import grpc.aio

from collectors.component import Context, Signal, StartError
from collectors.net import status
from collectors.net.auth import Unauthenticated
from collectors.net.counts import ReceiverCounts
from collectors.net.fields import split_address
from collectors.net.listen import bind
from collectors.net.sender import BadSenderError, Senders
from collectors.net.tls import grpc_server_certificates
from collectors.net.watch import UnusableError
from collectors.receivers.otlp.config import GrpcConfig
from collectors.receivers.otlp.take import (
    Answer,
    InFlight,
    Request,
    Taker,
    bad_sender,
    busy,
    too_large,
)

METHODS: Final = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
}
_DRAIN_SECONDS: Final = 5.0
_MEBIBYTE: Final = 1024 * 1024
_MOST_MARGIN_BYTES: Final = 16 * _MEBIBYTE
"""How far beyond the limit a message is still read, so that we can say why it is not taken.

What is longer is thrown away by gRPC while it comes in, which answers RESOURCE_EXHAUSTED in its
own words; a larger margin would be memory for whoever sends what nobody takes.
"""
_MILLISECOND: Final = 1_000_000
_LONGEST_MS: Final = 2**31 - 1  # gRPC's way to say never
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

_ServicerContext = grpc.aio.ServicerContext[bytes, bytes]


class GrpcServer:
    """The gRPC half of the receiver."""

    def __init__(
        self,
        component_id: str,
        config: GrpcConfig,
        taker: Taker,
        in_flight: InFlight,
        counts: ReceiverCounts,
        senders: Senders,
    ) -> None:
        self._senders = senders
        self._component_id = component_id
        self._config = config
        self._taker = taker
        self._in_flight = in_flight
        self._counts = counts
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: The address cannot be used.
        """
        endpoint = self._config.endpoint
        # gRPC says only that it failed; binding first says why, and leaves the address free.
        bind(self._component_id, endpoint).close()
        server = grpc.aio.server(options=_options(self._config))
        server.add_generic_rpc_handlers((_Handlers(self),))
        host, port = split_address(endpoint)
        target = f"[{host or '::'}]:{port}" if ":" in (host or "::") else f"{host}:{port}"
        try:
            self._port = self._add_port(server, target)
            await server.start()
        except (RuntimeError, UnusableError) as error:
            msg = f"{self._component_id} cannot listen on {endpoint}: {error}"
            raise StartError(msg) from error
        self._server = server

    def _add_port(self, server: grpc.aio.Server, target: str) -> int:
        tls = self._config.tls
        if tls is None:
            return server.add_insecure_port(target)
        certificates = grpc_server_certificates(self._component_id, tls)
        # gRPC asks with each connection: a rotated certificate is shown from the next one on.
        credentials = grpc.dynamic_ssl_server_credentials(
            certificates.current(),
            certificates.current,
            require_client_authentication=tls.client_ca_file is not None,
        )
        return server.add_secure_port(target, credentials)

    async def stop(self) -> None:
        """Take no new request, finish what is being answered."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(_DRAIN_SECONDS)

    @property
    def _max_bytes(self) -> int:
        return _max_bytes(self._config)

    async def export(
        self, signal: Signal, messages: AsyncIterator[bytes], context: _ServicerContext
    ) -> bytes:
        """Answer one call; an empty message is an empty `Export...ServiceResponse`."""
        peer = Context(peer=_peer(context.peer()), transport="grpc")
        try:
            peer = await self._senders.context(_headers(context), peer.peer)
        except (Unauthenticated, BadSenderError) as problem:
            empty = Request(signal, b"", "", is_json=False, context=peer)
            answer = bad_sender(problem)
            self._taker.not_taken(empty, answer, "sender", self._counts)
            return await _abort(context, answer)
        body: bytes | None = None
        async for message in messages:
            body = message
        if body is None:
            # gRPC has refused the message before anybody saw it: it is far longer than allowed,
            # compressed or not, and the client was told so. A call that ended early has none
            # either and is counted with them.
            empty = Request(signal, b"", "", is_json=False, context=peer)
            answer = too_large(self._max_bytes)
            self._taker.not_taken(empty, answer, "too_large", self._counts)
            return await _abort(context, answer)
        answer_or_none = await self._take(Request(signal, body, "", is_json=False, context=peer))
        if answer_or_none is not None:
            return await _abort(context, answer_or_none)
        return b""

    async def _take(self, request: Request) -> Answer | None:
        count = len(request.body)
        if not self._in_flight.reserve(count):
            return self._taker.not_taken(request, busy(), "busy", self._counts)
        try:
            if count > self._max_bytes:
                return await self._taker.too_large(request, self._max_bytes, self._counts)
            return await self._taker.take(request, self._max_bytes, self._counts)
        finally:
            self._in_flight.release(count)


class _Handlers(grpc.GenericRpcHandler):
    """Finds the signal by the method's name; everything else is UNIMPLEMENTED."""

    def __init__(self, server: GrpcServer) -> None:
        self._server = server

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

        async def behaviour(messages: AsyncIterator[bytes], context: _ServicerContext) -> bytes:
            return await self._server.export(signal, messages, context)

        return grpc.stream_unary_rpc_method_handler(behaviour)


async def _abort(context: _ServicerContext, answer: Answer) -> bytes:
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


def _max_bytes(config: GrpcConfig) -> int:
    return config.max_recv_msg_size_mib * _MEBIBYTE


def _margin_bytes(config: GrpcConfig) -> int:
    return min(_max_bytes(config), _MOST_MARGIN_BYTES)


def _options(config: GrpcConfig) -> list[tuple[str, int]]:
    """The configuration in gRPC's own words."""
    server, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _max_bytes(config) + _margin_bytes(config)),
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


def _milliseconds(nanoseconds: int) -> int:
    """At least one; 0, which means never, is as long as gRPC can wait."""
    if not nanoseconds:
        return _LONGEST_MS
    return min(max(nanoseconds // _MILLISECOND, 1), _LONGEST_MS)


def _headers(context: _ServicerContext) -> dict[str, str]:
    """Metadata as text; what is binary is no header that we know."""
    return {
        key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
    }


def _peer(text: str) -> str:
    """``ipv4:127.0.0.1:5000`` and ``ipv6:%5B::1%5D:5000`` without their kind."""
    kind, _, address = text.partition(":")
    return unquote(address) if kind in {"ipv4", "ipv6", "unix"} else unquote(text)
