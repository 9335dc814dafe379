"""What a pipeline or a connector did with its items, in numbers: one side of the books.

It is part of the graph's state: after a replay it says what it said before.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

from collectors.component import Meter

ITEMS = "fleetslo_items_total"
TOTAL_SUFFIX = "_total"

Total: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A counter: its name and its labels, sorted."""


@dataclass(slots=True)
class Ledger:
    """Items of one pipeline or connector since its data directory was made.

    Attributes:
        entered: Came in from receivers and connectors.
        made: Came into being inside, as a processor said.
        out: Left to what comes next, counted once however many take it.
        sampled_out: Dropped by a sampler's decision.
        filtered: Dropped by a filter's condition.
        aggregated: Became part of another item.
        lost: Held by a processor whose state could not be taken over, or on a disk that
            damaged them.
        early: Of all these, decided on before their time for want of disk.
    """

    entered: int = 0
    made: int = 0
    out: int = 0
    sampled_out: int = 0
    filtered: int = 0
    aggregated: int = 0
    lost: int = 0
    early: int = 0

    def imbalance(self, held: int) -> int:
        """Items that are unaccounted for, 0 by contract: entered and made, less the rest."""
        gone = self.sampled_out + self.filtered + self.aggregated + self.lost
        return self.entered + self.made - self.out - gone - held

    def encode(self) -> bytes:
        """As bytes."""
        return json.dumps(asdict(self)).encode()

    def decode(self, data: bytes) -> None:
        """Take over what `encode` made; names that are not there keep 0."""
        values = json.loads(data)
        for field in fields(self):
            setattr(self, field.name, int(values.get(field.name, 0)))


COUNTED = frozenset({"made", "sampled_out", "filtered", "aggregated", "lost"})


class PipelineMeter:
    """The meter of processors and connectors: what concerns the books goes to the ledger.

    While the graph replays, other counts are dropped: they were made the first time.

    Attributes:
        totals: Counters that were set, by name and labels: they are part of the graph's
            state, and whoever knows when it is whole shows them.
    """

    def __init__(self, ledger: Ledger, outer: Meter) -> None:
        self._ledger = ledger
        self._outer = outer
        self.silent = False
        self.totals: dict[Total, float] = {}

    def add(self, name: str, value: int, **labels: str) -> None:
        """See `Meter.add`; ``fleetslo_items_total`` needs an outcome that the ledger has."""
        if name == ITEMS:
            outcome = labels.get("outcome", "")
            if outcome not in COUNTED:
                msg = f"what stands in the graph counts {sorted(COUNTED)}, got {outcome!r}"
                raise ValueError(msg)
            setattr(self._ledger, outcome, getattr(self._ledger, outcome) + value)
        elif not self.silent:
            self._outer.add(name, value, **labels)

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        """See `Meter.observe`."""
        if not self.silent:
            self._outer.observe(name, value, count, **labels)

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """See `Meter.set`."""
        if name.endswith(TOTAL_SUFFIX):
            self.totals[name, tuple(sorted(labels.items()))] = value
        else:
            self._outer.set(name, value, **labels)
