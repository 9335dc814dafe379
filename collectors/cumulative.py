"""What a component also is if it keeps totals: a part of the seam, beside `component.py`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Cumulative(Protocol):
    """A processor or connector whose totals are shown as counters."""

    def begin_again(self) -> None:
        """Set every total to zero with a new start time, and keep all other state.

        Called, as part of the inbox's order, where the past of the counters can no longer
        be proven: damage, or a tail that the machine lost under `durability: os`.
        """
        ...
