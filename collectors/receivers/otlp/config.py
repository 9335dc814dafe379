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


class GrpcConfig(Config):
    """`protocols.grpc`.

    Attributes:
        max_recv_msg_size_mib: Longest request, before and after decompression.
        max_concurrent_streams: Requests under way on one connection.
    """

    endpoint: Address = "127.0.0.1:4317"
    max_recv_msg_size_mib: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64, json_schema_extra=differs("4")
    )
    max_concurrent_streams: Positive = Field(default=128, json_schema_extra=differs("(no limit)"))


class HttpConfig(Config):
    """`protocols.http`.

    Attributes:
        max_request_body_size: Longest body in bytes, before and after decompression.
        read_header_timeout: Time from connecting to the end of the headers.
        read_timeout: Time for the body.
        idle_timeout: Time between two requests of a connection; the shorter of this and
            `read_header_timeout` is applied to both.
        max_connections: Connections at a time; more are closed at once.
    """

    endpoint: Address = "127.0.0.1:4318"
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
