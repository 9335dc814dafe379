"""`otlp_grpc`: sends OTLP over gRPC, and reads from the answer what is to be done next.

Source: OpenTelemetry, "OTLP Specification", OTLP/gRPC, failures and throttling.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from pydantic import AfterValidator, Field, SecretStr

from collectors.component import (
    Batch,
    Config,
    Delivery,
    ExporterFactory,
    NeverTaken,
    Settings,
    Signal,
    StartError,
    TryLater,
)
from collectors.net.auth import ClientAuthConfig, ClientAuthenticator, client_authenticator
from collectors.net.fields import SECOND, DestinationConfig, Headers, Nanoseconds, differs
from collectors.net.otlp_answer import partial_success
from collectors.net.retry_after import LONGEST_SECONDS
from collectors.net.tls import GrpcClientTlsConfig, grpc_client_credentials
from collectors.net.watch import UnusableError, Watched

METHODS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_DIVISIBLE: Final = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
)
_COMPRESSIONS: Final = {
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
    "none": grpc.Compression.NoCompression,
    "": grpc.Compression.NoCompression,
}
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024  # OTLP specification
_LONGEST_REASON: Final = 300
_MILLISECOND: Final = 1_000_000
_RECONNECT_MS: Final = 10_000
"""gRPC's own longest wait before it connects again; the daemon's backoff comes on top."""


def _bare(endpoint: str) -> str:
    return endpoint.strip().removeprefix("http://").removeprefix("https://").rstrip("/")


def _target(value: str) -> str:
    if not _bare(value):
        msg = f"must be host:port, got {value!r}"
        raise ValueError(msg)
    return value


class KeepaliveConfig(Config):
    """`keepalive`: asks a silent server whether it is there.

    Attributes:
        time: Silence after which it is asked.
        timeout: Time that it has to answer.
        permit_without_stream: Also while no request is under way.
    """

    time: Annotated[Nanoseconds, Field(ge=10 * SECOND)] = 10 * SECOND
    timeout: Nanoseconds = 20 * SECOND
    permit_without_stream: bool = False


class OtlpGrpcConfig(DestinationConfig):
    """Configuration of `otlp_grpc`.

    Attributes:
        endpoint: ``host:port``; ``http://`` before it means no TLS.
        compression: gRPC for Python has no other.
        tenant_header: Carries the tenant, where a request has one.
        wait_for_ready: Wait for a connection until `timeout`, where there is none.
    """

    endpoint: Annotated[str, AfterValidator(_target)]
    compression: Literal["gzip", "deflate", "none", ""] = "gzip"
    timeout: Annotated[Nanoseconds, Field(gt=0)] = 5 * SECOND
    headers: Headers = Field(default_factory=dict[str, SecretStr])
    tls: GrpcClientTlsConfig = GrpcClientTlsConfig()
    auth: ClientAuthConfig | None = None
    tenant_header: str = Field(default="", json_schema_extra=differs("(there are no tenants)"))
    keepalive: KeepaliveConfig | None = None
    balancer_name: Literal["round_robin", "pick_first"] = "round_robin"
    wait_for_ready: bool = False
    authority: str = ""

    def is_plain(self) -> bool:
        """Whether connections are not encrypted."""
        return self.tls.insecure or self.endpoint.startswith("http://")

    def target(self) -> str:
        """The endpoint as gRPC wants it."""
        return _bare(self.endpoint)

    def options(self) -> list[tuple[str, int | str]]:
        """The configuration in gRPC's own words."""
        balancing = f'{{"loadBalancingConfig":[{{"{self.balancer_name}":{{}}}}]}}'
        options: list[tuple[str, int | str]] = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
            ("grpc.enable_retries", 0),
            ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS),
            ("grpc.service_config", balancing),
        ]
        if self.keepalive is not None:
            options += [
                ("grpc.keepalive_time_ms", self.keepalive.time // _MILLISECOND),
                ("grpc.keepalive_timeout_ms", self.keepalive.timeout // _MILLISECOND),
                (
                    "grpc.keepalive_permit_without_calls",
                    int(self.keepalive.permit_without_stream),
                ),
            ]
        if self.authority:
            options.append(("grpc.default_authority", self.authority))
        if self.tls.server_name_override:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name_override))
        return options


