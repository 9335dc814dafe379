"""What waits in the outbox after a start, in numbers: a backlog may be of millions of records.

Only sums are kept: by destination for the books, by blocks of the outbox and tenant for the
shares. So a large backlog costs time, and no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.graph import OutboxWords, Unreadable
from collectors.log import Log, skim
from collectors.service.books import Counts, no_counts
from collectors.service.shares import block_of, holder

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Counted:
    """What was found.

    Attributes:
        waiting: Items and records that wait for each destination.
        held: Bytes by block of the outbox (its first offset) and tenant.
    """

    waiting: Mapping[str, tuple[Counts, int]]
    held: Mapping[tuple[int, str], int]


def count(outbox: Log, end: int, cursors: Mapping[str, tuple[int, tuple[int, ...]]]) -> Counted:
    """Count what waits before offset `end`.

    Args:
        outbox: Only what stands beside the payloads is read.
        end: What is behind it was counted as it came.
        cursors: Where each destination stood: its mark, and what was done above it.

    Raises:
        OSError: The disk failed.
    """
    waiting = {name: (low, frozenset(done)) for name, (low, done) in cursors.items()}
    counts = {name: no_counts() for name in waiting}
    records, held = Counter[str](), Counter[tuple[int, str]]()
    for note in skim(outbox, min((low for low, _ in waiting.values()), default=end), end):
        if note.signal is None:
            continue
        try:
            words = OutboxWords.decode(note.meta)
        except Unreadable:
            continue
        held[block_of(note.offset), holder(words.context)] += note.payload_bytes
        for name in words.destinations:
            low, done = waiting.get(name, (end, _NONE))
            if note.offset >= low and note.offset not in done:
                counts[name][note.signal] += note.items
                records[name] += 1
    return Counted({name: (counts[name], records[name]) for name in waiting}, held)
