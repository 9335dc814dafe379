"""Make the components that a plan names, and put the graph together from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from collectors.component import (
    Exporter,
    Extension,
    Gate,
    Meter,
    Processor,
    Settings,
    Signal,
    View,
)
from collectors.graph import Graph, Ledger, Pipeline, PipelineMeter, Wiring, reach
from collectors.service.eras import Kept
from collectors.service.plan import PipelinePlan, ServicePlan
from collectors.service.selfmetrics import signals_of
from collectors.service.shelf import DiskShelf
from collectors.waiting import Shelf

COMPONENTS = "components"


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Everything that a plan names but the receivers, which need a door first.

    Attributes:
        gates: By receiver, in the order of their processors.
        meters: Of the pipelines' processors, and of the connectors.
        copies: Most records of the outbox and the held log that one request can become.
    """

    extensions: Mapping[str, Extension]
    graph: Graph
    meters: tuple[PipelineMeter, ...]
    exporters: Mapping[str, Exporter]
    views: Mapping[str, View]
    gates: Mapping[str, tuple[Gate, ...]]
    copies: int


class Maker:
    """Makes components with the settings that each is to have."""

    def __init__(self, plan: ServicePlan, meter: Meter, shelf: DiskShelf | None = None) -> None:
        self._plan = plan
        self._meter = meter
        self._shelf = shelf
        self._extensions: dict[str, Extension] = {}

    def settings(
        self,
        identity: str,
        *,
        signals: tuple[Signal, ...] | None = None,
        meter: Meter | None = None,
        shelf: Shelf | None = None,
    ) -> Settings:
        """What the component `identity` is told beside its configuration."""
        return Settings(
            component_id=identity,
            signals=signals if signals is not None else signals_of(self._plan, identity),
            meter=meter if meter is not None else self._meter,
            data=self._data(identity),
            extensions=self._extensions,
            shelf=shelf,
        )

    def graph(self) -> tuple[Graph, tuple[PipelineMeter, ...]]:
        """Pipelines, processors and connectors, and their meters; raises what a factory raises."""
        plan = self._plan
        meters: list[PipelineMeter] = []
        pipelines = {
            name: self._pipeline(name, pipeline, meters)
            for name, pipeline in plan.pipelines.items()
        }
        connectors: dict[str, Processor] = {}
        ledgers = {name: Ledger() for name in plan.connectors}
        for name, of in plan.connectors.items():
            meters.append(meter := PipelineMeter(ledgers[name], self._meter))
            connectors[name] = of.create(self.settings(name, meter=meter))
        return Graph(pipelines, connectors, ledgers), tuple(meters)

    def make(self) -> Components:
        """Make all; raises what a factory raises."""
        plan = self._plan
        for name, extension in plan.extensions.items():
            self._extensions[name] = extension.create(self.settings(name))
        made = {name: of.create(self.settings(name)) for name, of in plan.exporters.items()}
        graph, meters = self.graph()
        wirings = {name: pipeline.wiring for name, pipeline in graph.pipelines.items()}
        held = sum(plan.waits_in(name) for name in plan.pipelines)
        copies = max((reach(wirings, plan.connectors, of) for of in plan.receivers), default=0)
        return Components(
            extensions=dict(self._extensions),
            graph=graph,
            meters=meters,
            exporters={name: of for name, of in made.items() if _is_exporter(of)},
            views={name: of for name, of in made.items() if _is_view(of)},
            gates=self._gates(),
            copies=copies + held,
        )

    def _pipeline(self, name: str, plan: PipelinePlan, meters: list[PipelineMeter]) -> Pipeline:
        ledger = Ledger()
        meter = PipelineMeter(ledger, self._meter)
        meters.append(meter)
        processors: list[tuple[str, Processor]] = []
        for identity in plan.processors:
            made = self._plan.processors[identity]
            shelf = self._shelf.of(plan.signal, name) if made.waits and self._shelf else None
            settings = self.settings(identity, signals=(plan.signal,), meter=meter, shelf=shelf)
            processors.append((identity, made.create(settings)))
        wiring = Wiring(plan.signal, plan.receivers, plan.exporters)
        return Pipeline(wiring, tuple(processors), ledger)

    def _gates(self) -> dict[str, tuple[Gate, ...]]:
        """The gates of each receiver: those processors of its pipelines that act there."""
        made: dict[str, Gate] = {}
        found: dict[str, dict[str, Gate]] = {}
        for pipeline in self._plan.pipelines.values():
            for identity in pipeline.processors:
                create = self._plan.processors[identity].gate
                if create is None:
                    continue
                if identity not in made:
                    made[identity] = create(self.settings(identity))
                for receiver in pipeline.receivers:
                    found.setdefault(receiver, {})[identity] = made[identity]
        return {receiver: tuple(gates.values()) for receiver, gates in found.items()}

    def _data(self, identity: str) -> Path:
        return self._plan.storage.directory / COMPONENTS / identity.replace("/", "-")


def rebuild(
    plan: ServicePlan, version: str, meter: Meter, shelf: DiskShelf | None, kept: Kept
) -> tuple[Graph, tuple[PipelineMeter, ...]]:
    """The graph of a configuration that was kept; raises whatever makes that impossible."""
    of = kept.fingerprint.rpartition("/")[2]
    if of != version:
        msg = f"it was run by version {of} of the software, this is {version}"
        raise ValueError(msg)
    if plan.rebuild is None:
        msg = "this plan cannot be made from a recipe"
        raise ValueError(msg)
    found = plan.rebuild(kept.recipe)
    return Maker(
        replace(
            plan,
            receivers={},
            exporters={},
            extensions={},
            processors=found.processors,
            connectors=found.connectors,
            pipelines=found.pipelines,
        ),
        meter,
        shelf,
    ).graph()


def _is_view(made: Exporter | View) -> TypeGuard[View]:
    """A view is applied, an exporter delivers: the seam gives them no name in common."""
    return hasattr(made, "apply")


def _is_exporter(made: Exporter | View) -> TypeGuard[Exporter]:
    return not _is_view(made)
