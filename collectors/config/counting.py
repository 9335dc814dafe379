"""What counts must see every item once: not twice on its way, and not what a sampler left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.component import ConnectorFactory, ProcessorFactory, Signal
from collectors.config import tree
from collectors.config.model import Component, Loaded, Pipeline
from collectors.config.problems import Code, error, warning
from collectors.config.registry import Kind
from slo import source
from slo.diagnostic import Diagnostic, Span


def counting(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    """Everything that would be counted twice (an error), or too late (a warning)."""
    yield from _twice(loaded, root)
    yield from _late(loaded, root)


def _twice(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    receivers = sorted({name for of in loaded.pipelines for name in of.receivers})
    told: set[tuple[str, str, str]] = set()
    for receiver in receivers:
        if (Kind.CONNECTORS, receiver) in loaded.components:
            continue
        seen: dict[tuple[str, str], str] = {}
        for signal, pipeline, component_id, name, place in _counters(loaded, root, receiver):
            where = f"{component_id} in {pipeline.name}"
            first = seen.setdefault((signal, name), where)
            if first != where and (name, first, where) not in told:
                told.add((name, first, where))
                text = f"{name} is counted twice: what {receiver} takes meets {first} and {where}"
                yield error(Code.PIPELINE, text, place, "count it in one of them")


def _counters(
    loaded: Loaded, root: source.Node, receiver: str
) -> Iterator[tuple[Signal, Pipeline, str, str, Span]]:
    """Whatever counts items of a signal that `receiver` takes: where, who, what, its place."""
    for signal, pipeline in _ways(loaded, receiver):
        lists = (("processors", pipeline.processors), ("exporters", pipeline.exporters))
        for role, ids in lists:
            for index, component_id in enumerate(ids):
                place = tree.place(root, ("service", "pipelines", pipeline.name, role, index))
                for name in _counted(_component(loaded, role, component_id)):
                    yield signal, pipeline, component_id, name, place


def _ways(loaded: Loaded, receiver: str) -> Iterator[tuple[Signal, Pipeline]]:
    """The pipelines that items of each signal may pass; an item is of one signal."""
    for signal in Signal:
        for pipeline in _reached(loaded, receiver, signal):
            yield signal, pipeline


def _reached(loaded: Loaded, receiver: str, signal: Signal) -> list[Pipeline]:
    """The pipelines that may get what `receiver` takes of `signal`, connectors followed."""
    found = [of for of in loaded.pipelines if of.signal is signal and receiver in of.receivers]
    return found + _following(loaded, found)


def _following(loaded: Loaded, pipelines: Sequence[Pipeline]) -> list[Pipeline]:
    """The pipelines that get what `pipelines` put out and are none of them."""
    found, new = list(pipelines), list(pipelines)
    while new:
        sources = {
            name
            for of in new
            for name in of.exporters
            if (Kind.CONNECTORS, name) in loaded.components
        }
        new = [of for of in loaded.pipelines if of not in found and sources & set(of.receivers)]
        found += new
    return found[len(pipelines) :]


def _late(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    behind = _samplers_before(loaded)
    for pipeline in loaded.pipelines:
        dropper = sampler = behind.get(pipeline.name, "")
        lists = (("processors", pipeline.processors), ("exporters", pipeline.exporters))
        for role, ids in lists:
            for index, component_id in enumerate(ids):
                component = _component(loaded, role, component_id)
                if component is None:
                    continue
                late = dropper if _counted(component) else sampler
                if late and (_counted(component) or _makes_metrics(component, pipeline.signal)):
                    place = tree.place(root, ("service", "pipelines", pipeline.name, role, index))
                    text = f"{component_id} counts only what {late} leaves"
                    yield warning(Code.PIPELINE, text, place, _before(component_id, late, role))
                dropper = component_id if _drops(component) else dropper
                sampler = component_id if component.samples else sampler


def _before(component_id: str, late: str, role: str) -> str:
    if role == "processors" and " in " not in late:
        return f"put {component_id} before {late}"
    return f"count in a pipeline before {late}, and hand on to it by a connector such as forward"


def _samplers_before(loaded: Loaded) -> dict[str, str]:
    """The pipelines that get what a sampler in another one has left, and which that is."""
    found: dict[str, str] = {}
    for pipeline in loaded.pipelines:
        known = [(of, _component(loaded, "processors", of)) for of in pipeline.processors]
        samplers = [name for name, of in known if of is not None and of.samples]
        for following in _following(loaded, [pipeline]) if samplers else ():
            if following.signal is pipeline.signal:
                found.setdefault(following.name, f"{samplers[0]} in {pipeline.name}")
    return found


def _makes_metrics(component: Component, signal: Signal) -> bool:
    """Whether it makes of items that it gets metrics that tell of these."""
    factory = component.factory
    return (
        isinstance(factory, ConnectorFactory)
        and signal is not Signal.METRICS
        and (signal, Signal.METRICS) in factory.routes
    )


def _component(loaded: Loaded, role: str, component_id: str) -> Component | None:
    kind = Kind.PROCESSORS if role == "processors" else Kind.CONNECTORS
    return loaded.components.get((kind, component_id))


def _counted(component: Component | None) -> tuple[str, ...]:
    if component is None:
        return ()
    factory = component.factory
    if not isinstance(factory, ProcessorFactory | ConnectorFactory) or factory.counts is None:
        return ()
    return tuple(factory.counts(component.config))


def _drops(component: Component) -> bool:
    return isinstance(component.factory, ProcessorFactory) and bool(component.factory.drops)
