"""What a graph is made of, what leaves it, and what stops a step."""

from __future__ import annotations

from dataclasses import dataclass, field

from collectors.component import Batch, Processor, Signal
from collectors.graph.ledger import Ledger
from collectors.graph.topology import Wiring


class StepFailed(Exception):  # noqa: N818 - says what happened to a step
    """A component raised: its state, and that of all others, is not to be used further."""

    def __init__(self, component: str) -> None:
        super().__init__(f"{component} failed")
        self.component = component


class Unrouted(Exception):  # noqa: N818 - says what is true of a record
    """No pipeline takes what this receiver sent: it was configured otherwise once."""


@dataclass(frozen=True, slots=True)
class Output:
    """A batch that leaves a pipeline, and the exporters that are to get it."""

    pipeline: str
    destinations: tuple[str, ...]
    batch: Batch


@dataclass(frozen=True, slots=True)
class Account:
    """One pipeline's or connector's side of the books.

    Attributes:
        key: The ledger's name in a snapshot.
        signal: Of what enters.
        held: Items that wait inside.
    """

    key: str
    signal: Signal
    ledger: Ledger
    held: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline, its processors made.

    Attributes:
        processors: Id and processor, in order.
        ledger: Counted in by the graph, and by the processors through their meter.
    """

    wiring: Wiring
    processors: tuple[tuple[str, Processor], ...]
    ledger: Ledger = field(default_factory=Ledger)
