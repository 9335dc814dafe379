"""Dead letters: everything that was accepted and will not be delivered, with the reason."""

from __future__ import annotations

from collectors.component import Context, Signal
from collectors.graph import DeadWords
from collectors.log import Entry, Kind
from collectors.service.clock import Clock

GRAPH = "graph"
DELIVERY = "delivery"
_LONGEST_REASON = 1000


def dead_letter(  # noqa: PLR0913 - a letter has an address, a sender, a date and a reason
    *,
    reason: str,
    stage: str,
    signal: Signal | None,
    items: int,
    payload: bytes,
    origin: int,
    clock: Clock,
    index: int = -1,
    destination: str = "",
    pipeline: str = "",
    receiver: str = "",
    context: Context | None = None,
) -> Entry:
    """The entry that lists `items` of `payload` as undeliverable."""
    words = DeadWords(
        reason[:_LONGEST_REASON],
        stage,
        destination,
        pipeline,
        origin,
        index,
        context or Context(),
        receiver,
    )
    return Entry(
        Kind.DATA, signal, items, clock.steady_ns(), clock.wall_ns(), words.encode(), payload
    )
