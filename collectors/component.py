"""The seam between the daemon and its components, ours and anybody's.

How data moves, and who answers for it:

1. A receiver hands a request to `Intake.submit`. When that returns, the request is on
   disk (fsynced, unless the user chose `durability: os`) and the daemon answers for it.
2. Processors and connectors see the durable part of the inbox only, in order. They are
   synchronous and pure: what they put out depends on what they were given, on their
   configuration, and on nothing else. No clock, no randomness, no files.
3. What leaves the graph is written to the outbox. Exporters read it, each at its own
   cursor, and a cursor moves only past what was delivered or dead-lettered.

A component is a config that cannot be wrong and a class that does one thing. Its
`Factory` is found through an entry point; components never import each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from collectors.waiting import Shelf


class Signal(StrEnum):
    """What kind of telemetry a payload is; the values are the pipeline names in YAML."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Context:
    """Who sent a request: kept with it to the far end.

    Attributes:
        tenant: Whose quota it counts against; empty for the default tenant.
        peer: Address of the sender, for log lines and fair shares.
        headers: Kept request headers, sorted, lower case.
        transport: ``grpc`` or ``http``: a label of the receiver's counters, not kept.
    """

    tenant: str = ""
    peer: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    transport: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """One serialized OTLP export request, immutable and shared.

    Attributes:
        payload: `Export{Trace,Metrics,Logs}ServiceRequest` in protobuf. Two payloads of a
            signal, concatenated, are a valid merge of them.
        items: Spans, metric data points or log records inside.
        steady_ns: Monotonic time of acceptance; serves every wait, window and bucket.
        wall_ns: Unix time of acceptance; serves timestamps and lag only.
        origin: Inbox offset of these very bytes; None where a component made or edited them.
    """

    signal: Signal
    payload: bytes
    items: int
    context: Context
    steady_ns: int
    wall_ns: int
    origin: int | None = field(default=None, compare=False)


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """Full, throttled or shutting down: offer the same again after `retry_after_seconds`."""

    def __init__(self, reason: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Rejected(Exception):  # noqa: N818 - a rejection is an answer, not an error
    """This will never be taken: malformed, too large, or refused for good."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Intake(Protocol):
    """Where a receiver puts what it got."""

    async def submit(
        self,
        signal: Signal,
        payload: bytes,
        items: int,
        context: Context,
        emitted_ns: tuple[int, int] | None = None,
    ) -> None:
        """Take over one validated request.

        Returning means it is durable and counted. The caller may forget it.

        Args:
            signal: What `payload` is.
            payload: The request in protobuf, as `collectors.wire.inspect` found it sound.
            items: Items inside, as `inspect` counted them.
            context: Who sent it.
            emitted_ns: Unix times of its oldest and newest item as `inspect` tells them,
                for the ingest lag; None where unknown.

        Raises:
            Refused: Nothing was taken; the sender should come again.
            Rejected: Nothing was taken, and never will be.
        """
        ...


class Gate(Protocol):
    """What acts at admission, before the inbox: a memory limit, a redaction."""

    async def admit(self, signal: Signal, payload: bytes, context: Context) -> bytes:
        """Return the payload to be kept: `payload` itself, or an edited one of as many items.

        Raises:
            Refused: Nothing was taken; the sender should come again.
            Rejected: Nothing was taken, and never will be.
        """
        ...


class Receiver(Protocol):
    """Where data enters. Counts `refused` and `rejected`; `Intake` counts `accepted`."""

    async def start(self) -> None:
        """Listen. Returning means that a client can connect.

        Raises:
            StartError: The address cannot be used; says which and why.
        """
        ...

    async def stop(self) -> None:
        """Take nothing new, finish what is being answered. Safe without start and twice."""
        ...


class StartError(Exception):
    """A component cannot start: one clear line for the person at the terminal."""


Emit = Callable[[Batch], None]


class Processor(Protocol):
    """A deterministic step of a pipeline.

    `step` may put out any number of batches, now or at a later tick. State that it keeps
    in between is covered by `snapshot`, bytes that `restore` understands.
    """

    def step(self, batch: Batch, out: Emit) -> None:
        """Take `batch` over. Raising sends it to dead letters with state unchanged."""
        ...

    def tick(self, steady_ns: int, out: Emit) -> None:
        """The steady time has come; called only when `next_deadline` has passed."""
        ...

    def next_deadline(self) -> int | None:
        """Steady nanoseconds at which `tick` is wanted; None while nothing waits."""
        ...

    def held_items(self) -> int:
        """Items taken over and neither put out nor counted away: for the books."""
        ...

    def snapshot(self) -> bytes:
        """All state, such that `restore` of it continues as if nothing had happened."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the far end said about a batch: `rejected` of its items it will never take."""

    rejected_items: int = 0
    message: str = ""


class TryLater(Exception):  # noqa: N818 - an answer of the far end, not an error of ours
    """The far end cannot take it now; `retry_after_seconds` is its own hint, if it gave one."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class NeverTaken(Exception):  # noqa: N818 - an answer of the far end, not an error of ours
    """The far end will not take this batch. `divisible`: a smaller part of it might pass."""

    def __init__(self, reason: str, *, divisible: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.divisible = divisible


class Exporter(Protocol):
    """A sink that sends. The daemon retries, merges, bisects and counts; this only sends."""

    async def start(self) -> None:
        """Open what is needed. The far end may be down: that is no error here."""
        ...

    async def deliver(self, batch: Batch) -> Delivery:
        """Send once. Returning means that the far end answers for all but `rejected_items`.

        Raises:
            TryLater: Send the same again later.
            NeverTaken: Do not send this again.
        """
        ...

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        ...


class View(Protocol):
    """A sink that is looked at: delivered means applied. Its state is in the snapshot.

    `apply`, `snapshot` and `restore` are called in the graph's thread, the others on the
    event loop: what both touch needs a lock.
    """

    def apply(self, batch: Batch) -> None:
        """Fold `batch` into the state; deterministic. Raising dead-letters it, state unchanged."""
        ...

    def snapshot(self) -> bytes:
        """All state."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        ...

    async def start(self) -> None:
        """Serve; answers 503 until `ready` was called."""
        ...

    def ready(self) -> None:
        """The replay has reached the end that was found at start: answer in full."""
        ...

    async def stop(self) -> None:
        """Close. Safe without start and twice."""
        ...


class Extension(Protocol):
    """Something beside the pipelines: health, storage, authentication."""

    async def start(self, host: Host) -> None:
        """Begin; `host` tells about the daemon."""
        ...

    async def stop(self) -> None:
        """End. Safe without start and twice."""
        ...


class Host(Protocol):
    """What an extension may ask of the daemon."""

    def is_ready(self) -> bool:
        """Receivers listen, the replay is through, the disk is writable."""
        ...


class Config(BaseModel):
    """Base of every component's configuration: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


ConfigT = TypeVar("ConfigT", bound=Config)


class Meter(Protocol):
    """Counts for the books and for `/metrics`. Names are given once, in `collectors.service`."""

    def add(self, name: str, value: int, **labels: str) -> None:
        """Add `value` to a counter."""
        ...

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        """Record `count` observations of `value` in a histogram."""
        ...

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge; or, by a processor, a counter (``..._total``) to a total in its state.

        Labels have any names; NaN takes a gauge away. Such totals are shown once the replay is
        through, added up over all pipelines: no scrape sees one fall.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What the daemon hands to a factory beside the configuration.

    Attributes:
        component_id: ``type`` or ``type/name``, as in the YAML.
        signals: The kinds of pipeline that use the component.
        extensions: Built extensions by id, for `auth: {authenticator: id}`.
        data: Directory below which the component may keep files.
        shelf: For processors whose items wait on disk; None for all others.
    """

    component_id: str
    signals: Sequence[Signal]
    meter: Meter
    data: Path
    extensions: Mapping[str, Extension] = field(default_factory=dict[str, Extension])
    shelf: Shelf | None = None


@dataclass(frozen=True, slots=True)
class ReceiverFactory(Generic[ConfigT]):
    """Makes receivers of one type."""

    config: type[ConfigT]
    create: Callable[[ConfigT, Settings, Intake], Receiver]
    signals: frozenset[Signal]


@dataclass(frozen=True, slots=True)
class ProcessorFactory(Generic[ConfigT]):
    """Makes processors of one type.

    Attributes:
        admission: It acts before the inbox and must lead every pipeline of its receiver;
            `create` then returns a pass-through.
        gate: Makes what acts there; set if and only if `admission` is.
        counts: What a configuration counts: no two pipelines that an item passes may both.
        drops: What it leaves out by decision; what counts must stand before it.
        waits: Its items wait on disk: it gets a shelf, and what it makes is `Waiting`.
    """

    config: type[ConfigT]
    create: Callable[[ConfigT, Settings], Processor]
    signals: frozenset[Signal]
    admission: bool = False
    gate: Callable[[ConfigT, Settings], Gate] | None = None
    counts: Callable[[ConfigT], Sequence[str]] | None = None
    drops: Literal["", "what matches", "all but a sample"] = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ConnectorFactory(Generic[ConfigT]):
    """Makes connectors: the exporter of one pipeline and the receiver of another.

    Attributes:
        counts: As in `ProcessorFactory`.
    """

    config: type[ConfigT]
    create: Callable[[ConfigT, Settings], Processor]
    routes: frozenset[tuple[Signal, Signal]]
    counts: Callable[[ConfigT], Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class ExporterFactory(Generic[ConfigT]):
    """Makes exporters, or views, of one type."""

    config: type[ConfigT]
    create: Callable[[ConfigT, Settings], Exporter | View]
    signals: frozenset[Signal]


@dataclass(frozen=True, slots=True)
class ExtensionFactory(Generic[ConfigT]):
    """Makes extensions of one type."""

    config: type[ConfigT]
    create: Callable[[ConfigT, Settings], Extension]
