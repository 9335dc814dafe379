"""Configuration of `otlp`: two protocols, each on when its key is there."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import (
    MAX_REQUEST_BYTES,
    SECOND,
    Address,
    Nanoseconds,
    Positive,
    differs,
)
from collectors.net.sender import SenderConfig
from collectors.net.tls import GrpcServerTlsConfig, ServerTlsConfig


class ServerParametersConfig(Config):
    """`keepalive.server_parameters`.

    Attributes:
        max_connection_idle: A connection without a request for so long is closed; 0 never.
        max_connection_age: A connection is closed after so long; 0 never.
        max_connection_age_grace: Time that requests under way get then; 0 all they need.
        time: Time without traffic after which a client is asked whether it is there.
        timeout: Time that it has to answer.
    """

    max_connection_idle: Nanoseconds = 0
    max_connection_age: Nanoseconds = 0
    max_connection_age_grace: Nanoseconds = 0
    time: Nanoseconds = Field(default=60 * SECOND, json_schema_extra=differs("2h"))
    timeout: Nanoseconds = 20 * SECOND


class EnforcementPolicyConfig(Config):
    """`keepalive.enforcement_policy`.

    Attributes:
        min_time: A client that asks more often is sent away.
        permit_without_stream: It may ask while it has no request under way.
    """

    min_time: Nanoseconds = Field(default=10 * SECOND, json_schema_extra=differs("5m"))
    permit_without_stream: bool = Field(default=True, json_schema_extra=differs("false"))


class KeepaliveConfig(Config):
    """`keepalive` of a gRPC server."""

    server_parameters: ServerParametersConfig = ServerParametersConfig()
    enforcement_policy: EnforcementPolicyConfig = EnforcementPolicyConfig()


class GrpcConfig(SenderConfig):
    """`protocols.grpc`.

    Attributes:
        tls: Absent, connections are not encrypted.
        max_recv_msg_size_mib: Longest request, before and after decompression.
        max_concurrent_streams: Requests under way on one connection.
        max_connections: Connections at a time; more are closed at once.
    """

    endpoint: Address = "127.0.0.1:4317"
    tls: GrpcServerTlsConfig | None = None
    keepalive: KeepaliveConfig = KeepaliveConfig()
    max_recv_msg_size_mib: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64, json_schema_extra=differs("4")
    )
    max_concurrent_streams: Positive = Field(default=128, json_schema_extra=differs("(no limit)"))
    max_connections: Positive = Field(default=4096, json_schema_extra=differs("(no limit)"))


class HttpConfig(SenderConfig):
    """`protocols.http`.

    Attributes:
        tls: Absent, connections are not encrypted.
        max_request_body_size: Longest body in bytes, before and after decompression.
        read_header_timeout: Time from connecting to the end of the headers.
        read_timeout: Time for the body.
        idle_timeout: Time between two requests of a connection; the shorter of this and
            `read_header_timeout` is applied to both.
        max_connections: Connections at a time; more are closed at once.
    """

    endpoint: Address = "127.0.0.1:4318"
    tls: ServerTlsConfig | None = None
    traces_url_path: str = "/v1/traces"
    metrics_url_path: str = "/v1/metrics"
    logs_url_path: str = "/v1/logs"
    max_request_body_size: Positive = Field(
        default=MAX_REQUEST_BYTES, json_schema_extra=differs("20971520")
    )
    read_header_timeout: Nanoseconds = 60 * SECOND
    read_timeout: Nanoseconds = Field(default=30 * SECOND, json_schema_extra=differs("0s"))
    idle_timeout: Nanoseconds = 60 * SECOND
    max_connections: Positive = Field(default=4096, json_schema_extra=differs("(no limit)"))


class ProtocolsConfig(Config):
    """`protocols`: at least one."""

    grpc: GrpcConfig | None = None
    http: HttpConfig | None = None

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if self.grpc is None and self.http is None:
            msg = "must hold grpc, http or both"
            raise ValueError(msg)
        return self


class OtlpConfig(Config):
    """Configuration of `otlp`."""

    protocols: ProtocolsConfig
