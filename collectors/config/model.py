"""A configuration that has passed every check: components, pipelines, telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from collectors.component import Config, ProcessorFactory, Signal
from collectors.config.registry import Factory, Kind
from slo.diagnostic import Span


@dataclass(frozen=True, slots=True)
class Component:
    """One configured component.

    Attributes:
        component_id: As the file names it: ``otlp_http/backup``.
        type_name: The installed type, aliases resolved.
        place: Its key in the file.
    """

    kind: Kind
    component_id: str
    type_name: str
    config: Config
    factory: Factory
    place: Span

    @property
    def samples(self) -> bool:
        """Whether it leaves out all but a sample of what it gets."""
        factory = self.factory
        return isinstance(factory, ProcessorFactory) and factory.drops == "all but a sample"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline: ids of components, in order. Receivers and exporters may be connectors."""

    name: str
    signal: Signal
    receivers: tuple[str, ...]
    processors: tuple[str, ...]
    exporters: tuple[str, ...]
    place: Span


class LogsConfig(Config):
    """`service.telemetry.logs`: what the daemon writes to stderr."""

    level: Literal["debug", "info", "warn", "error", "DEBUG", "INFO", "WARN", "ERROR"] = "info"
    encoding: Literal["console", "json"] = "console"


class PrometheusPullConfig(Config):
    """Where the daemon's own metrics are scraped."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8888


class PullExporterConfig(Config):
    """The one exporter of own metrics that there is."""

    prometheus: PrometheusPullConfig = PrometheusPullConfig()


class PullConfig(Config):
    """A reader that is scraped."""

    exporter: PullExporterConfig = PullExporterConfig()


class ReaderConfig(Config):
    """One reader of own metrics."""

    pull: PullConfig = PullConfig()


class MetricsConfig(Config):
    """`service.telemetry.metrics`: the daemon's own metrics; `level: none` turns them off."""

    level: Literal["none", "basic", "normal", "detailed"] = "normal"
    readers: Annotated[tuple[ReaderConfig, ...], Field(max_length=1)] = (ReaderConfig(),)


class TelemetryConfig(Config):
    """`service.telemetry`."""

    logs: LogsConfig = LogsConfig()
    metrics: MetricsConfig = MetricsConfig()

    def address(self) -> tuple[str, int] | None:
        """Host and port of the daemon's own metrics; None when they are off."""
        if self.metrics.level == "none" or not self.metrics.readers:
            return None
        prometheus = self.metrics.readers[0].pull.exporter.prometheus
        return prometheus.host, prometheus.port


class PipelineConfig(Config):
    """One entry of `service.pipelines`, as written."""

    receivers: Annotated[tuple[str, ...], Field(min_length=1)]
    processors: tuple[str, ...] = ()
    exporters: Annotated[tuple[str, ...], Field(min_length=1)]


class ServiceConfig(Config):
    """`service`, as written. Each pipeline is read by itself, so that one does not hide another."""

    extensions: tuple[str, ...] = ()
    pipelines: Annotated[dict[str, object], Field(min_length=1)]
    telemetry: TelemetryConfig = TelemetryConfig()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The whole configuration.

    Attributes:
        components: By kind and id, in the order of the file.
        pipelines: In the order of the file.
        extensions: Ids, in the order in which they start.
        canonical: The merged and substituted file as JSON with sorted keys: equal
            configurations have equal text.
    """

    components: Mapping[tuple[Kind, str], Component]
    pipelines: tuple[Pipeline, ...]
    extensions: tuple[str, ...]
    telemetry: TelemetryConfig
    canonical: str

    def of(self, kind: Kind) -> tuple[Component, ...]:
        """The components of `kind`."""
        return tuple(item for item in self.components.values() if item.kind is kind)
