"""Configuration of `prometheus_remote_write`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collectors.component import Config
from collectors.net.fields import Positive, QueueConfig, Url, differs
from collectors.net.http_client import HttpClientConfig
from collectors.prom.naming import ConstLabels, Namespace, ResourceLabelsConfig


class OrderedQueueConfig(QueueConfig):
    """`sending_queue`: one batch at a time, so that every series keeps its order."""

    num_consumers: Annotated[int, Field(ge=1, le=1)] = Field(
        default=1, json_schema_extra=differs("10")
    )


class RemoteWriteQueueConfig(Config):
    """`remote_write_queue`.

    Attributes:
        num_consumers: Requests under way at a time; a series always goes the same way.
    """

    num_consumers: Annotated[int, Field(ge=1, le=64)] = 5


class TargetInfoConfig(Config):
    """`target_info`: a series per target that carries its other resource attributes."""

    enabled: bool = True


class RemoteWriteConfig(HttpClientConfig):
    """Configuration of `prometheus_remote_write`.

    Attributes:
        endpoint: The whole address, ``/api/v1/write`` included.
        namespace: Put before every metric name, with an underscore.
        external_labels: Put on every series.
        max_batch_size_bytes: Longest request before compression; a single series may be longer.
        resource_constant_labels: Resource attributes that become labels; the others are on
            `target_info`.
    """

    endpoint: Url
    namespace: Namespace = ""
    external_labels: ConstLabels = Field(default_factory=dict[str, str])
    max_batch_size_bytes: Positive = 3_000_000
    remote_write_queue: RemoteWriteQueueConfig = RemoteWriteQueueConfig()
    resource_constant_labels: ResourceLabelsConfig = ResourceLabelsConfig()
    target_info: TargetInfoConfig = TargetInfoConfig()
    # A configuration is frozen, so that a narrower type can stand in for a wider one.
    sending_queue: OrderedQueueConfig = OrderedQueueConfig()  # pyright: ignore[reportIncompatibleVariableOverride]
