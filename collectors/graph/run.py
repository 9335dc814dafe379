"""One step through the whole graph: every node once, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.component import Batch, Emit, Processor
from collectors.graph.parts import Output, Pipeline, StepFailed

if TYPE_CHECKING:  # the graph makes runs, and a run reads the graph
    from collectors.graph.graph import Graph

Act = Callable[[Processor, Emit], None]
"""What a component does of itself, before it is given anything."""


class Run:
    """One step: what waits before which node, and what came out so far."""

    def __init__(self, graph: Graph, untouched: bytes | None = None) -> None:
        self._graph = graph
        self._untouched = untouched  # the payload that stands in the inbox
        self._waiting: dict[str, list[Batch]] = {}
        self._for_connector: dict[str, list[Batch]] = {}
        self.outputs: list[Output] = []

    def enter(self, pipeline: str, batch: Batch) -> None:
        """Let `batch` wait before `pipeline`."""
        self._graph.pipelines[pipeline].ledger.entered += batch.items
        self._waiting.setdefault(pipeline, []).append(batch)

    def go(self, act: Act | None = None) -> None:
        """Run every node once, in order; let each component `act` before it is given more."""
        for node in self._graph.nodes():
            if node.is_connector:
                self._run_connector(node.name, act)
            else:
                self._run_pipeline(node.name, act)

    def _run_pipeline(self, name: str, act: Act | None) -> None:
        waiting = self._waiting.pop(name, ())
        if not waiting and act is None:
            return
        pipeline = self._graph.pipelines[name]
        emits = self._emits(name, pipeline)
        if act is not None:
            for (identity, processor), emit in zip(pipeline.processors, emits[1:], strict=True):
                _guarded(act, identity, processor, emit)
        for batch in waiting:
            emits[0](batch)

    def _run_connector(self, name: str, act: Act | None) -> None:
        connector, ledger = self._graph.connector(name), self._graph.ledger(name)

        def emit(batch: Batch) -> None:
            ledger.out += batch.items
            for pipeline in self._graph.fed_by(name, batch.signal):
                self.enter(pipeline, batch)

        if act is not None:
            _guarded(act, name, connector, emit)
        for batch in self._for_connector.pop(name, ()):
            ledger.entered += batch.items
            _step(name, connector, batch, emit)

    def _emits(self, name: str, pipeline: Pipeline) -> Sequence[Emit]:
        """Where a batch goes before each processor, and behind the last."""
        emits: list[Emit] = [self._leaving(name, pipeline)]
        for identity, processor in reversed(pipeline.processors):
            emits.append(self._into(identity, processor, emits[-1]))
        emits.reverse()
        return emits

    def _into(self, identity: str, processor: Processor, emit: Emit) -> Emit:
        def into(batch: Batch) -> None:
            if batch.origin is not None and batch.payload is not self._untouched:
                batch = replace(batch, origin=None)
            _step(identity, processor, batch, emit)

        return into

    def _leaving(self, name: str, pipeline: Pipeline) -> Emit:
        exporters = pipeline.wiring.exporters
        connectors = tuple(i for i in exporters if self._graph.is_connector(i))
        destinations = tuple(i for i in exporters if not self._graph.is_connector(i))

        def leave(batch: Batch) -> None:
            pipeline.ledger.out += batch.items
            for identity in connectors:
                self._for_connector.setdefault(identity, []).append(batch)
            if destinations:
                self.outputs.append(Output(name, destinations, batch))

        return leave


def _step(identity: str, processor: Processor, batch: Batch, emit: Emit) -> None:
    try:
        processor.step(batch, emit)
    except StepFailed:
        raise
    except Exception as error:
        raise StepFailed(identity) from error


def _guarded(act: Act, identity: str, processor: Processor, emit: Emit) -> None:
    try:
        act(processor, emit)
    except StepFailed:
        raise
    except Exception as error:
        raise StepFailed(identity) from error
