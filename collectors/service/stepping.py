"""What the stepper begins with, and what it works with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.component import Meter, View
from collectors.graph import Graph, PipelineMeter
from collectors.log import Log, Reader, Totals
from collectors.service.books import Books, Counts
from collectors.service.burial import DeadIdentity
from collectors.service.clock import Clock
from collectors.service.eras import Course
from collectors.service.marker import Marker
from collectors.service.shares import Shares
from collectors.service.state import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where the graph stands before its first step.

    Attributes:
        offset: Next inbox record.
        read: Items read before it.
        passed: Running totals of the inbox there.
        lost: Items before it that could not be read.
        queued: Items given to each destination, by what the outbox holds.
        last: The last output that is in the outbox already: up to there the graph repeats
            itself.
        known: The outputs that are in the outbox already and are not appended again.
        dead: Dead letters of the graph that are listed already.
        skips: Inbox offsets that ended the process too often.
    """

    offset: int
    read: Totals
    passed: Totals
    lost: Totals
    queued: Mapping[str, Counts]
    last: Identity
    known: Container[Identity]
    dead: frozenset[DeadIdentity]
    skips: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepperParts:
    """What the stepper works with.

    Attributes:
        empty_views: The state of each view that was shown nothing.
        meters: Of processors and connectors: silent while the graph repeats itself.
        abandon: Set once the daemon must end though the disk takes nothing.
        has_dead_room: Whether a dead letter of so many bytes fits into their share.
        shares: Told of every output that begins to wait.
        next_output: Offset in the outbox that the next output gets.
        fingerprint: Of the present configuration and software.
        course: The eras before the present one.
    """

    graph: Graph
    views: Mapping[str, View]
    empty_views: Mapping[str, bytes]
    meters: Sequence[PipelineMeter]
    dead: Log
    replay: Callable[[int], Reader]
    books: Books
    clock: Clock
    meter: Meter
    marker: Marker
    abandon: threading.Event
    has_dead_room: Callable[[int], bool] = lambda _: True
    shares: Shares = field(default_factory=Shares)
    next_output: int = 0
    fingerprint: str = ""
    course: Course = field(default_factory=Course)
