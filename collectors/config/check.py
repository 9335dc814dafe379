"""Checks that need the whole configuration: references, signals, order, cycles, storage."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from collectors.component import (
    ConnectorFactory,
    ExporterFactory,
    ProcessorFactory,
    ReceiverFactory,
    Signal,
)
from collectors.config import tree
from collectors.config.agreeing import agreeing
from collectors.config.authenticators import authenticators
from collectors.config.clashes import clashes
from collectors.config.counting import counting
from collectors.config.model import Component, Loaded, Pipeline
from collectors.config.problems import Code, error, nearest, warning
from collectors.config.registry import Kind
from collectors.config.unheard import unheard
from slo import source
from slo.diagnostic import Diagnostic, Span

_ROLES = ("receivers", "processors", "exporters")
_STORAGE = "file_storage"


def check(
    loaded: Loaded,
    declared: set[tuple[Kind, str]],
    root: source.Node,
    problems: list[Diagnostic],
) -> None:
    """Add everything that is wrong between components and pipelines.

    Args:
        loaded: What is right by itself.
        declared: Every id that the file declares, also those whose own block is wrong, so
            that one mistake is not told twice.
        root: The merged file, for places.
        problems: Added to.
    """
    checker = _Checker(loaded, declared, root)
    problems.extend(checker.references())
    problems.extend(checker.connectors())
    problems.extend(checker.cycle())
    problems.extend(checker.admission())
    problems.extend(checker.extensions())
    problems.extend(checker.unused())
    problems.extend(counting(loaded, root))
    problems.extend(unheard(loaded, root))
    problems.extend(agreeing(loaded))
    problems.extend(authenticators(loaded, root))
    problems.extend(clashes(loaded, root))


class _Checker:
    def __init__(self, loaded: Loaded, declared: set[tuple[Kind, str]], root: source.Node) -> None:
        self._loaded = loaded
        self._declared = declared
        self._root = root

    def _place(self, pipeline: Pipeline, role: str, index: int) -> Span:
        return tree.place(self._root, ("service", "pipelines", pipeline.name, role, index))

    def _uses(self) -> Iterator[tuple[Pipeline, str, str, Span]]:
        """Every mention of a component in a pipeline: pipeline, role, id, place."""
        for pipeline in self._loaded.pipelines:
            lists = (pipeline.receivers, pipeline.processors, pipeline.exporters)
            for role, ids in zip(_ROLES, lists, strict=True):
                for index, component_id in enumerate(ids):
                    yield pipeline, role, component_id, self._place(pipeline, role, index)

    def references(self) -> Iterator[Diagnostic]:
        """Undefined and doubled ids, and components that cannot carry the signal."""
        seen: set[tuple[str, str, str]] = set()
        for pipeline, role, component_id, place in self._uses():
            kind = Kind(role)
            if (pipeline.name, role, component_id) in seen:
                text = f"{component_id} stands twice among the {role} of {pipeline.name}"
                yield error(Code.PIPELINE, text, place)
                continue
            seen.add((pipeline.name, role, component_id))
            kinds = {kind} if kind is Kind.PROCESSORS else {kind, Kind.CONNECTORS}
            if not any((of, component_id) in self._declared for of in kinds):
                known = [name for of, name in self._declared if of in kinds]
                text = f"{kind.one} {component_id} is not defined"
                way_out = nearest(component_id, known) or f"define it under {role}"
                yield error(Code.UNDEFINED, text, place, way_out)
                continue
            component = self._loaded.components.get((kind, component_id))
            if component is not None:
                yield from _wrong_signal(component, pipeline.signal, place)

    def connectors(self) -> Iterator[Diagnostic]:
        """A connector needs a pipeline on both sides, with signals that it can join."""
        for component in self._loaded.of(Kind.CONNECTORS):
            factory = component.factory
            if not isinstance(factory, ConnectorFactory):
                continue
            sources, sinks = self._sides(component.component_id)
            for pipeline in sources:
                if not any((pipeline.signal, sink.signal) in factory.routes for sink in sinks):
                    text = (
                        f"connector {component.component_id} takes {pipeline.signal} from "
                        f"{pipeline.name}, and no pipeline receives from it what it makes of them"
                    )
                    yield error(Code.UNUSED, text, pipeline.place)
            for sink in sinks:
                if not any(
                    (pipeline.signal, sink.signal) in factory.routes for pipeline in sources
                ):
                    text = (
                        f"pipeline {sink.name} receives from connector {component.component_id}, "
                        f"and no pipeline exports to it what becomes {sink.signal}"
                    )
                    yield error(Code.UNUSED, text, sink.place)

    def _sides(self, connector: str) -> tuple[list[Pipeline], list[Pipeline]]:
        pipelines = self._loaded.pipelines
        return (
            [pipeline for pipeline in pipelines if connector in pipeline.exporters],
            [pipeline for pipeline in pipelines if connector in pipeline.receivers],
        )

    def cycle(self) -> Iterator[Diagnostic]:
        """Connectors must not lead back to where they came from."""
        graph: dict[str, set[str]] = {}
        for component in self._loaded.of(Kind.CONNECTORS):
            sources, sinks = self._sides(component.component_id)
            for sink in sinks:
                graph.setdefault(sink.name, set()).update(pipeline.name for pipeline in sources)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as found:
            names: list[str] = list(reversed(found.args[1]))
            place = tree.place(self._root, ("service", "pipelines", names[0]), of_key=True)
            text = f"the pipelines form a cycle: {' -> '.join(names)}"
            yield error(Code.CYCLE, text, place, "take one of the connectors out")

    def admission(self) -> Iterator[Diagnostic]:
        """What acts before the inbox leads its pipeline, and every pipeline of its receiver.

        A pipeline with a processor that could not be read, which is told already, is not judged.
        """
        leads: dict[str, tuple[tuple[str, ...], str]] = {}
        for pipeline in self._loaded.pipelines:
            if any(
                (Kind.PROCESSORS, each) not in self._loaded.components
                for each in pipeline.processors
            ):
                continue
            leading = self._leading(pipeline)
            for index, component_id in enumerate(pipeline.processors):
                if index >= len(leading) and self._is_admission(component_id):
                    place = self._place(pipeline, "processors", index)
                    text = f"{component_id} acts before the inbox and must stand first"
                    yield error(Code.ADMISSION, text, place)
            for receiver in pipeline.receivers:
                if (Kind.CONNECTORS, receiver) in self._declared:
                    if leading:
                        place = self._place(pipeline, "processors", 0)
                        text = f"{leading[0]} acts before the inbox, and {receiver} comes after it"
                        yield error(Code.ADMISSION, text, place)
                    continue
                other, where = leads.setdefault(receiver, (leading, pipeline.name))
                if other != leading:
                    text = (
                        f"every pipeline of receiver {receiver} must begin with the same "
                        f"{(leading or other)[0]}, {where} and {pipeline.name} differ"
                    )
                    yield error(Code.ADMISSION, text, pipeline.place)

    def _leading(self, pipeline: Pipeline) -> tuple[str, ...]:
        for index, component_id in enumerate(pipeline.processors):
            if not self._is_admission(component_id):
                return pipeline.processors[:index]
        return pipeline.processors

    def _is_admission(self, component_id: str) -> bool:
        component = self._loaded.components.get((Kind.PROCESSORS, component_id))
        factory = component.factory if component else None
        return isinstance(factory, ProcessorFactory) and factory.admission

    def extensions(self) -> Iterator[Diagnostic]:
        """Extensions that run are declared, once, and at most one of them is the storage."""
        storages: list[str] = []
        for index, component_id in enumerate(self._loaded.extensions):
            place = tree.place(self._root, ("service", "extensions", index))
            if (Kind.EXTENSIONS, component_id) not in self._declared:
                known = [name for kind, name in self._declared if kind is Kind.EXTENSIONS]
                text = f"extension {component_id} is not defined"
                yield error(Code.UNDEFINED, text, place, nearest(component_id, known))
            if component_id in self._loaded.extensions[:index]:
                yield error(Code.PIPELINE, f"extension {component_id} stands twice", place)
            component = self._loaded.components.get((Kind.EXTENSIONS, component_id))
            if component is not None and component.type_name == _STORAGE:
                storages.append(component_id)
                if len(storages) > 1:
                    text = f"one file_storage is allowed, got {' and '.join(storages)}"
                    yield error(Code.STORAGE, text, place)

    def unused(self) -> Iterator[Diagnostic]:
        """What is defined and never mentioned: allowed, and worth a word."""
        used = {component_id for _, _, component_id, _ in self._uses()}
        for component in self._loaded.components.values():
            mentioned = self._loaded.extensions if component.kind is Kind.EXTENSIONS else used
            if component.component_id not in mentioned:
                text = f"{component.kind.one} {component.component_id} is defined and not used"
                yield warning(Code.UNUSED, text, component.place)


def _wrong_signal(component: Component, signal: Signal, place: Span) -> Iterator[Diagnostic]:
    factory = component.factory
    if not isinstance(factory, ReceiverFactory | ProcessorFactory | ExporterFactory):
        return
    if signal not in factory.signals:
        takes = ", ".join(sorted(factory.signals))
        text = f"{component.component_id} takes {takes}, not {signal}"
        yield error(Code.WRONG_SIGNAL, text, place)
