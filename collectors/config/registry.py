"""Every component that is installed, found through entry points: ours and anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeAlias, TypeGuard

from collectors.component import (
    Config,
    ConnectorFactory,
    ExporterFactory,
    ExtensionFactory,
    ProcessorFactory,
    ReceiverFactory,
)

Factory: TypeAlias = (
    ReceiverFactory[Config]
    | ProcessorFactory[Config]
    | ConnectorFactory[Config]
    | ExporterFactory[Config]
    | ExtensionFactory[Config]
)


class Kind(StrEnum):
    """The sections of the YAML that hold components, and the entry-point groups."""

    RECEIVERS = "receivers"
    PROCESSORS = "processors"
    CONNECTORS = "connectors"
    EXPORTERS = "exporters"
    EXTENSIONS = "extensions"

    @property
    def one(self) -> str:
        """The word for one of them: ``receiver``."""
        return self.value.removesuffix("s")


FACTORY_TYPES: Final = {
    Kind.RECEIVERS: ReceiverFactory,
    Kind.PROCESSORS: ProcessorFactory,
    Kind.CONNECTORS: ConnectorFactory,
    Kind.EXPORTERS: ExporterFactory,
    Kind.EXTENSIONS: ExtensionFactory,
}

ALIASES: Final[Mapping[tuple[Kind, str], str]] = {
    (Kind.EXPORTERS, "otlp"): "otlp_grpc",
    (Kind.EXPORTERS, "otlphttp"): "otlp_http",
    (Kind.EXPORTERS, "prometheusremotewrite"): "prometheus_remote_write",
    (Kind.PROCESSORS, "log_dedup"): "logdedup",
    (Kind.RECEIVERS, "filelog"): "file_log",
}
"""Other spellings that the Collector's users have in their files."""


class PluginError(Exception):
    """An installed component cannot be loaded: which, and why."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The installed components.

    Attributes:
        points: Entry points by kind and type name.
    """

    points: Mapping[tuple[Kind, str], EntryPoint]

    @classmethod
    def installed(cls) -> Registry:
        """What the distributions of this environment offer; nothing is imported yet."""
        return cls(
            {
                (kind, point.name): point
                for kind in Kind
                for point in entry_points(group=f"fleetslo.{kind.value}")
            }
        )

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The type names of `kind`, sorted."""
        return tuple(sorted(name for of, name in self.points if of is kind))

    def resolve(self, kind: Kind, name: str) -> str | None:
        """The installed name that `name` means, aliases considered; None if there is none."""
        for candidate in (name, ALIASES.get((kind, name), "")):
            if (kind, candidate) in self.points:
                return candidate
        return None

    def load(self, kind: Kind, name: str) -> Factory:
        """Import the factory of `name`, a name that `resolve` gave.

        Raises:
            PluginError: Its module cannot be imported, or does not hold such a factory.
        """
        point = self.points[kind, name]
        try:
            factory: object = point.load()
        except Exception as error:
            msg = f"the {kind.one} {name} ({point.value}) cannot be loaded: {error}"
            raise PluginError(msg) from error
        if not _is_factory(factory, kind):
            wanted, got = FACTORY_TYPES[kind].__name__, type(factory).__name__
            msg = f"{point.value} must be a {wanted}, got {got}"
            raise PluginError(msg)
        return factory


def _is_factory(found: object, kind: Kind) -> TypeGuard[Factory]:
    return isinstance(found, FACTORY_TYPES[kind])
