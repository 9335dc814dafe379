"""What decides what becomes of a record, as text: kept with the data, for a later replay.

A recipe holds processors, connectors and pipelines, references replaced, and no receiver, exporter
or extension: a replay listens to nobody, sends nothing and needs none of their secrets. Nor does
it hold a processor's own: what admission keeps out with them came to nobody's replay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, TypeVar, cast

from pydantic import BaseModel, SecretStr

from collectors.component import (
    Config,
    ConnectorFactory,
    ExporterFactory,
    ExtensionFactory,
    ProcessorFactory,
    ReceiverFactory,
    Signal,
)
from collectors.config.model import Component, Loaded
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Plain
from collectors.config.validate import built
from collectors.service.plan import ConnectorPlan, GraphPlan, PipelinePlan, ProcessorPlan
from slo.diagnostic import Span

_NOWHERE: Final = Span("", 1, 1, 1)
_KINDS: Final = (Kind.PROCESSORS, Kind.CONNECTORS)
_PIPELINES: Final = "pipelines"
_REMOVED: Final = "removed"
_ROLES: Final = ("receivers", "processors", "exporters")


def recipe(loaded: Loaded) -> str:
    """The graph of a configuration as text that `rebuilt` reads."""
    sections: dict[str, dict[str, Plain]] = json.loads(loaded.canonical)
    words: dict[str, object] = {
        kind.value: {
            item.component_id: [
                item.type_name,
                _without_secrets(item.config, sections[kind.value][item.component_id]),
            ]
            for item in used(loaded)
            if item.kind is kind
        }
        for kind in _KINDS
    }
    words[_PIPELINES] = {
        of.name: [of.signal, of.receivers, of.processors, of.exporters] for of in loaded.pipelines
    }
    return json.dumps(words, sort_keys=True)


def _without_secrets(config: BaseModel, value: Plain) -> Plain:
    """`value`, of which `config` was made, with other words in the place of each secret."""
    if not isinstance(value, dict):
        return value
    open_words = dict(value)
    for name, field in type(config).model_fields.items():
        key, made = field.alias or name, cast("object", getattr(config, name))
        if key not in value:
            continue
        if isinstance(made, SecretStr) and made.get_secret_value():
            open_words[key] = _REMOVED
        elif isinstance(made, BaseModel):
            open_words[key] = _without_secrets(made, value[key])
    return open_words


def rebuilt(text: str) -> GraphPlan:
    """The graph that `recipe` told of; raises what `recalled` raises."""
    return graph_plan(*recalled(text))


def recalled(text: str) -> tuple[list[Component], dict[str, PipelinePlan]]:
    """The components and pipelines that `recipe` told of.

    Raises:
        ValueError: It is no recipe, a component is not installed, or its configuration is not
            allowed any more.
        PluginError: A component cannot be loaded.
    """
    words = cast("dict[str, dict[str, list[Plain]]]", json.loads(text))
    registry = Registry.installed()
    components = [
        _component(registry, kind, component_id, str(type_name), value)
        for kind in _KINDS
        for component_id, (type_name, value) in words[kind.value].items()
    ]
    pipelines: dict[str, PipelinePlan] = {}
    for name, (signal, *lists) in words[_PIPELINES].items():
        ids = [tuple(cast("list[str]", of)) for of in lists]
        roles = dict(zip(_ROLES, ids, strict=True))
        pipelines[name] = PipelinePlan(signal=Signal(str(signal)), **roles)
    return components, pipelines


def graph_plan(components: Iterable[Component], pipelines: Mapping[str, PipelinePlan]) -> GraphPlan:
    """Processors and connectors among `components` with their values bound, in `pipelines`."""
    every = tuple(components)
    return GraphPlan(
        processors={
            item.component_id: _processor(item) for item in every if item.kind is Kind.PROCESSORS
        },
        connectors={
            item.component_id: ConnectorPlan(
                create=partial(factory_of(item, ConnectorFactory).create, item.config)
            )
            for item in every
            if item.kind is Kind.CONNECTORS
        },
        pipelines=pipelines,
    )


def used(loaded: Loaded) -> tuple[Component, ...]:
    """The components that run: a pipeline, or for extensions the service, mentions them."""
    named = {(Kind.EXTENSIONS, component_id) for component_id in loaded.extensions}
    for pipeline in loaded.pipelines:
        named |= {(Kind.PROCESSORS, component_id) for component_id in pipeline.processors}
        for kind, ids in (
            (Kind.RECEIVERS, pipeline.receivers),
            (Kind.EXPORTERS, pipeline.exporters),
        ):
            named |= {(of, component_id) for of in (kind, Kind.CONNECTORS) for component_id in ids}
    return tuple(item for key, item in loaded.components.items() if key in named)


def _component(
    registry: Registry, kind: Kind, component_id: str, type_name: str, value: Plain
) -> Component:
    resolved = registry.resolve(kind, type_name)
    if resolved is None:
        msg = f"no {kind.one} named {type_name} is installed any more"
        raise ValueError(msg)
    factory = registry.load(kind, resolved)
    model: type[Config] = factory.config
    return Component(kind, component_id, resolved, built(model, value), factory, _NOWHERE)


def _processor(item: Component) -> ProcessorPlan:
    factory = factory_of(item, ProcessorFactory)
    gate = partial(factory.gate, item.config) if factory.gate is not None else None
    create = partial(factory.create, item.config)
    return ProcessorPlan(create=create, gate=gate, waits=factory.waits)


FactoryT = TypeVar(
    "FactoryT",
    ReceiverFactory[Config],
    ProcessorFactory[Config],
    ConnectorFactory[Config],
    ExporterFactory[Config],
    ExtensionFactory[Config],
)


def factory_of(item: Component, kind: type[FactoryT]) -> FactoryT:
    """The factory of `item`, which the registry has found to be of its kind."""
    if not isinstance(item.factory, kind):
        msg = f"{item.component_id} has a {type(item.factory).__name__}"
        raise TypeError(msg)
    return item.factory
