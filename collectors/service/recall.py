"""What a new process takes over from the one before, besides the graph's own state."""

from __future__ import annotations

import logging

from collectors.graph import InboxWords, Skip, Unreadable, control_entry
from collectors.log import Kind, Log, skim
from collectors.service.clock import Clock
from collectors.service.duplicates import WINDOW_SECONDS, Known
from collectors.service.marker import MOST_DEATHS
from collectors.service.storage import Storage

_log = logging.getLogger(__name__)


def deaths(storage: Storage, clock: Clock) -> frozenset[int]:
    """Inbox records that ended the process too often, the last death taken note of.

    Raises:
        OSError, Incomplete: The disk failed.
    """
    counts = storage.state.load_deaths()
    first = storage.inbox.first_offset
    counts = {offset: count for offset, count in counts.items() if offset >= first}
    died_at = storage.marker.died_at
    if died_at is not None and first <= died_at < storage.inbox.end:
        counts[died_at] = counts.get(died_at, 0) + 1
        storage.state.save_deaths(counts)
        if counts[died_at] == MOST_DEATHS:
            _log.error("inbox record %d ended the process %d times", died_at, MOST_DEATHS)
            entry = control_entry(Skip(died_at), clock.steady_ns(), clock.wall_ns())
            storage.inbox.append_now([entry])
    return frozenset(offset for offset, count in counts.items() if count >= MOST_DEATHS)


def known_requests(inbox: Log, known: Known, clock: Clock) -> None:
    """Remember the requests of the last ten minutes before the daemon went down."""
    since = clock.steady_ns() - WINDOW_SECONDS * 1_000_000_000
    for note in skim(inbox, _begin(inbox, since)):
        if note.kind is not Kind.DATA or note.steady_ns < since:
            continue
        try:
            words = InboxWords.decode(note.meta)
        except Unreadable:
            continue
        if words.digest:
            known.add(words.digest, note.steady_ns)


def _begin(inbox: Log, since_ns: int) -> int:
    """Offset of a segment that was begun before `since_ns` of steady time."""
    begin = inbox.first_offset
    for segment in inbox.segments():
        if segment.wall_ns and segment.steady_ns <= since_ns:
            begin = segment.name.base
    return begin
