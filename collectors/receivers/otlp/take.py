"""What both protocols do with a request: unpack, look at it, hand it over, or say why not."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from collectors.component import Context, Intake, Refused, Rejected, Signal
from collectors.net import compression, otlp_json, status
from collectors.net.auth import Unauthenticated
from collectors.net.counts import ReceiverCounts
from collectors.net.loglines import RateLimited
from collectors.net.sender import BadSenderError
from collectors.wire import Inspected, Malformed, inspect

_log = logging.getLogger(__name__)

_MAX_IN_FLIGHT_BYTES: Final = 256 * 1024 * 1024
"""Request bytes held at a time, compressed and plain, for all connections of a receiver."""

_DECOMPRESSING: Final = 2
"""Requests decompressed at a time: each may need its limit in memory before it is known."""

_READING_JSON: Final = 1
"""JSON requests read at a time: as Python objects they are twenty times their length."""

MOST_PARTS: Final = 1 << 20
"""Resources, scopes, entries, data points, events, links, exemplars and quantiles of one request:
columns of 140 MB at most."""

_LARGE_BYTES: Final = 1024 * 1024
"""From here on a request is looked at in a worker thread, so that others are answered."""

_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told when its request was not taken.

    Attributes:
        code: gRPC code.
        http_status: The same in HTTP.
        retry_seconds: When to come again; None for never.
        challenge: How to show who one is, where that was wanting.
    """

    code: int
    http_status: int
    message: str
    retry_seconds: float | None = None
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off the wire."""

    signal: Signal
    body: bytes
    encoding: str
    is_json: bool
    context: Context


class _NotTakenError(Exception):
    """Carries the answer out of the middle of unpacking."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.reason = reason


