"""A daemon inside a test: two exporters, a view, a holding processor and a connector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collectors.component import (
    Batch,
    Context,
    Delivery,
    Exporter,
    Intake,
    Processor,
    Settings,
    Signal,
    TryLater,
    View,
)
from collectors.graph import DeadWords
from collectors.log import Kind, Log, OsFileSystem, Store, StoreSettings
from collectors.service import (
    ConnectorPlan,
    ExporterPlan,
    PipelinePlan,
    ProcessorPlan,
    QueueSettings,
    ReceiverPlan,
    Service,
    ServicePlan,
    StorageSettings,
    TelemetrySettings,
)
from tests.collector_parts import Count, Hold, ScriptedExporter, TestReceiver, spans

TRACES, METRICS_SIGNAL = Signal.TRACES, Signal.METRICS
QUICK = QueueSettings(initial_interval_seconds=0.01, max_interval_seconds=0.01)


class SumView:
    """A view that knows how many items it was shown."""

    def __init__(self) -> None:
        self.items = 0
        self.is_ready = False

    def apply(self, batch: Batch) -> None:
        if b"unviewable" in batch.payload:
            msg = "cannot look at it"
            raise ValueError(msg)
        self.items += batch.items

    def snapshot(self) -> bytes:
        return str(self.items).encode()

    def restore(self, state: bytes) -> None:
        self.items = int(state)

    async def start(self) -> None:
        pass

    def ready(self) -> None:
        self.is_ready = True

    async def stop(self) -> None:
        pass


@dataclass
class Setup:
    """A daemon with two exporters, a view, a holding processor, and a connector."""

    directory: Path
    left: ScriptedExporter = field(default_factory=ScriptedExporter)
    right: ScriptedExporter = field(default_factory=ScriptedExporter)
    view: SumView = field(default_factory=SumView)
    receivers: list[TestReceiver] = field(default_factory=list)
    gate: Callable[[bytes], bytes] | None = None
    max_size_bytes: int = 8 << 20

    def receiver(self, settings: Settings, intake: Intake) -> TestReceiver:
        self.receivers.append(TestReceiver(settings, intake))
        return self.receivers[-1]

    def plan(self) -> ServicePlan:
        exporters: dict[str, Exporter | View] = {
            "left": self.left,
            "right": self.right,
            "view": self.view,
        }
        gate = self.gate

        class Gate:
            async def admit(self, signal: Signal, payload: bytes, context: Context) -> bytes:
                assert gate is not None
                return gate(payload)

        def hold(_: Settings) -> Processor:
            return Hold(2)

        return ServicePlan(
            receivers={"in": ReceiverPlan(create=self.receiver)},
            processors={
                "hold": ProcessorPlan(create=hold, gate=(lambda _: Gate()) if gate else None)
            },
            connectors={"count": ConnectorPlan(create=lambda settings: Count(settings.meter))},
            exporters={
                name: ExporterPlan(create=lambda _, made=made: made, queue=QUICK)
                for name, made in exporters.items()
            },
            extensions={},
            pipelines={
                "traces": PipelinePlan(
                    signal=TRACES, receivers=("in",), exporters=("left", "right", "view", "count")
                ),
                "traces/held": PipelinePlan(
                    signal=TRACES, receivers=("in",), processors=("hold",), exporters=("left",)
                ),
                "metrics": PipelinePlan(
                    signal=METRICS_SIGNAL, receivers=("count",), exporters=("view",)
                ),
            },
            storage=StorageSettings(
                directory=self.directory, max_size_bytes=self.max_size_bytes, retain_seconds=0
            ),
            telemetry=TelemetrySettings(metrics_port=0),
            fingerprint="f",
            grace_seconds=2.0,
        )

    async def send(self, *names: str) -> None:
        intake = self.receivers[-1].intake
        context = Context(peer="10.0.0.1:9", transport="grpc")
        await intake.submit(TRACES, spans(*names), len(names), context, (1, 1))


@asynccontextmanager
async def running(setup: Setup, plan: ServicePlan | None = None) -> AsyncGenerator[Service]:
    service = Service(plan or setup.plan())
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def dead_letters(directory: Path) -> list[tuple[str, int]]:
    log = Log(Store(OsFileSystem(), directory / "dead_letters", StoreSettings()))
    found = [
        (DeadWords.decode(r.meta).reason, r.items)
        for r in log.reader(0).read()
        if r.kind is Kind.DATA
    ]
    log.close()
    return found


def down(_: Batch) -> Delivery:
    """The answer of a destination that is away for a while."""
    msg = "down"
    raise TryLater(msg)


def buffered(service: Service) -> int:
    """Items that came in and are not decided on or delivered yet."""
    return sum(service.books.balance(kind).buffered for kind in Signal)


def imbalance(service: Service) -> int:
    """Items that nobody answers for."""
    return sum(abs(service.books.balance(kind).imbalance) for kind in Signal)
