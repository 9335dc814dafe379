"""Configuration of `prometheus`."""

from __future__ import annotations

from pydantic import Field

from collectors.component import Config
from collectors.net.fields import SECOND, Address, Nanoseconds, Positive, differs
from collectors.net.tls import ServerTlsConfig
from collectors.prom.naming import ConstLabels, Namespace, ResourceLabelsConfig


class PrometheusConfig(Config):
    """Configuration of `prometheus`.

    Attributes:
        tls: Absent, connections are not encrypted.
        namespace: Put before every metric name, with an underscore.
        const_labels: Put on every series.
        send_timestamps: Give the time of each point; off, Prometheus takes its own.
        metric_expiration: A series without a new point for so long is gone; 0 for never.
        enable_open_metrics: Answer in OpenMetrics, with exemplars, where that is asked for.
        without_scope_info: Leave out the `otel_scope_*` labels.
        resource_constant_labels: Resource attributes that become labels; the others are
            on `target_info`.
        max_series: Series held at most, and targets; a new one beyond that is left out, a
            series counted.
    """

    endpoint: Address = "127.0.0.1:8889"
    tls: ServerTlsConfig | None = None
    namespace: Namespace = ""
    const_labels: ConstLabels = Field(default_factory=dict[str, str])
    send_timestamps: bool = False
    metric_expiration: Nanoseconds = 300 * SECOND
    enable_open_metrics: bool = False
    without_scope_info: bool = Field(default=True, json_schema_extra=differs("false"))
    resource_constant_labels: ResourceLabelsConfig = ResourceLabelsConfig()
    max_series: Positive = Field(default=500_000, json_schema_extra=differs("(no limit)"))
