"""The half of `Processor` that a step without memory has nothing to say about."""

from __future__ import annotations

from collectors.component import Batch, Emit


class Stateless:
    """Base of processors that hold nothing between two batches.

    A subclass gives `step`; left as it is, everything passes through unchanged.
    """

    def step(self, batch: Batch, out: Emit) -> None:
        """Put `batch` out as it came."""
        out(batch)

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Never asked for."""

    def next_deadline(self) -> int | None:
        """Nothing waits."""
        return None

    def held_items(self) -> int:
        """Nothing is held."""
        return 0

    def snapshot(self) -> bytes:
        """There is no state."""
        return b""

    def restore(self, state: bytes) -> None:
        """There is no state."""