class InFlight:
    """Bytes of requests that are being answered, bounded."""

    def __init__(self, limit_bytes: int = _MAX_IN_FLIGHT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return self._held_bytes

    def reserve(self, count: int) -> bool:
        """Whether there is room for `count` more bytes; they are the caller's to release.

        One request always finds room: it is bounded by itself.
        """
        if self._held_bytes and self._held_bytes + count > self._limit_bytes:
            return False
        self._held_bytes += count
        return True

    def release(self, count: int) -> None:
        """Give back what `reserve` gave."""
        self._held_bytes -= count


class Taker:
    """Hands requests of one receiver to the intake and counts those it cannot hand over."""

    def __init__(self, intake: Intake, in_flight: InFlight, signals: frozenset[Signal]) -> None:
        self._intake = intake
        self._signals = signals
        self._in_flight = in_flight
        self._decompressing = asyncio.Semaphore(_DECOMPRESSING)
        self._reading_json = asyncio.Semaphore(_READING_JSON)
        self._told = RateLimited(_log)

    async def take(self, request: Request, max_bytes: int, counts: ReceiverCounts) -> Answer | None:
        """None when the request is durable, else what its sender is to be told."""
        if request.signal not in self._signals:
            return self.not_taken(request, unwanted(request.signal), "no_pipeline", counts)
        try:
            payload = await self._plain(request, max_bytes)
        except _NotTakenError as problem:
            return self.not_taken(request, problem.answer, problem.reason, counts)
        extra = len(payload) if payload is not request.body else 0
        if not self._in_flight.reserve(extra):
            return self.not_taken(request, busy(), "busy", counts)
        try:
            return await self._submit(request, payload, counts)
        finally:
            self._in_flight.release(extra)

    async def _plain(self, request: Request, max_bytes: int) -> bytes:
        """The request in protobuf."""
        if request.encoding in {"", "identity"} and not request.is_json:
            return request.body
        async with self._reading_json if request.is_json else self._decompressing:
            return await asyncio.to_thread(_unpack, request, max_bytes)

    async def _submit(
        self, request: Request, payload: bytes, counts: ReceiverCounts
    ) -> Answer | None:
        try:
            if len(payload) < _LARGE_BYTES:
                inspected = inspect(request.signal, payload, MOST_PARTS)
            else:
                inspected = await asyncio.to_thread(inspect, request.signal, payload, MOST_PARTS)
        except Malformed as problem:
            answer = Answer(status.INVALID_ARGUMENT, 400, str(problem))
            return self.not_taken(request, answer, "malformed", counts)
        if inspected.items == 0:
            return None  # OTLP: an empty request is answered with success, and is nothing to keep
        return await self._hand_over(request, payload, inspected, counts)

    async def _hand_over(
        self, request: Request, payload: bytes, inspected: Inspected, counts: ReceiverCounts
    ) -> Answer | None:
        signal, items = request.signal, inspected.items
        try:
            await self._intake.submit(signal, payload, items, request.context, inspected.emitted_ns)
        except Refused as problem:
            counts.refused(signal, items)
            self._tell(request, "refused", problem.reason)
            return Answer(
                status.RESOURCE_EXHAUSTED,
                503,
                problem.reason,
                max(problem.retry_after_seconds, 0.0),
            )
        except Rejected as problem:
            counts.rejected(signal, "rejected", items)
            self._tell(request, "rejected", problem.reason)
            return Answer(status.INVALID_ARGUMENT, 400, problem.reason)
        return None

    async def too_large(self, request: Request, max_bytes: int, counts: ReceiverCounts) -> Answer:
        """Turn away a request in protobuf that was read whole and is longer than allowed.

        INVALID_ARGUMENT is never retried; the official Python exporter retries RESOURCE_EXHAUSTED,
        hint or not.
        """
        try:
            items = (await asyncio.to_thread(inspect, request.signal, request.body)).items
        except Malformed:
            items = 0
        answer = replace(too_large(max_bytes), code=status.INVALID_ARGUMENT)
        return self.not_taken(request, answer, "too_large", counts, items)

    def not_taken(
        self,
        request: Request,
        answer: Answer,
        reason: str,
        counts: ReceiverCounts,
        items: int = 0,
    ) -> Answer:
        """Count and tell that `request` got `answer`, and give the answer back.

        Args:
            request: What was not taken.
            answer: What its sender is told.
            reason: The label that it is counted under.
            counts: Of the protocol.
            items: Items inside, where they could be counted.
        """
        if answer.retry_seconds is None:
            counts.rejected(request.signal, reason, items)
        else:
            counts.refused(request.signal, 0)
        self._tell(request, reason, answer.message)
        return answer

    def _tell(self, request: Request, outcome: str, message: str) -> None:
        peer = request.context.peer
        host = peer.rpartition(":")[0] or peer
        text = f"{outcome}: {request.signal} request from {peer}: {message}"
        self._told.warn(host, text, time.monotonic())


def busy() -> Answer:
    """Too many bytes are under way."""
    text = "too many requests are being read, come again"
    return Answer(status.RESOURCE_EXHAUSTED, 503, text, _RETRY_SECONDS)


def exchanged() -> Answer:
    """Nobody answers in this moment, and too many wait already."""
    text = "the receiver is being exchanged, come again"
    return Answer(status.UNAVAILABLE, 503, text, _RETRY_SECONDS)


def too_many() -> Answer:
    """A call with several messages: OTLP has one, and a success would be said of all of them."""
    return Answer(status.INVALID_ARGUMENT, 400, "a call must hold one message, got several")


def unwanted(signal: Signal) -> Answer:
    """No pipeline takes that signal from this receiver: as if there were no such service."""
    text = f"no {signal} pipeline takes what this receiver gets"
    return Answer(status.UNIMPLEMENTED, 404, text)


def bad_sender(problem: Unauthenticated | BadSenderError) -> Answer:
    """The sender has not shown who it is, or calls itself what cannot be."""
    if isinstance(problem, BadSenderError):
        return Answer(status.INVALID_ARGUMENT, 400, str(problem))
    return Answer(status.UNAUTHENTICATED, 401, problem.reason, challenge=problem.challenge)


def too_large(max_bytes: int) -> Answer:
    """The request is longer than allowed: never to be retried, so no hint when."""
    text = f"a request must be at most {max_bytes} bytes, before and after decompression"
    return Answer(status.RESOURCE_EXHAUSTED, 413, text)


def _unpack(request: Request, max_bytes: int) -> bytes:
    """Decompress and turn JSON into protobuf; runs in a worker thread."""
    try:
        plain = compression.decompress(request.body, request.encoding, max_bytes)
    except compression.TooLargeError:
        raise _NotTakenError(too_large(max_bytes), "too_large") from None
    except compression.BrokenError as problem:
        answer = Answer(status.INVALID_ARGUMENT, 400, f"cannot decompress: {problem}")
        raise _NotTakenError(answer, "malformed") from problem
    if not request.is_json:
        return plain
    try:
        return otlp_json.to_protobuf(request.signal, plain)
    except otlp_json.NotOtlpError as problem:
        answer = Answer(status.INVALID_ARGUMENT, 400, f"not OTLP JSON: {problem}")
        raise _NotTakenError(answer, "malformed") from problem
