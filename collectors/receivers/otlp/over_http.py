"""OTLP/HTTP: protobuf and JSON bodies, answered in the form in which they were asked.

Source: OpenTelemetry, "OTLP Specification", OTLP/HTTP.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError

from collectors.component import Context, Signal
from collectors.net import status
from collectors.net.auth import Unauthenticated
from collectors.net.counts import ReceiverCounts
from collectors.net.fields import SECOND
from collectors.net.listen import keep, take_up
from collectors.net.otlp_json import message_to_json
from collectors.net.sender import BadSenderError, Senders
from collectors.net.serve import lower_headers
from collectors.receivers.otlp.config import HttpConfig
from collectors.receivers.otlp.http_listener import HttpListener
from collectors.receivers.otlp.take import (
    Answer,
    InFlight,
    Request,
    Taker,
    bad_sender,
    busy,
    exchanged,
    too_large,
)

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"


class HttpServer:
    """The HTTP half of the receiver."""

    def __init__(
        self,
        component_id: str,
        config: HttpConfig,
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
        self._routes: Mapping[str, Signal] = {
            config.traces_url_path: Signal.TRACES,
            config.metrics_url_path: Signal.METRICS,
            config.logs_url_path: Signal.LOGS,
        }
        self._listener: HttpListener | None = None

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
            HttpListener,
            lambda found: found.may_serve(name, config),
            lambda: HttpListener(name, config, _later),
        )
        if is_new:
            await listener.start(name, config)
        self._listener = listener
        listener.serve(self._handle, config.max_connections, self._turned_away)

    async def stop(self) -> None:
        """Take no new request, finish what is being answered."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if keep(self._config.endpoint, listener):
            await listener.handles.pause()
        else:
            await listener.close()

    def _turned_away(self) -> None:
        self._counts.meter.add(
            "fleetslo_receiver_turned_away_connections_total",
            1,
            receiver=self._component_id,
            transport="http",
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        signal = self._routes.get(request.path)
        if signal is None:
            known = ", ".join(self._routes)
            return _plain(404, f"no such path, OTLP is taken at {known}\n")
        if request.method != "POST":
            response = _plain(405, "OTLP is sent with POST\n")
            response.headers["Allow"] = "POST"
            return response
        content_type = request.content_type.lower()
        if content_type not in {PROTOBUF, JSON}:
            self._counts.rejected(signal, "media_type")
            return _plain(415, f"content type must be {PROTOBUF} or {JSON}\n")
        answer = await self._take(request, signal, is_json=content_type == JSON)
        return _response(answer, content_type)

    async def _take(
        self, request: web.BaseRequest, signal: Signal, *, is_json: bool
    ) -> Answer | None:
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        try:
            context = await self._senders.context(lower_headers(request), _peer(request))
        except (Unauthenticated, BadSenderError) as problem:
            unknown = Context(peer=_peer(request), transport="http")
            asked = Request(signal, b"", encoding, is_json, unknown)
            return self._taker.not_taken(asked, bad_sender(problem), "sender", self._counts)
        empty = Request(signal, b"", encoding, is_json, context)
        limit = self._config.max_request_body_size
        if (request.content_length or 0) > limit:
            return self._taker.not_taken(empty, too_large(limit), "too_large", self._counts)
        held = _Body(self._in_flight)
        try:
            timeout = self._config.read_timeout / SECOND or None
            async with asyncio.timeout(timeout):
                await _continue(request)
                refusal = await held.read(request, limit)
            if refusal is not None:
                reason = "busy" if refusal.retry_seconds else "too_large"
                return self._taker.not_taken(empty, refusal, reason, self._counts)
            whole = Request(signal, held.bytes(), encoding, is_json, context)
            return await self._taker.take(whole, limit, self._counts)
        except (HttpProcessingError, ConnectionError):
            broken = Answer(status.INVALID_ARGUMENT, 400, "the body is cut off, or no HTTP")
            return self._taker.not_taken(empty, broken, "malformed", self._counts)
        except TimeoutError:
            slow = Answer(status.INVALID_ARGUMENT, 408, "the body did not arrive in time")
            return self._taker.not_taken(empty, slow, "timeout", self._counts)
        finally:
            held.release()


class _Body:
    """A body while it is read, its bytes reserved as they come."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._parts: list[bytes] = []
        self._count = 0

    async def read(self, request: web.BaseRequest, limit: int) -> Answer | None:
        """Read to the end; an answer where that is not to be done."""
        while part := await request.content.readany():
            if self._count + len(part) > limit:
                return too_large(limit)
            if not self._in_flight.reserve(len(part)):
                return busy()
            self._count += len(part)
            self._parts.append(part)
        return None

    def bytes(self) -> bytes:
        """The body."""
        whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        return whole

    def release(self) -> None:
        """Give the reserved bytes back."""
        self._in_flight.release(self._count)
        self._count = 0


async def _continue(request: web.BaseRequest) -> None:
    """Answer ``Expect: 100-continue``, which clients send before a large body."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.version == HttpVersion11:
        transport = request.transport
        if transport is not None:
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _peer(request: web.BaseRequest) -> str:
    peer: object = request.transport.get_extra_info("peername") if request.transport else None
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unknown"


async def _later(request: web.BaseRequest) -> web.StreamResponse:
    return _response(exchanged(), request.content_type.lower())


def _plain(code: int, text: str) -> web.Response:
    return web.Response(status=code, text=text)


def _response(answer: Answer | None, content_type: str) -> web.Response:
    if answer is None:
        # An empty response message: nothing in protobuf, an empty object in JSON.
        body = b"{}" if content_type == JSON else b""
        return web.Response(body=body, content_type=content_type)
    message = status.status(answer.code, answer.message, answer.retry_seconds)
    body = message_to_json(message).encode() if content_type == JSON else b""
    response = web.Response(
        status=answer.http_status,
        body=body or message.SerializeToString(),
        content_type=content_type,
    )
    if answer.retry_seconds is not None:
        response.headers["Retry-After"] = str(max(math.ceil(answer.retry_seconds), 1))
    if answer.challenge:
        response.headers["WWW-Authenticate"] = answer.challenge
    if answer.http_status in {401, 408, 413}:
        response.force_close()  # the rest of the body is not read
    return response
