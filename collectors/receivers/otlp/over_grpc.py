"""OTLP/gRPC: requests stay bytes; gRPC neither decodes nor encodes a message.

Source: OpenTelemetry, "OTLP Specification", OTLP/gRPC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import unquote

from collectors.component import Context, Signal
from collectors.net.auth import Unauthenticated
from collectors.net.counts import ReceiverCounts
from collectors.net.listen import keep, take_up
from collectors.net.sender import BadSenderError, Senders
from collectors.receivers.otlp.config import GrpcConfig
from collectors.receivers.otlp.grpc_listener import (
    GrpcListener,
    ServicerContext,
    abort,
    max_bytes,
)
from collectors.receivers.otlp.take import (
    Answer,
    InFlight,
    Request,
    Taker,
    bad_sender,
    busy,
    too_large,
    too_many,
)


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
        self._max_bytes = max_bytes(config)
        self._listener: GrpcListener | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before `start`."""
        return self._listener.port if self._listener is not None else 0

    async def start(self) -> None:
        """Listen, or take over what listens already on the address.

        Raises:
            StartError: The address or a certificate cannot be used.
        """
        name, config = self._component_id, self._config
        listener, is_new = await take_up(
            config.endpoint,
            GrpcListener,
            lambda found: found.may_serve(name, config),
            lambda: GrpcListener(name, config),
        )
        if is_new:
            await listener.start(name, config)
        self._listener = listener
        listener.exports.serve(self._export)

    async def stop(self) -> None:
        """Take no new request, finish what is being answered."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if keep(self._config.endpoint, listener):
            await listener.exports.pause()
        else:
            await listener.close()

    async def _export(
        self, signal: Signal, messages: AsyncIterator[bytes], context: ServicerContext
    ) -> bytes:
        """Answer one call; an empty message is an empty `Export...ServiceResponse`."""
        peer = Context(peer=_peer(context.peer()), transport="grpc")
        empty = Request(signal, b"", "", is_json=False, context=peer)
        try:
            peer = await self._senders.context(_headers(context), peer.peer)
        except (Unauthenticated, BadSenderError) as problem:
            answer = bad_sender(problem)
            self._taker.not_taken(empty, answer, "sender", self._counts)
            return await abort(context, answer)
        body: bytes | None = None
        async for message in messages:
            if body is not None:
                answer = self._taker.not_taken(empty, too_many(), "malformed", self._counts)
                return await abort(context, answer)
            body = message
        if body is None:
            # gRPC has refused the message before anybody saw it: it is far longer than allowed,
            # compressed or not, and the client was told so. A call that ended early has none
            # either and is counted with them.
            answer = too_large(self._max_bytes)
            self._taker.not_taken(empty, answer, "too_large", self._counts)
            return await abort(context, answer)
        answer_or_none = await self._take(Request(signal, body, "", is_json=False, context=peer))
        if answer_or_none is not None:
            return await abort(context, answer_or_none)
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


def _headers(context: ServicerContext) -> dict[str, str]:
    """Metadata as text; what is binary is no header that we know."""
    return {
        key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
    }


def _peer(text: str) -> str:
    """``ipv4:127.0.0.1:5000`` and ``ipv6:%5B::1%5D:5000`` without their kind."""
    kind, _, address = text.partition(":")
    return unquote(address) if kind in {"ipv4", "ipv6", "unix"} else unquote(text)
