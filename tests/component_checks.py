"""What the contract tests say of each component: how it is configured and how it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from collectors.component import (
    Config,
    ConnectorFactory,
    ExtensionFactory,
    ProcessorFactory,
    Signal,
)
from collectors.config.registry import Kind, Registry
from collectors.testing import (
    MemoryShelf,
    check_books,
    check_extension,
    check_processor,
    settings,
)

REGISTRY = Registry.installed()
SIGNALS = tuple(Signal)
Check = Callable[[Path], Awaitable[None]]


def factory_of(kind: Kind, name: str) -> object:
    return REGISTRY.load(kind, name)


SERVICES = {
    Signal.TRACES: "trace.v1.TraceService",
    Signal.METRICS: "metrics.v1.MetricsService",
    Signal.LOGS: "logs.v1.LogsService",
}


def processor(kind: Kind, name: str, raw: Mapping[str, object], *, conserves: bool = True) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(kind, name)
        assert isinstance(factory, ProcessorFactory | ConnectorFactory)
        config: Config = factory.config.model_validate(raw)
        signals = (
            sorted(factory.signals)
            if isinstance(factory, ProcessorFactory)
            else sorted({into for into, _ in factory.routes})
        )
        around = settings(data, shelf=MemoryShelf())
        check_processor(lambda: factory.create(config, around), signals, conserves=conserves)
        check_books(lambda meter: factory.create(config, replace(around, meter=meter)), signals)

    return check


def extension(name: str, raw: Mapping[str, object]) -> Check:
    async def check(data: Path) -> None:
        factory = factory_of(Kind.EXTENSIONS, name)
        assert isinstance(factory, ExtensionFactory)
        config = factory.config.model_validate(raw)
        await check_extension(lambda: factory.create(config, settings(data)))

    return check
