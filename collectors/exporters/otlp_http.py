"""`otlp_http`: sends OTLP over HTTP, and reads from the answer what is to be done next.

Source: OpenTelemetry, "OTLP Specification", OTLP/HTTP, responses and throttling.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

import aiohttp
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic import Field, SecretStr, model_validator

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
from collectors.net.fields import SECOND, DestinationConfig, Headers, Nanoseconds, Url
from collectors.net.otlp_json import NotOtlpError, to_json
from collectors.net.retry_after import retry_after_seconds

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})  # 408: a proxy's word, not OTLP's
_DIVISIBLE: Final = frozenset({400, 413})
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024  # OTLP specification
_LARGE_BYTES: Final = 64 * 1024
_LONGEST_REASON: Final = 300

_RESPONSES: Final = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
}


class OtlpHttpConfig(DestinationConfig):
    """Configuration of `otlp_http`: `endpoint`, or one for each signal.

    Attributes:
        endpoint: Base address; ``/v1/traces`` and so on are added.
        traces_endpoint: The whole address for one signal, over `endpoint`.
        timeout: Longest wait for an answer.
    """

    endpoint: Url | None = None
    traces_endpoint: Url | None = None
    metrics_endpoint: Url | None = None
    logs_endpoint: Url | None = None
    encoding: Literal["proto", "json"] = "proto"
    compression: Literal["gzip", "zstd", "deflate", "none", ""] = "gzip"
    timeout: Annotated[Nanoseconds, Field(gt=0)] = 30 * SECOND
    headers: Headers = Field(default_factory=dict[str, SecretStr])

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

    def __init__(self, config: OtlpHttpConfig, wall: Callable[[], datetime]) -> None:
        self._config = config
        self._wall = wall
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make ready to connect; nothing is sent yet."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._config.sending_queue.num_consumers, keepalive_timeout=60.0
                ),
                timeout=aiohttp.ClientTimeout(total=self._config.timeout / SECOND),
                headers={
                    name: value.get_secret_value() for name, value in self._config.headers.items()
                },
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            )

    async def stop(self) -> None:
        """Close the connections. Safe without start and twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

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
        if self._session is None:
            msg = "not started, or stopped"
            raise TryLater(msg)
        body = await self._body(batch)
        # A large body is handed over in pieces, so that one does not hold up all others.
        data = io.BytesIO(body) if len(body) >= _LARGE_BYTES else body
        try:
            async with self._session.post(
                url, data=data, headers=self._headers(), allow_redirects=False
            ) as response:
                answer = await _read(response)
                return self._outcome(batch.signal, response, answer)
        except TimeoutError as error:
            msg = f"{url} did not answer within {self._config.timeout / SECOND:g} s"
            raise TryLater(msg) from error
        except (aiohttp.ClientError, OSError) as error:
            msg = f"{url}: {str(error) or type(error).__name__}"
            raise TryLater(msg) from error

    async def _body(self, batch: Batch) -> bytes:
        if len(batch.payload) >= _LARGE_BYTES:
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

    def _outcome(self, signal: Signal, response: aiohttp.ClientResponse, answer: bytes) -> Delivery:
        code = response.status
        if 200 <= code < 300:
            return _partial_success(signal, response.content_type, answer)
        reason = f"{response.url} answered {code}{_why(response.content_type, answer)}"
        if code in _RETRYABLE:
            hint = retry_after_seconds(response.headers.get("Retry-After"), self._wall())
            raise TryLater(reason, hint)
        if 300 <= code < 400:
            # A redirect is a mistake in the address: what waits is kept until it is put right.
            msg = f"{reason}, it points to {response.headers.get('Location', 'nowhere')!r}"
            raise TryLater(msg)
        raise NeverTaken(reason, divisible=code in _DIVISIBLE)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer's body as far as it is allowed to go."""
    parts: list[bytes] = []
    left = _MAX_ANSWER_BYTES
    while left > 0 and (part := await response.content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _partial_success(signal: Signal, content_type: str, answer: bytes) -> Delivery:
    """What of the batch the far end will never take. An unreadable answer is a plain yes."""
    message = _RESPONSES[signal]()
    try:
        if content_type == _JSON:
            Parse(answer or b"{}", message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(answer)
    except (ParseError, DecodeError, ValueError):
        return Delivery()
    said = message.partial_success
    if isinstance(message, ExportTraceServiceResponse):
        rejected = message.partial_success.rejected_spans
    elif isinstance(message, ExportMetricsServiceResponse):
        rejected = message.partial_success.rejected_data_points
    else:
        rejected = message.partial_success.rejected_log_records
    return Delivery(max(rejected, 0), said.error_message)


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


def _create(config: OtlpHttpConfig, _settings: Settings) -> OtlpHttpExporter:
    return OtlpHttpExporter(config, lambda: datetime.now(UTC))


FACTORY = ExporterFactory(config=OtlpHttpConfig, create=_create, signals=frozenset(Signal))
