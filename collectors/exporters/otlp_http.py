"""`otlp_http`: sends OTLP over HTTP, and reads from the answer what is to be done next.

Source: OpenTelemetry, "OTLP Specification", OTLP/HTTP, responses and throttling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, Self

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from pydantic import model_validator

from collectors.component import (
    Batch,
    Delivery,
    ExporterFactory,
    NeverTaken,
    Settings,
    Signal,
    TryLater,
)
from collectors.net.compression import compress
from collectors.net.fields import Url
from collectors.net.http_client import HttpAnswer, HttpClient, HttpClientConfig
from collectors.net.otlp_answer import partial_success
from collectors.net.otlp_json import NotOtlpError, to_json
from collectors.net.retry_after import retry_after_seconds

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})  # 408: a proxy's word, not OTLP's
_DIVISIBLE: Final = frozenset({400, 413})
_LARGE_BYTES: Final = 64 * 1024
_LONGEST_REASON: Final = 300


class OtlpHttpConfig(HttpClientConfig):
    """Configuration of `otlp_http`: `endpoint`, or one for each signal.

    Attributes:
        endpoint: Base address; ``/v1/traces`` and so on are added.
        traces_endpoint: The whole address for one signal, over `endpoint`.
    """

    endpoint: Url | None = None
    traces_endpoint: Url | None = None
    metrics_endpoint: Url | None = None
    logs_endpoint: Url | None = None
    encoding: Literal["proto", "json"] = "proto"
    compression: Literal["gzip", "zstd", "deflate", "none", ""] = "gzip"

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if not any(self.url(signal) for signal in Signal):
            msg = "must have endpoint, or traces_endpoint, metrics_endpoint or logs_endpoint"
            raise ValueError(msg)
        return self

    def url(self, signal: Signal) -> str | None:
        """Where `signal` is sent; None where the configuration names no place for it."""
        own = {
            Signal.TRACES: self.traces_endpoint,
            Signal.METRICS: self.metrics_endpoint,
            Signal.LOGS: self.logs_endpoint,
        }[signal]
        return own or (f"{self.endpoint}/v1/{signal}" if self.endpoint else None)


class OtlpHttpExporter:
    """Sends each batch once.

    Attributes:
        wall: The wall clock, for `Retry-After` dates.
    """

    def __init__(
        self, config: OtlpHttpConfig, client: HttpClient, wall: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._client = client
        self._wall = wall

    async def start(self) -> None:
        """Make ready to connect; nothing is sent yet.

        Raises:
            StartError: A certificate cannot be used.
        """
        await self._client.start()

    async def stop(self) -> None:
        """Close the connections. Safe without start and twice."""
        await self._client.stop()

    async def deliver(self, batch: Batch) -> Delivery:
        """Send `batch`.

        Raises:
            TryLater: No connection, no answer in time, or a code that says so.
            NeverTaken: Any other code; divisible for 400 and 413.
        """
        url = self._config.url(batch.signal)
        if url is None:
            msg = f"no endpoint for {batch.signal} is configured"
            raise NeverTaken(msg)
        body = await self._body(batch)
        answer = await self._client.post(url, body, self._headers(), batch.context)
        return self._outcome(batch.signal, answer)

    async def _body(self, batch: Batch) -> bytes:
        is_work = self._config.compression != "none" or self._config.encoding == "json"
        if is_work and len(batch.payload) >= _LARGE_BYTES:
            return await asyncio.to_thread(self._encode, batch)
        return self._encode(batch)

    def _encode(self, batch: Batch) -> bytes:
        data = batch.payload
        if self._config.encoding == "json":
            try:
                data = to_json(batch.signal, data).encode()
            except NotOtlpError as error:
                raise NeverTaken(str(error), divisible=True) from error
        compression = self._config.compression
        return data if compression == "none" else compress(data, compression)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": _JSON if self._config.encoding == "json" else _PROTOBUF}
        if self._config.compression not in {"none", ""}:
            headers["Content-Encoding"] = self._config.compression
        return headers

    def _outcome(self, signal: Signal, answer: HttpAnswer) -> Delivery:
        code = answer.status
        if 200 <= code < 300:
            return partial_success(signal, answer.body, is_json=answer.content_type == _JSON)
        reason = f"{answer.url} answered {code}{_why(answer.content_type, answer.body)}"
        if code in _RETRYABLE:
            hint = retry_after_seconds(answer.headers.get("Retry-After"), self._wall())
            raise TryLater(reason, hint)
        if 300 <= code < 400:
            # A redirect is a mistake in the address: what waits is kept until it is put right.
            msg = f"{reason}, it points to {answer.headers.get('Location', 'nowhere')!r}"
            raise TryLater(msg)
        raise NeverTaken(reason, divisible=code in _DIVISIBLE)


def _why(content_type: str, answer: bytes) -> str:
    """What the body says about the refusal, as the end of a sentence."""
    message = Status()
    text = ""
    try:
        if content_type == _JSON:
            Parse(answer, message, ignore_unknown_fields=True)
            text = message.message
        elif content_type == _PROTOBUF:
            message.ParseFromString(answer)
            text = message.message
    except (ParseError, DecodeError, ValueError):
        pass
    if not text and content_type.startswith("text/"):
        text = answer[:_LONGEST_REASON].decode("utf-8", "replace").strip()
    return f": {text[:_LONGEST_REASON]}" if text else ""


def _create(config: OtlpHttpConfig, settings: Settings) -> OtlpHttpExporter:
    return OtlpHttpExporter(config, HttpClient(config, settings), lambda: datetime.now(UTC))


FACTORY = ExporterFactory(config=OtlpHttpConfig, create=_create, signals=frozenset(Signal))