class OtlpGrpcExporter:
    """Sends each batch once."""

    def __init__(self, config: OtlpGrpcConfig, settings: Settings) -> None:
        self._config = config
        self._component_id = settings.component_id
        self._authenticator: ClientAuthenticator | None = client_authenticator(
            settings, config.auth
        )
        self._credentials: Watched[grpc.ChannelCredentials] | None = None
        self._used: grpc.ChannelCredentials | None = None
        self._channel: grpc.aio.Channel | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make ready to connect; nothing is sent yet.

        Raises:
            StartError: A certificate cannot be used.
        """
        if self._channel is not None:
            return
        if not self._config.is_plain():
            try:
                self._credentials = grpc_client_credentials(self._component_id, self._config.tls)
            except UnusableError as error:
                msg = f"{self._component_id} cannot use TLS: {error}"
                raise StartError(msg) from error
        self._channel = self._open()

    async def stop(self) -> None:
        """Close the connections. Safe without start and twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
        if self._closing:
            await asyncio.gather(*self._closing)

    async def deliver(self, batch: Batch) -> Delivery:
        """Send `batch`.

        Raises:
            TryLater: No connection, no answer in time, or a code that says so.
            NeverTaken: Any other code; divisible where a part might pass.
        """
        channel = self._current()
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            METHODS[batch.signal]
        )
        try:
            answer = await call(
                batch.payload,
                timeout=self._config.timeout / SECOND,
                metadata=self._metadata(batch),
                compression=_COMPRESSIONS[self._config.compression],
                wait_for_ready=self._config.wait_for_ready,
            )
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error
        except grpc.aio.UsageError as error:  # closed while it was under way
            raise TryLater(str(error)) from error
        return partial_success(batch.signal, answer, is_json=False)

    def _current(self) -> grpc.aio.Channel:
        """The channel; another one where the certificate is another."""
        if self._channel is None:
            msg = "not started, or stopped"
            raise TryLater(msg)
        if self._credentials is not None and self._credentials.current() is not self._used:
            old, self._channel = self._channel, self._open()
            closing = asyncio.create_task(old.close(self._config.timeout / SECOND))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._channel

    def _open(self) -> grpc.aio.Channel:
        target, options = self._config.target(), self._config.options()
        if self._credentials is None:
            return grpc.aio.insecure_channel(target, options=options)
        self._used = self._credentials.current()
        return grpc.aio.secure_channel(target, self._used, options=options)

    def _metadata(self, batch: Batch) -> tuple[tuple[str, str], ...]:
        pairs = {
            name.lower(): value.get_secret_value() for name, value in self._config.headers.items()
        }
        if self._authenticator is not None:
            pairs.update(self._authenticator.credentials(batch.context))
        if self._config.tenant_header and batch.context.tenant:
            pairs[self._config.tenant_header.lower()] = batch.context.tenant
        return tuple(pairs.items())

    def _failure(self, error: grpc.aio.AioRpcError) -> TryLater | NeverTaken:
        """What the far end's code means."""
        code, said = error.code(), (error.details() or "")[:_LONGEST_REASON]
        reason = f"{self._config.endpoint} answered {code.name}{': ' if said else ''}{said}"
        hint = _hint_seconds(error)
        if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and hint is not None):
            return TryLater(reason, hint)
        return NeverTaken(reason, divisible=code in _DIVISIBLE)


def _hint_seconds(error: grpc.aio.AioRpcError) -> float | None:
    """`RetryInfo` from either of the trailers that carry it; None where there is none."""
    trailers = {
        key: value for key, value in error.trailing_metadata() or () if isinstance(value, bytes)
    }
    info, own = RetryInfo(), trailers.get("google.rpc.retryinfo-bin")
    try:
        if own is not None:
            info.ParseFromString(own)
        else:
            status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
            if not any(detail.Unpack(info) for detail in status.details):
                return None
    except DecodeError:
        return None
    delay = info.retry_delay
    seconds: float = delay.seconds + delay.nanos / SECOND
    return min(max(seconds, 0.0), LONGEST_SECONDS)


FACTORY = ExporterFactory(config=OtlpGrpcConfig, create=OtlpGrpcExporter, signals=frozenset(Signal))
