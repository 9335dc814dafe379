"""From a checked configuration to what the daemon runs: factories bound to their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Final

from collectors.component import (
    ExporterFactory,
    ExtensionFactory,
    ReceiverFactory,
)
from collectors.config.model import Component, Loaded, Pipeline
from collectors.config.recipe import factory_of, graph_plan, rebuilt, recipe, used
from collectors.config.registry import Kind
from collectors.extensions.file_storage import FileStorageConfig
from collectors.net.fields import SECOND, DestinationConfig
from collectors.processors.batch import BatchConfig
from collectors.service.plan import (
    Durability,
    ExporterPlan,
    ExtensionPlan,
    OnFull,
    PipelinePlan,
    QueueSettings,
    ReceiverPlan,
    ServicePlan,
    StorageSettings,
    TelemetrySettings,
)

_ONE_TRY: Final = 0.001
"""Seconds after which a batch is given up where retrying is off: the first try is the last."""


def plan(loaded: Loaded) -> ServicePlan:
    """The plan of a configuration; components that no pipeline mentions are left out."""
    running = used(loaded)
    graph = graph_plan(running, {of.name: _pipeline(of) for of in loaded.pipelines})
    address = loaded.telemetry.address()
    return ServicePlan(
        receivers={
            item.component_id: _receiver(item) for item in running if item.kind is Kind.RECEIVERS
        },
        processors=graph.processors,
        connectors=graph.connectors,
        exporters={
            item.component_id: _exporter(item, loaded)
            for item in running
            if item.kind is Kind.EXPORTERS
        },
        extensions={
            name: _extension(loaded.components[Kind.EXTENSIONS, name]) for name in loaded.extensions
        },
        pipelines=graph.pipelines,
        storage=storage(loaded),
        telemetry=TelemetrySettings(
            metrics_host=address[0] if address else None,
            metrics_port=address[1] if address else 0,
        ),
        recipe=recipe(loaded),
        rebuild=rebuilt,
        fingerprint=hashlib.sha256(loaded.canonical.encode()).hexdigest(),
    )


def storage(loaded: Loaded) -> StorageSettings:
    """Where the logs are kept: what `file_storage` says, its defaults where it is not used."""
    configs: Mapping[str, Component] = {
        item.component_id: item for item in loaded.of(Kind.EXTENSIONS)
    }
    config = FileStorageConfig()
    for name in loaded.extensions:
        found = configs[name].config
        if isinstance(found, FileStorageConfig):
            config = found
    return StorageSettings(
        directory=config.directory.expanduser(),
        max_size_bytes=config.max_size,
        durability=Durability(config.durability),
        retain_seconds=config.retain / SECOND,
        dead_max_age_seconds=config.dead_letters_max_age / SECOND,
        decisions_max_bytes=config.decisions_max_size,
        decisions_max_age_seconds=config.decisions_max_age / SECOND,
    )


def _pipeline(pipeline: Pipeline) -> PipelinePlan:
    return PipelinePlan(
        signal=pipeline.signal,
        receivers=pipeline.receivers,
        processors=pipeline.processors,
        exporters=pipeline.exporters,
    )


def _receiver(item: Component) -> ReceiverPlan:
    factory = factory_of(item, ReceiverFactory)
    return ReceiverPlan(create=partial(factory.create, item.config))


def _extension(item: Component) -> ExtensionPlan:
    factory = factory_of(item, ExtensionFactory)
    return ExtensionPlan(create=partial(factory.create, item.config))


def _exporter(item: Component, loaded: Loaded) -> ExporterPlan:
    factory = factory_of(item, ExporterFactory)
    create = partial(factory.create, item.config)
    if not isinstance(item.config, DestinationConfig):
        return ExporterPlan(create=create)
    return ExporterPlan(create=create, queue=_queue(item.config, _batches(item, loaded)))


def _batches(item: Component, loaded: Loaded) -> list[BatchConfig]:
    """The `batch` processors of the pipelines that end in `item`."""
    processors = {of.component_id: of.config for of in loaded.of(Kind.PROCESSORS)}
    configs = [
        processors.get(name)
        for pipeline in loaded.pipelines
        if item.component_id in pipeline.exporters
        for name in pipeline.processors
    ]
    return [config for config in configs if isinstance(config, BatchConfig)]


def _queue(config: DestinationConfig, batches: list[BatchConfig]) -> QueueSettings:
    """How a destination is sent to.

    Where pipelines with different `batch` meet in one exporter, it waits as the most
    patient of them says and keeps the smallest limit.
    """
    retry, queue = config.retry_on_failure, config.sending_queue
    limits = [batch.send_batch_max_size for batch in batches if batch.send_batch_max_size]
    usual = QueueSettings()
    max_items = min(limits) if limits else usual.max_items
    wanted = max((batch.send_batch_size for batch in batches), default=0)
    return QueueSettings(
        initial_interval_seconds=retry.initial_interval / SECOND,
        multiplier=retry.multiplier,
        randomization_factor=retry.randomization_factor,
        max_interval_seconds=retry.max_interval / SECOND,
        max_elapsed_seconds=retry.max_elapsed_time / SECOND if retry.enabled else _ONE_TRY,
        num_consumers=queue.num_consumers,
        max_items=max(max_items, 1) if limits else max(usual.max_items, wanted),
        min_items=wanted,
        linger_seconds=max((batch.timeout for batch in batches), default=0) / SECOND,
        on_full=OnFull(queue.on_full),
    )
