"""The graph of pipelines: a deterministic function from inbox records to outputs.

One record passes through the whole graph as one step. What comes out is a list, and the
place in it is, with the record's offset, the output's identity.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from collectors.component import Batch, Emit, Processor, Signal
from collectors.cumulative import Cumulative
from collectors.graph.ledger import Ledger
from collectors.graph.parts import Account, Output, Pipeline, Unrouted
from collectors.graph.run import Run
from collectors.graph.topology import Node, order
from collectors.waiting import Waiting

_log = logging.getLogger(__name__)

LEDGER = "ledger/"
PROCESSOR = "processor/"
CONNECTOR = "connector/"
CONNECTOR_LEDGER = "connector-ledger/"

_LAST_TICKS: Final = 1000
"""Ticks that a component gets to put out what it holds; one is enough for a single deadline."""


class Graph:
    """All pipelines and connectors, and their state."""

    def __init__(
        self,
        pipelines: Mapping[str, Pipeline],
        connectors: Mapping[str, Processor],
        ledgers: Mapping[str, Ledger] | None = None,
    ) -> None:
        """Put the graph together.

        Args:
            pipelines: By name.
            connectors: By id.
            ledgers: Of the connectors, for those whose meter counts into one.

        Raises:
            GraphError: Connectors lead in a circle.
        """
        self._pipelines = dict(sorted(pipelines.items()))
        self._connectors = dict(sorted(connectors.items()))
        self._ledgers = {name: (ledgers or {}).get(name) or Ledger() for name in self._connectors}
        wirings = {name: pipeline.wiring for name, pipeline in self._pipelines.items()}
        self._order = order(wirings, connectors)
        self._entries: dict[tuple[str, Signal], tuple[str, ...]] = {}
        for name, wiring in wirings.items():
            for receiver in wiring.receivers:
                key = (receiver, wiring.signal)
                self._entries[key] = (*self._entries.get(key, ()), name)
        self._waiting = [
            (name, processor)
            for name, pipeline in self._pipelines.items()
            for _, processor in pipeline.processors
            if isinstance(processor, Waiting)
        ]

    @property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """All pipelines by name."""
        return self._pipelines

    def step(self, receiver: str, batch: Batch) -> list[Output]:
        """Pass one request of `receiver` through the graph.

        Raises:
            Unrouted: Nothing was done: no pipeline takes it.
            StepFailed: A component raised; `restore` before the next step.
        """
        entries = self._entries.get((receiver, batch.signal))
        if entries is None:
            msg = f"no {batch.signal} pipeline takes what receiver {receiver} got"
            raise Unrouted(msg)
        run = Run(self, batch.payload)
        for name in entries:
            run.enter(name, batch)
        run.go()
        return run.outputs

    def tick(self, steady_ns: int) -> list[Output]:
        """Let those act whose deadline is at or before `steady_ns`; raises StepFailed."""
        run = Run(self)
        run.go(partial(_tick, steady_ns))
        return run.outputs

    def decide_early(self, most_bytes: int, steady_ns: int) -> list[Output]:
        """Let at most `most_bytes` wait in all, of each processor the same share.

        Raises:
            StepFailed: A component raised; `restore` before the next step.
        """
        sizes = {id(processor): processor.waiting_bytes() for _, processor in self._waiting}
        total = max(1, sum(sizes.values()))
        limits = {which: most_bytes * size // total for which, size in sizes.items()}
        before = [processor.held_items() for _, processor in self._waiting]
        run = Run(self)
        run.go(partial(_decide_early, limits, steady_ns))
        for (name, processor), held in zip(self._waiting, before, strict=True):
            self._pipelines[name].ledger.early += max(0, held - processor.held_items())
        return run.outputs

    def put_out(self, following: Graph, steady_ns: int) -> list[Output]:
        """Put out what is held in components that `following` has not: it goes on in this graph.

        Raises:
            StepFailed: A component raised; `restore` before the next step.
        """
        run = Run(self)
        run.go(partial(_put_out, self._gone_in(following), steady_ns))
        return run.outputs

    def is_left_by(self, following: Graph) -> bool:
        """Whether it has components that `following` has not."""
        return bool(self._gone_in(following))

    def _gone_in(self, following: Graph) -> frozenset[int]:
        stay = {key for key, _ in following._components()}
        return frozenset(id(of) for key, of in self._components() if key not in stay)

    def waits_in(self, pipeline: str) -> bool:
        """Whether items of `pipeline` may wait on disk."""
        return any(name == pipeline for name, _ in self._waiting)

    def waiting(self) -> Sequence[tuple[str, Waiting]]:
        """Pipeline and processor of all whose items wait on disk."""
        return self._waiting

    def next_deadline(self) -> int | None:
        """Steady time at which a tick is wanted first; None while nothing waits."""
        deadlines = [
            deadline
            for _, processor in self._components()
            if (deadline := processor.next_deadline()) is not None
        ]
        return min(deadlines, default=None)

    def held_items(self, pipeline: str) -> int:
        """Items that wait in the processors of `pipeline`."""
        return sum(p.held_items() for _, p in self._pipelines[pipeline].processors)

    def snapshot(self) -> dict[str, bytes]:
        """The state of every component and every ledger, by name."""
        state = {key: processor.snapshot() for key, processor in self._components()}
        return state | {account.key: account.ledger.encode() for account in self.accounts()}

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Continue from `state`; a component that is not in it keeps what it has."""
        for key, processor in self._components():
            if key in state:
                processor.restore(state[key])
        for account in self.accounts():
            if account.key in state:
                account.ledger.decode(state[account.key])

    def take_over(self, state: Mapping[str, bytes]) -> dict[str, int]:
        """Continue from the `state` of a graph that may have been configured otherwise.

        A component that cannot read what it finds begins anew. What is held in `state` and
        in no component afterwards is booked as lost.

        Returns:
            Items lost so, by pipeline or connector; those that are no more included.
        """
        for key, processor in self._components():
            if key not in state:
                continue
            fresh = processor.snapshot()
            try:
                processor.restore(state[key])
            except Exception:  # noqa: BLE001 - whatever a component says of bytes that are not its own
                _log.exception("%s cannot read its earlier state and begins anew", key)
                processor.restore(fresh)
        lost: dict[str, int] = {}
        accounts = {account.key: account for account in self.accounts()}
        for key in sorted(key for key in state if key.startswith((LEDGER, CONNECTOR_LEDGER))):
            ledger, account = Ledger(), accounts.get(key)
            ledger.decode(state[key])
            missing = max(0, ledger.imbalance(account.held if account is not None else 0))
            ledger.lost += missing
            if missing:
                lost[key.partition("/")[2]] = missing
            if account is not None:
                account.ledger.decode(ledger.encode())
        return lost

    def accounts(self) -> Iterator[Account]:
        """Both sides of the books, of every pipeline and every connector that is fed."""
        for name, pipeline in self._pipelines.items():
            held = self.held_items(name)
            yield Account(LEDGER + name, pipeline.wiring.signal, pipeline.ledger, held)
        for name, connector in self._connectors.items():
            signal = self._taken_by(name)
            if signal is not None:
                held = connector.held_items()
                yield Account(CONNECTOR_LEDGER + name, signal, self._ledgers[name], held)

    def _taken_by(self, connector: str) -> Signal | None:
        """What feeds a connector; the first by name of its pipelines, if they differ."""
        for pipeline in self._pipelines.values():
            if connector in pipeline.wiring.exporters:
                return pipeline.wiring.signal
        return None

    def begin_again(self) -> None:
        """Let every counter begin at zero: see `Cumulative`."""
        for _, processor in self._components():
            if isinstance(processor, Cumulative):
                processor.begin_again()

    def _components(self) -> list[tuple[str, Processor]]:
        # An id stands once in a pipeline, so its state finds it wherever it is moved.
        found = [
            (f"{PROCESSOR}{name}/{identity}", processor)
            for name, pipeline in self._pipelines.items()
            for identity, processor in pipeline.processors
        ]
        return found + [(CONNECTOR + name, c) for name, c in self._connectors.items()]

    def nodes(self) -> tuple[Node, ...]:
        """Pipelines and connectors in the order in which they run."""
        return self._order

    def connector(self, name: str) -> Processor:
        """The connector `name`."""
        return self._connectors[name]

    def ledger(self, connector: str) -> Ledger:
        """What `connector` did with its items."""
        return self._ledgers[connector]

    def fed_by(self, connector: str, signal: Signal) -> tuple[str, ...]:
        """The pipelines that take what `connector` puts out."""
        return self._entries.get((connector, signal), ())

    def is_connector(self, identity: str) -> bool:
        """Whether `identity`, among a pipeline's exporters, is a connector."""
        return identity in self._connectors


def _tick(steady_ns: int, processor: Processor, emit: Emit) -> None:
    deadline = processor.next_deadline()
    if deadline is not None and deadline <= steady_ns:
        processor.tick(steady_ns, emit)


def _decide_early(
    limits: Mapping[int, int], steady_ns: int, processor: Processor, emit: Emit
) -> None:
    """Let `processor` decide until no more bytes wait than `limits` has for its identity."""
    most_bytes = limits.get(id(processor))
    if most_bytes is not None and isinstance(processor, Waiting):
        processor.decide_early(most_bytes, steady_ns, emit)


def _put_out(leave: Container[int], steady_ns: int, processor: Processor, emit: Emit) -> None:
    """Let `processor`, if it is one of those that `leave`, hold nothing any more."""
    if id(processor) not in leave:
        return
    if isinstance(processor, Waiting):
        processor.decide_early(0, steady_ns, emit)
    for _ in range(_LAST_TICKS):
        deadline = processor.next_deadline()
        if deadline is None:
            return
        processor.tick(max(deadline, steady_ns), emit)
        if not processor.held_items():
            return
