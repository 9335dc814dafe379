"""What the daemon is told to be: a configuration, resolved, with nothing left to look up.

The configuration loader makes a `ServicePlan`; `collectors.service.runtime` makes it run.
Factories and their configurations are bound already, so that this module knows no type of
component and the loader knows no thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from collectors.component import (
    Exporter,
    Extension,
    Gate,
    Intake,
    Processor,
    Receiver,
    Settings,
    Signal,
    View,
)

KIBI = 1024
MEBI = 1024 * KIBI
GIBI = 1024 * MEBI


class PlanError(ValueError):
    """A value of a plan that cannot be: a mistake of the code that made the plan."""


class Durability(StrEnum):
    """What an acknowledgement stands for: on the disk, or with the operating system."""

    FSYNC = "fsync"
    OS = "os"


class OnFull(StrEnum):
    """What a destination that fills the disk does to the rest: hold it up, or give way."""

    REFUSE = "refuse"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How one destination is sent to: `sending_queue` and `retry_on_failure` of its exporter.

    Attributes:
        initial_interval_seconds: Wait after the first failure, >= 0.
        multiplier: Growth of the wait per failure, >= 1.
        randomization_factor: Share of the wait that is drawn by lot, 0 to 1.
        max_interval_seconds: Longest wait, unless the far end asks for a longer one.
        max_elapsed_seconds: Give a batch up to dead letters after so long; 0 is never.
        num_consumers: Requests in flight at once; 1 keeps the order.
        max_items: Most items of a merged request; a single larger one is sent as it is.
        max_bytes: Largest merged request.
        min_items: Wait up to `linger_seconds` for so many before sending less.
        linger_seconds: See `min_items`; 0 sends what there is.
    """

    initial_interval_seconds: float = 5.0
    multiplier: float = 1.5
    randomization_factor: float = 0.5
    max_interval_seconds: float = 30.0
    max_elapsed_seconds: float = 0.0
    num_consumers: int = 10
    max_items: int = 8192
    max_bytes: int = 4 * MEBI
    min_items: int = 0
    linger_seconds: float = 0.0
    on_full: OnFull = OnFull.REFUSE

    def __post_init__(self) -> None:
        _at_least("initial_interval_seconds", self.initial_interval_seconds, 0.0)
        _at_least("multiplier", self.multiplier, 1.0)
        _at_least("max_interval_seconds", self.max_interval_seconds, 0.0)
        _at_least("max_elapsed_seconds", self.max_elapsed_seconds, 0.0)
        _at_least("num_consumers", self.num_consumers, 1)
        _at_least("max_items", self.max_items, 1)
        _at_least("max_bytes", self.max_bytes, 1)
        if not 0.0 <= self.randomization_factor <= 1.0:
            msg = f"randomization_factor must be between 0 and 1, got {self.randomization_factor}"
            raise PlanError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Where and how the logs are kept: `file_storage`.

    Attributes:
        directory: Of the daemon alone; inbox, outbox, dead_letters and state live below it.
        max_size_bytes: Budget of all logs together; None is the lesser of 10 GiB and half
            of the free space found at start.
        retain_seconds: How long finished segments of the inbox stay, budget permitting.
        segment_bytes: Size of a segment; None derives it from the budget and the disk.
        dead_max_age_seconds: After how long dead letters are let go; 0 is never.
        decisions_max_bytes: Of the decision log; None is the lesser of 256 MiB and a part of
            the budget.
        decisions_max_age_seconds: After how long decisions are let go; 0 is never.
    """

    directory: Path
    max_size_bytes: int | None = None
    durability: Durability = Durability.FSYNC
    retain_seconds: float = 3600.0
    segment_bytes: int | None = None
    dead_max_age_seconds: float = 0.0
    decisions_max_bytes: int | None = None
    decisions_max_age_seconds: float = 86400.0

    def __post_init__(self) -> None:
        if self.max_size_bytes is not None:
            _at_least("max_size_bytes", self.max_size_bytes, MEBI)
        _at_least("retain_seconds", self.retain_seconds, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Where the daemon's own metrics are served: `service.telemetry.metrics`.

    Attributes:
        metrics_host: Address to listen at; None serves nothing.
        metrics_port: 0 picks a free one, which `Service.metrics_port` then tells.
    """

    metrics_host: str | None = "127.0.0.1"
    metrics_port: int = 8888


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverPlan:
    """A receiver: its factory's `create` with the configuration bound."""

    create: Callable[[Settings, Intake], Receiver]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorPlan:
    """A processor, made once per pipeline that uses it.

    Attributes:
        gate: Set if it acts at admission (`memory_limiter`, `redaction`): made once, asked
            for every request of the receivers whose pipelines it leads.
        waits: Its items wait on disk; it is given a shelf.
    """

    create: Callable[[Settings], Processor]
    gate: Callable[[Settings], Gate] | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorPlan:
    """A connector, made once; what it emits goes to the pipelines of that signal it feeds."""

    create: Callable[[Settings], Processor]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterPlan:
    """A destination and how it is sent to. A view has no queue: it is applied at once."""

    create: Callable[[Settings], Exporter | View]
    queue: QueueSettings = field(default_factory=QueueSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionPlan:
    """An extension: its factory's `create` with the configuration bound."""

    create: Callable[[Settings], Extension]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePlan:
    """One pipeline; ids as in the YAML, a connector's among receivers and exporters."""

    signal: Signal
    receivers: tuple[str, ...]
    processors: tuple[str, ...] = ()
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPlan:
    """The part of a plan that decides what becomes of a record: all that a replay needs."""

    processors: Mapping[str, ProcessorPlan]
    connectors: Mapping[str, ConnectorPlan]
    pipelines: Mapping[str, PipelinePlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """Everything that the daemon is, by component id (``type`` or ``type/name``).

    Attributes:
        extensions: In the order of `service.extensions`, which is the order of their start.
        pipelines: By ``signal`` or ``signal/name``.
        fingerprint: Changes whenever the configuration does; with the version of the
            software it says under what a record was processed.
        recipe: Text that tells of the plan's graph; it is kept as long as records that were
            taken under it may be replayed.
        rebuild: Makes the graph that a recipe tells of, raises whatever keeps it from that;
            None where plans have no recipes.
        grace_seconds: Time that exporters get for what is on its way when the daemon stops.
    """

    receivers: Mapping[str, ReceiverPlan]
    processors: Mapping[str, ProcessorPlan]
    connectors: Mapping[str, ConnectorPlan]
    exporters: Mapping[str, ExporterPlan]
    extensions: Mapping[str, ExtensionPlan]
    pipelines: Mapping[str, PipelinePlan]
    storage: StorageSettings
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    fingerprint: str = ""
    recipe: str = ""
    rebuild: Callable[[str], GraphPlan] | None = None
    grace_seconds: float = 5.0

    def waits_in(self, pipeline: str) -> bool:
        """Whether items of `pipeline` wait on disk."""
        return any(self.processors[of].waits for of in self.pipelines[pipeline].processors)


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        msg = f"{name} must be at least {least}, got {value}"
        raise PlanError(msg)
